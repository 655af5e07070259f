"""What the stages of a search share: settings, directory, data, space and study."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray

from dagsmith.data import Dataset
from dagsmith.errors import RunError
from dagsmith.hardware import Activations, Bytes, CostModel, Flops, Parameters, costs
from dagsmith.hardware.pim import (
    PIM_COSTS,
    Technology,
    default_technology,
    pim_costs,
    read_technology,
)
from dagsmith.progress import Reporter
from dagsmith.run_directory import RunDirectory
from dagsmith.search.limits import HARD, parse_limits
from dagsmith.search.objectives import COSTS, Objective, parse_objectives
from dagsmith.search.study import keep_scoring, open_study
from dagsmith.search.study_pages import StudyPages, dashboard_installed
from dagsmith.search.surrogate import CostLimit
from dagsmith.search.trials import Trials
from dagsmith.settings import NOTHING, SearchSettings
from dagsmith.space import SPACES, ClickSpace, Genotype, PIMSpace, Population, usual_blocks
from dagsmith.space.errors import nearest
from dagsmith.space.offered import PLUS

PICTURES = "pictures"
"""Folder of the drawings that the dashboard shows, in the run's directory."""
SMALL_LOG = 250_000
"""Most training rows of a log that every candidate can pass a few times."""
RANKED_BY = ("logloss", "auc")
"""The metrics that a search may put first."""
MEASURED = (*RANKED_BY, "normalised_entropy", "calibration_error", "cpu_latency_ns")
"""The metrics that evaluations have."""
SCORED_BY = (
    "seed",
    "recipe",
    "embedding_l2",
    "width_factor",
    "dropout",
    "learning_rate",
    "batch_size",
    "scratch_epochs",
)
"""Settings that decide the score of a candidate."""
OF_SUPERNET = ("supernet", "fine-tuning")
"""Evaluators that score by a supernet's weights."""
SCORED_BY_ONE = {
    "few-epochs": ("few_epochs", "scratch_seeds", "calibrate"),
    "short-training": ("short_rows", "calibrate"),
    "supernet": ("supernet_epochs", "supernet_batch_size"),
    "fine-tuning": ("supernet_epochs", "supernet_batch_size", "short_rows", "calibrate"),
}
"""Those that only one evaluator has."""


def search_directory(settings: SearchSettings, out: str | Path) -> RunDirectory:
    """The directory of a search; a search of an earlier version goes on in it.

    Raises:
        RunError: it belongs to another job.
    """
    return RunDirectory(out, settings.to_dict(), SearchSettings().to_dict())


