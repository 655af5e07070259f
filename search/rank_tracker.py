"""Prequential rank tracking: what was predicted before each evaluation, against what came out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from dagsmith.search.component_ranking import LEAST, ComponentRanking, rank_by_component
from dagsmith.search.errors import SearchError
from dagsmith.search.ledger import in_order_of_proposals
from dagsmith.search.record import ARCHITECTURE, PREDICTED, PREDICTED_STD, ROUND, RecordReader
from dagsmith.search.study import study_objectives
from dagsmith.space import Architecture, SearchSpace
from dagsmith.space.errors import nearest

if TYPE_CHECKING:
    from dagsmith.predictor import RankCorrelation
    from dagsmith.predictor.metrics import MetricName


@dataclass(frozen=True, slots=True)
class Forecast:
    """One prediction that was made before the evaluation, and the evaluation.

    Args:
        trial: number of the trial.
        round: round of the search loop; -1 if another loop made the trial.
        mean: the prediction.
        std: its standard deviation.
        truth: what was measured.
        architecture: what was predicted and measured, or None if the trial does not tell.
    """

    trial: int
    round: int
    mean: float
    std: float
    truth: float
    architecture: Architecture | None = None


class RankTracker:
    """The rank correlation of predictions that were made before their evaluations.

    Only such predictions are honest: the predictor has not seen them, and they are of the kind of
    architecture that the search asks about. That kind is the best of many, where differences are
    small, so expect lower figures than over random architectures. Each round has its own fitted
    predictor; figures over several rounds compare predictions of different fits.

    Args:
        forecasts: in the order of their trials.
        larger_is_better: whether the best has the largest value.

    Example:
        >>> forecasts = [Forecast(i, 0, float(i), 0.1, float(i * i)) for i in range(8)]
        >>> round(RankTracker(forecasts, larger_is_better=True).overall().value, 6)
        1.0
    """

    def __init__(self, forecasts: Sequence[Forecast], *, larger_is_better: bool) -> None:
        self.forecasts = tuple(forecasts)
        self.larger_is_better = larger_is_better

    @staticmethod
    def from_study(
        study: optuna.Study, objective: str | None = None, space: SearchSpace | None = None
    ) -> "RankTracker":
        """Read a study's completed trials that carry a prediction.

        Args:
            study: any study whose trials were proposed with a prediction.
            objective: which of its values; the first that is measured, if None.
            space: decodes the architectures of trials that only have their slots, as in a plain
                Optuna study; the search loop writes the architecture itself.

        Raises:
            SearchError: an objective that the study does not have.
        """
        objectives = study_objectives(study)
        names = [each.name for each in objectives]
        if objective is None:
            objective = next((each.name for each in objectives if not each.cost), names[0])
        if objective not in names:
            raise SearchError(
                f"the study has no objective {objective!r}; {nearest(objective, names)}"
            )
        column = names.index(objective)
        reader = RecordReader(space) if space else None
        forecasts = [
            Forecast(
                trial.number,
                int(trial.user_attrs.get(ROUND, -1)),
                float(trial.user_attrs[PREDICTED + objective]),
                float(trial.user_attrs.get(PREDICTED_STD + objective, 0.0)),
                float(trial.values[column]),
                _architecture(trial, reader),
            )
            for trial in in_order_of_proposals(
                study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            )
            if PREDICTED + objective in trial.user_attrs
        ]
        return RankTracker(forecasts, larger_is_better=objectives[column].direction == "maximize")

    @property
    def rounds(self) -> list[int]:
        """The rounds that have forecasts, in order."""
        return sorted({forecast.round for forecast in self.forecasts})

    def overall(
        self, metric: "MetricName" = "kendall_tau", *, k: int | None = None, resamples: int = 1000
    ) -> "RankCorrelation":
        """The metric over all forecasts."""
        return self._correlation(self.forecasts, metric, k, resamples)

    def by_round(
        self, metric: "MetricName" = "kendall_tau", *, k: int | None = None, resamples: int = 1000
    ) -> dict[int, "RankCorrelation"]:
        """The metric within each round. A round is a small batch, so its interval is wide."""
        return {
            each: self._correlation(
                [f for f in self.forecasts if f.round == each], metric, k, resamples
            )
            for each in self.rounds
        }

    def up_to_round(
        self, metric: "MetricName" = "kendall_tau", *, k: int | None = None, resamples: int = 1000
    ) -> dict[int, "RankCorrelation"]:
        """The metric over each round and all before it."""
        return {
            each: self._correlation(
                [f for f in self.forecasts if f.round <= each], metric, k, resamples
            )
            for each in self.rounds
        }

    def by_component(
        self,
        metric: "MetricName" = "kendall_tau",
        *,
        k: int | None = None,
        least: int = LEAST,
        resamples: int = 1000,
    ) -> tuple[ComponentRanking, ...]:
        """The metric among the architectures with each component, and among the rest.

        Over all rounds; forecasts without an architecture are left out. See `rank_by_component`.

        Raises:
            SearchError: `least` below 3.
        """
        known = [(f.architecture, f) for f in self.forecasts if f.architecture is not None]
        return rank_by_component(
            [architecture for architecture, _ in known],
            [forecast.truth for _, forecast in known],
            [forecast.mean for _, forecast in known],
            metric=metric,
            k=k,
            larger_is_better=self.larger_is_better,
            least=least,
            resamples=resamples,
        )

    def table(self, *, k: int = 3, resamples: int = 1000) -> list[dict[str, Any]]:
        """Every metric in every round and over all of them, as JSON-ready rows.

        Args:
            k: how far down a round's ranking the metrics of the top look; all of a smaller round.
            resamples: bootstrap resamples of each interval.

        Returns:
            ``{round, metric, value, low, high, n}``, with a `reason` where there is no value;
            `round` is None over all rounds.
        """
        from dagsmith.predictor.metrics import AT_TOP, MetricName

        metrics: tuple[MetricName, ...] = get_args(MetricName)
        groups: dict[int | None, Sequence[Forecast]] = {
            each: [f for f in self.forecasts if f.round == each] for each in self.rounds
        }
        groups[None] = self.forecasts
        return [
            {
                "round": each,
                **self._correlation(
                    members, metric, k if metric in AT_TOP else None, resamples
                ).to_dict(),
            }
            for each, members in groups.items()
            for metric in metrics
        ]

    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Truth, mean and std, each ``[forecasts]``."""
        rows = [(f.truth, f.mean, f.std) for f in self.forecasts]
        truth, mean, std = np.array(rows, float).reshape(len(rows), 3).T
        return truth, mean, std

    def _correlation(
        self,
        forecasts: Sequence[Forecast],
        metric: "MetricName",
        k: int | None,
        resamples: int,
    ) -> "RankCorrelation":
        # The predictor package needs torch, which takes seconds to import.
        from dagsmith.predictor import rank_correlation

        return rank_correlation(
            [forecast.truth for forecast in forecasts],
            [forecast.mean for forecast in forecasts],
            metric=metric,
            k=k if k is None else min(k, max(len(forecasts), 1)),
            larger_is_better=self.larger_is_better,
            resamples=resamples,
        )


def _architecture(trial: FrozenTrial, reader: RecordReader | None) -> Architecture | None:
    written = trial.user_attrs.get(ARCHITECTURE)
    if written is not None:
        return Architecture.from_json(str(written))
    genotype = reader.genotype(trial.params) if reader else None
    return reader.space.decode(genotype) if reader and genotype is not None else None
