"""The main job: all stages in order, each skipped where it is finished."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from plotly import graph_objects as go

from dagsmith.assembly import assemble, keep_models
from dagsmith.champion_start import check_champion_store
from dagsmith.distil import stage_distil
from dagsmith.errors import RunError
from dagsmith.job import Job, search_directory
from dagsmith.predictor_start import check_tables
from dagsmith.progress import Reporter, SilentReporter
from dagsmith.race import stage_scratch
from dagsmith.result import read_result, write_result
from dagsmith.run_directory import read_configuration
from dagsmith.search.errors import StudyError
from dagsmith.search.figure_style import duration
from dagsmith.search.report import write_report
from dagsmith.search.result_figures import figure_models, figure_pareto, figure_rank_joints
from dagsmith.search.storage import open_storage, open_studies, storage_name
from dagsmith.search.trial_record import TrialRecord
from dagsmith.search.trials import Trials
from dagsmith.settings import SearchSettings
from dagsmith.stages import (
    stage_baselines,
    stage_data,
    stage_predictor,
    stage_recipe,
    stage_search,
    stage_supernet,
)

STAGES: dict[str, Callable[[Job], dict[str, Any]]] = {
    "data": stage_data,
    "recipe": stage_recipe,
    "supernet": stage_supernet,
    "predictor": stage_predictor,
    "search": stage_search,
    "scratch": stage_scratch,
    "distil": stage_distil,
    "baselines": stage_baselines,
}
"""The stages that take time, by name, in order; result, models and report follow."""


def search_models(
    settings: SearchSettings, out: str | Path, progress: Reporter | None = None
) -> dict[str, Any]:
    """Run the whole job in the directory `out`, or what is left of it.

    Args:
        settings: what to do.
        out: directory of the run; the same settings go on with what is there.
        progress: who is told; nobody by default.

    Returns:
        The result document, as in ``out/result.json``.

    Raises:
        RunError: the directory belongs to another job, or is in use.
        StoreError: the predictor store is not there, or is none.
    """
    shown = progress or SilentReporter()
    directory = search_directory(settings, out)
    job = Job(settings, directory, shown)
    job.check()
    if settings.storage is not None:
        open_storage(settings.storage)
    if directory.output("search") is None:
        check_champion_store(settings.predictor_store)
    with directory.lock():
        if directory.output("report") is not None:
            shown.say(f"{out} is done; see {Path(out) / 'report.html'}")
            return read_result(job.path / "result.json")
        for name, stage in STAGES.items():
            if directory.output(name) is not None:
                shown.say(f"{name}: finished before")
                continue
            shown.begin(name)
            try:
                directory.run(name, lambda stage=stage: stage(job))  # type: ignore[misc]
            finally:
                shown.end()
            shown.say(f"{name}: finished in {duration(directory.seconds(name))}")
            if name == "data":
                # A study of another space or data set, and tables that teach nothing about this
                # space, are refused here, not after the supernet.
                _ = job.study
                check_tables(job)
        directory.run("report", lambda: _finish(job))
        result = read_result(job.path / "result.json")
        shown.say(_closing(result, job.path))
    return result


def rewrite_report(out: str | Path) -> Path:
    """Write ``out/report.html`` again from ``result.json`` and the study.

    Raises:
        RunError: `out` is no run directory, or the study has lost trials of the search.
        ResultError: it holds no result yet, or a damaged one.
    """
    settings = SearchSettings.from_dict(read_configuration(out))
    result = read_result(Path(out) / "result.json")
    job = Job(settings, search_directory(settings, out), SilentReporter())
    trials = _kept_trials(job, result)
    path = job.path / "report.html"
    write_report(path, result, trials.records())
    return path


def _kept_trials(job: Job, result: Mapping[str, Any]) -> Trials:
    """The trials of the result. With fewer than it was made of, a good report would be lost."""
    name = job.settings.study
    expected = result["search"]["complete"] + result["search"]["failed"]
    try:
        (study,) = open_studies(open_storage(job.storage, create=False), [name])
        trials = Trials(study, job.objectives)
        found = len(trials.finished)
        if found < expected:
            raise StudyError(f"it has {found} finished trials, the result {expected}")
    except StudyError as error:
        where = f"study {name!r} in {storage_name(job.storage)}"
        raise RunError(f"cannot draw the report from {where}: {error}") from None
    return trials


def _finish(job: Job) -> dict[str, Any]:
    result = assemble(job, tuple(STAGES))
    if not result["models"]:
        raise RunError("no architecture could be trained from scratch; scratch/ says why")
    keep_models(job, result)
    write_result(job.path / "result.json", result)
    write_report(job.path / "report.html", result, job.trials.records())
    if job.pages:
        job.pages.show(result_pages(result, job.trials.records(), job.quality.name))
    return {"result": "result.json", "report": "report.html"}


def result_pages(
    result: Mapping[str, Any], records: Sequence[TrialRecord], metric: str
) -> dict[str, go.Figure]:
    """The figures of a finished search that only its result knows: what training from scratch says.

    The front takes the place of the one that the search kept.
    """
    return {
        "rank-joints": figure_rank_joints(result["rank_correlation"]),
        "pareto": figure_pareto(result, records, metric),
        "models": figure_models(result, metric),
    }


def _closing(result: dict[str, Any], path: Path) -> str:
    best = result["models"][0]
    text = "done"
    if best["test"]["logloss"] is not None:
        text += f": model 1 has test log loss {best['test']['logloss']:.4f}"
    if best["test"]["auc"] is not None:
        text += f", AUC {best['test']['auc']:.4f}"
    return f"{text}, {best['flops']:.3g} FLOPs per row; see {path / 'report.html'}"