@dataclass
class Job:
    """One search, opened in its directory; what is expensive is made when it is first asked for.

    Attributes:
        settings: what was asked.
        directory: where it is kept.
        progress: who is told.
    """

    settings: SearchSettings
    directory: RunDirectory
    progress: Reporter

    @property
    def path(self) -> Path:
        """The directory of the run."""
        return self.directory.path

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """What the search optimises; the first is what models are ranked by.

        Raises:
            RunError: the first is no metric that supernet and scratch both measure.
        """
        objectives = parse_objectives(self.settings.objectives)
        if objectives[0].name not in RANKED_BY:
            raise RunError(
                f"objectives are {self.settings.objectives!r}; expected logloss or auc first"
            )
        return objectives

    @property
    def quality(self) -> Objective:
        """The first objective: the one that models are ranked by."""
        return self.objectives[0]

    @cached_property
    def dataset(self) -> Dataset:
        """The prepared data set; the data stage must be finished."""
        output = self.directory.output("data")
        if output is None:
            raise RunError(f"{self.path}: the data stage is not finished")
        dataset = Dataset.open(self.path / output["path"])
        if dataset.fingerprint != output["fingerprint"]:
            raise RunError(
                f"{dataset.path} is another data set ({dataset.fingerprint[:12]}) than the one "
                f"this run began with ({output['fingerprint'][:12]}); use another --out"
            )
        return dataset

    @cached_property
    def space(self) -> ClickSpace:
        """The search space over the features of the data."""
        settings = self.settings
        return SPACES[settings.space](
            len(self.dataset.dense_features),
            len(self.dataset.fields),
            blocks=settings.blocks or usual_blocks(settings.space),
            widths=settings.widths or None,
            embedding_dim=settings.embedding_dim,
        )

    @property
    def evaluator(self) -> str:
        """What scores candidates: one of `EVALUATORS` but ``"auto"``.

        Streams as unlike as those of ctr-plus share weights badly, and are cheap to train; NASRec's
        blocks share them better, and cost ten times as much. Of the two ways to train a candidate
        alone, a few epochs from scratch rank better and, on a small log, cost as much
        (docs/results.md has the figures).
        """
        if self.settings.evaluator != "auto":
            return self.settings.evaluator
        if self.settings.space not in PLUS:
            return "supernet"
        return "few-epochs" if len(self.dataset.train) <= SMALL_LOG else "short-training"

    @cached_property
    def handmade(self) -> dict[str, Genotype]:
        """The hand-made models that are points of the space, by name; none if not wanted."""
        return {} if self.settings.no_handmade else self.space.handmade()

    @cached_property
    def handmade_keys(self) -> dict[str, str]:
        """Their names by canonical key."""
        return {self.space.decode(point).key: name for name, point in self.handmade.items()}

    @property
    def storage(self) -> str | Path:
        """Where the study is: a URL that was given, or a file of the run's own."""
        return self.settings.storage or self.path / "study.db"

    @cached_property
    def study(self) -> optuna.Study:
        """The study; refused if it was made for another space, data set or objectives."""
        # Scores of one kind say nothing about scores of another.
        context = {"data": self.dataset.fingerprint, "evaluator": self.evaluator}
        study = open_study(
            self.storage, self.settings.study, self.space, self.objectives, context=context
        )
        names = (*SCORED_BY, *SCORED_BY_ONE[self.evaluator])
        keep_scoring(study, {name: getattr(self.settings, name) for name in names})
        return study

    def check(self) -> None:
        """Find mistakes before anything is trained, so that they do not cost an hour.

        Raises:
            SearchError: objectives or limits that are not known.
            RunError: an objective that nobody measures.
            CostError: figures of the hardware that cannot be read.
        """
        measured = {*MEASURED, *COSTS}
        for objective in self.objectives:
            if objective.name not in measured:
                raise RunError(
                    f"objective {objective.name!r} is not measured by a search; "
                    f"{nearest(objective.name, sorted(measured))}"
                )
        _ = self._asked_limits, self.technology

    @property
    def trials(self) -> Trials:
        """The finished trials, read anew."""
        return Trials(self.study, self.objectives)

    @cached_property
    def pages(self) -> StudyPages | None:
        """What optuna-dashboard shows of the study; None where it is not installed."""
        if not dashboard_installed():
            return None
        return StudyPages(self.study, pictures=self.path / PICTURES)

    @cached_property
    def _asked_limits(self) -> tuple[CostLimit, ...]:
        asked = self.settings.limit
        return () if asked == NOTHING else parse_limits(asked)

    @cached_property
    def limits(self) -> tuple[CostLimit, ...]:
        """The budgets that were asked for, else what the most expensive hand-made models cost.

        Without any, proposals grow to many times that, and take as long to train, for nothing that
        was found better (docs/results.md). Both costs are limited, because FLOPs alone do not tell
        how long a training takes. Where a cost is an objective, the front is the answer.
        """
        handmade = self.space.handmade()
        if self.settings.limit or any(o.cost for o in self.objectives) or not handmade:
            return self._asked_limits
        models = self.space.decode_many(np.stack(list(handmade.values())))
        most = costs(models, [Flops(), Activations()])
        return tuple(CostLimit(name, float(each.max()), HARD) for name, each in most.items())

    @cached_property
    def technology(self) -> Technology:
        """The figures of the hardware."""
        path = self.settings.technology
        return default_technology() if path is None else read_technology(path)

    @cached_property
    def on_hardware(self) -> bool:
        """Whether this search asks for costs of in-memory-computing hardware."""
        asked = {o.name for o in self.objectives} | {limit.cost for limit in self.limits}
        return isinstance(self.space, PIMSpace) or bool(asked & set(PIM_COSTS))

    @property
    def table_rows(self) -> int:
        """Rows of all embedding tables."""
        return sum(field.cardinality for field in self.dataset.fields)

    def costs(self, population: Population) -> dict[str, NDArray[np.float64]]:
        """Costs of whole populations.

        Parameters, FLOPs and activations, without embedding tables; bytes where they are asked for,
        and the costs on in-memory-computing hardware where the space has it or they are asked for.
        """
        asked = {o.name for o in self.objectives} | {limit.cost for limit in self.limits}
        models: list[CostModel] = [Parameters(), Flops(), Activations()]
        models += [Bytes()] if "bytes" in asked else []
        found = costs(population, models)
        if self.on_hardware:
            found |= pim_costs(
                population, technology=self.technology, table_rows=float(self.table_rows)
            )
        return found
