"""What a search keeps in its study for optuna-dashboard: figures, pictures and notes.

A plain ``optuna-dashboard URL`` shows them beside what it draws itself. Nothing here reads or
writes a trial's parameters, values or user attributes, so a search with pages and one without
make the same trials.
"""

import json
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial
from plotly import graph_objects as go

from dagsmith.search.component_figures import figure_shared_components, shared_components
from dagsmith.search.errors import SearchError
from dagsmith.search.pareto import pareto_front
from dagsmith.search.progress_figures import (
    figure_predicted_measured,
    figure_progress,
    figure_rank_by_round,
)
from dagsmith.search.rank_tracker import RankTracker
from dagsmith.search.result_figures import figure_pareto
from dagsmith.search.study import study_objectives
from dagsmith.search.trial_notes import trial_note
from dagsmith.search.trials import Trials
from dagsmith.space import Architecture, draw

NOTES = 1000
"""Trials that get a note: the dashboard looks for each trial's note among all of them."""
SHARE = 0.05
"""Part of the time of a search that its pages may take."""
_RESAMPLES = 300


class StudyPages:
    """Writes the figures, pictures and notes of a study; `run_search` tells it when.

    Args:
        study: from `open_study`.
        pictures: folder for a drawing of every architecture, the dashboard's ``--artifact-dir``;
            None draws none.
        share: part of the time that updates may take: the next one waits until it is met.
        clock: returns seconds.

    Raises:
        SearchError: optuna-dashboard is not installed, or `pictures` cannot be written.

    Example:
        .. code-block:: python

            pages = StudyPages(study, pictures="pictures")
            run_search(study, space, evaluator, ..., pages=pages)
    """

    def __init__(
        self,
        study: optuna.Study,
        *,
        pictures: str | Path | None = None,
        share: float = SHARE,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not dashboard_installed():
            raise SearchError(
                "optuna-dashboard is not installed; pip install 'dagsmith[dashboard]'"
            )
        if not 0 < share <= 1:
            raise SearchError(f"share is {share}; expected above 0 and at most 1")
        self._study, self._share, self._clock = study, share, clock
        self._pictures = writable_folder(pictures) if pictures is not None else None
        self._free_at = clock()
        self._noted: set[int] = set()

    def picture(self, key: str, architecture: Architecture) -> dict[str, str]:
        """Draw an architecture; return the system attribute by which a trial shows the drawing.

        Isomorphic architectures share one file, named by their canonical key. (The dashboard serves
        artifacts whose name is hexadecimal, and no other.)
        """
        if self._pictures is None:
            return {}
        file = self._pictures / key
        if not file.exists():
            unfinished = file.with_name(f".{key}.part")
            unfinished.write_text(draw(architecture), encoding="utf-8")
            unfinished.replace(file)
        # As `optuna.artifacts.upload_artifact` writes it, but known before there is a trial: then
        # it costs no transaction of its own, and a drawing made twice is one.
        meta = {
            "artifact_id": key,
            "filename": "architecture.svg",
            "mimetype": "image/svg+xml",
            "encoding": None,
        }
        return {f"artifacts:{key}": json.dumps(meta)}

    def update(self, *, final: bool = False) -> bool:
        """Write figures and notes anew, unless that came too soon after the last time.

        Args:
            final: write in any case.

        Returns:
            Whether it wrote.
        """
        began = self._clock()
        if began < self._free_at and not final:
            return False
        trials = Trials(self._study, study_objectives(self._study))
        self.show(study_figures(self._study, trials))
        self._write_notes(trials)
        spent = self._clock() - began
        self._free_at = began + spent / self._share
        return True

    def show(self, figures: Mapping[str, go.Figure]) -> None:
        """Write figures by name; one of the same name is replaced."""
        dashboard = import_module("optuna_dashboard")
        for name, figure in figures.items():
            # The default template is longer than most figures, and the style sets all of it.
            # The dashboard's panels are narrow: a legend above, of several lines, would run into
            # the title, which the report lifts out of the figure and the dashboard does not.
            plain = go.Figure(figure).update_layout(
                template=None, legend={"y": -0.22, "yanchor": "top"}, margin={"t": 80, "b": 60}
            )
            dashboard.save_plotly_graph_object(
                self._study, plain, graph_object_id=f"dagsmith-{name}"
            )

    def _write_notes(self, trials: Trials) -> None:
        fresh = [t for t in trials.finished[:NOTES] if t.number not in self._noted]
        if not fresh:
            return
        storage, study = self._study._storage, self._study._study_id
        written = storage.get_study_system_attrs(study)
        for trial in fresh:
            # A note that somebody has written or changed stays.
            if f"dashboard:{trial._trial_id}:note_ver" not in written:
                self._write_note(trial, trial_note(trial, trials))
            self._noted.add(trial.number)

    def _write_note(self, trial: FrozenTrial, text: str) -> None:
        """As `optuna_dashboard.save_note` does, which takes no finished trial."""
        storage, study = self._study._storage, self._study._study_id
        prefix = f"dashboard:{trial._trial_id}:note_"
        storage.set_study_system_attr(study, f"{prefix}str:0", text)
        storage.set_study_system_attr(study, f"{prefix}ver", 1)


def study_figures(study: optuna.Study, trials: Trials | None = None) -> dict[str, go.Figure]:
    """The figures of a study by name, as far as there is something to see; a notebook shows each.

    Args:
        study: written by `run_search`.
        trials: its trials, where they were read already.
    """
    trials = trials or Trials(study, study_objectives(study))
    if not trials.complete:
        return {}
    quality, records = trials.quality, trials.records()
    tracker = RankTracker.from_study(study, quality.name)
    larger = quality.direction == "maximize"
    figures = {
        "progress-evaluations": figure_progress(records, quality.name, larger=larger),
        "progress-seconds": figure_progress(
            records, quality.name, against="seconds", larger=larger
        ),
    }
    if tracker.forecasts:
        rounds = [
            {"round": each, **found.to_dict()}
            for each, found in tracker.by_round(resamples=_RESAMPLES).items()
        ]
        figures["rank-by-round"] = figure_rank_by_round(rounds)
        figures["predicted-measured"] = figure_predicted_measured(records, quality.name)
    front = _front(trials)
    if len(front) > 1:
        figures["pareto"] = figure_pareto(
            {"pareto_front": front, "models": []}, records, quality.name
        )
    architectures = [trials.architecture(trial) for trial in trials.complete]
    shared = shared_components(
        architectures,
        [trials.metrics(trial)[quality.name] for trial in trials.complete],
        larger_is_better=larger,
    )
    if shared:
        figures["shared-components"] = figure_shared_components(shared)
    return figures


def dashboard_installed() -> bool:
    """Whether the extra ``dashboard`` is installed."""
    return find_spec("optuna_dashboard") is not None


def writable_folder(folder: str | Path) -> Path:
    """Make the folder if it is not there, and check that files can be written into it.

    Raises:
        SearchError: they cannot; in one line.
    """
    path = Path(folder)
    probe = path / f".writable-{time.time_ns()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SearchError(f"artifacts folder {path} is not writable: {error.strerror}") from None
    return path


def _front(trials: Trials) -> list[dict[str, Any]]:
    """The Pareto front of quality and FLOPs, as `figure_pareto` takes it."""
    known = [trial for trial in trials.complete if trials.costs(trial).get("flops")]
    if not known:
        return []
    name = trials.quality.name
    values = [[trials.metrics(t)[name], trials.costs(t)["flops"]] for t in known]
    chosen = pareto_front(np.array(values), [trials.quality.direction, "minimize"])
    return [
        {"flops": trials.costs(known[int(row)])["flops"], **trials.opinions(known[int(row)])}
        for row in chosen
    ]
