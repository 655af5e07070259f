"""The surrogate: predicted quality and exact cost of whole populations, in comparable units."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dagsmith.search.errors import SearchError
from dagsmith.search.objectives import Objective
from dagsmith.search.record import Record
from dagsmith.space import Population, SearchSpace, Vocabulary
from dagsmith.space.errors import nearest

if TYPE_CHECKING:
    from dagsmith.predictor import Predictor

PredictorFactory = Callable[[Vocabulary, int], "Predictor"]
"""From component kinds and a seed to a fresh predictor; called anew for every fit."""
Costs = Callable[[Population], Mapping[str, NDArray[np.floating]]]
"""Costs of whole populations by name, each ``[batch]``: they need no prediction."""

_DISTINCT = 3
"""Fewer distinct values teach nothing."""


@dataclass(frozen=True)
class CostLimit:
    """A soft limit on a cost: the score falls by `weight` for every factor of e beyond it.

    In CSCO the score is ``m min(1, (cost/limit)^alpha)``. Its logarithm is
    ``ln m - |alpha| max(0, ln(cost/limit))``; the same penalty is used here, because our score is
    in standard deviations and may be negative.

    Args:
        cost: name of the cost.
        limit: largest value that costs nothing.
        weight: standard deviations of quality lost per factor of e.
    """

    cost: str
    limit: float
    weight: float = 4.0

    def __post_init__(self) -> None:
        if not self.limit > 0 or not self.weight >= 0:
            raise SearchError(
                f"limit on {self.cost!r} is {self.limit} with weight {self.weight}; "
                "expected a limit above 0 and a weight of at least 0"
            )


class Surrogate:
    """One fitted predictor per measured objective, and the exact value of those that are costs.

    Args:
        space: the search space.
        record: what to fit to.
        factory: makes the predictors; None predicts nothing, for those who only want the units.
        seed: seed of the predictors.
        objectives: the study's objectives, to know which are costs; none means all are predicted.
        costs: computes costs of populations.
        limits: soft limits on costs.

    Raises:
        SearchError: an objective count that is not the record's, or a cost that `costs` lacks.
    """

    def __init__(
        self,
        space: SearchSpace,
        record: Record,
        factory: PredictorFactory | None,
        seed: int,
        *,
        objectives: Sequence[Objective] = (),
        costs: Costs | None = None,
        limits: Sequence[CostLimit] = (),
    ) -> None:
        count = len(record.signs)
        if objectives and len(objectives) != count:
            raise SearchError(f"{len(objectives)} objectives given; the study has {count}")
        self.signs = record.signs
        self._costs, self._limits = costs, tuple(limits)
        self._exact = [
            objectives[index].name if objectives and objectives[index].cost and costs else None
            for index in range(count)
        ]
        # Costs span orders of magnitude; on a log scale their differences are comparable.
        self._log = np.array(
            [
                bool(objectives)
                and objectives[index].cost
                and (record.quality[:, index] * sign > 0).all()
                for index, sign in enumerate(record.signs)
            ]
        )
        population = space.decode_many(record.genotypes)
        values = record.quality * record.signs
        self._predictors = [
            None
            if exact or factory is None
            else factory(space.kinds, seed + index).fit(population, values[:, index])
            for index, exact in enumerate(self._exact)
        ]
        scaled = self._scaled(values)
        self._center = np.median(scaled, axis=0)
        self._spread = _robust_spread(scaled)
        self.ideal: NDArray[np.float64] = self.standardised(values).max(axis=0)

    @staticmethod
    def can_learn(record: Record) -> bool:
        """Whether every objective has values enough, and different ones."""
        return all(len(np.unique(column)) >= _DISTINCT for column in record.quality.T)

    def predict(self, population: Population) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation in the objectives' units, each ``[batch, objectives]``."""
        mean = np.zeros((len(population), len(self.signs)))
        std = np.zeros_like(mean)
        costs = self._costs(population) if any(self._exact) and self._costs else {}
        for column, (exact, predictor) in enumerate(
            zip(self._exact, self._predictors, strict=True)
        ):
            if exact is not None:
                mean[:, column] = _cost(costs, exact)
            elif predictor is not None:
                prediction = predictor.predict(population)
                mean[:, column], std[:, column] = prediction.mean, prediction.std
        return mean, std

    def standardised(
        self,
        mean: NDArray[np.float64],
        std: NDArray[np.float64] | None = None,
        optimism: float = 0.0,
    ) -> NDArray[np.float64]:
        """Values as deviations from the record's median, higher is better, ``[batch, objectives]``.

        Args:
            mean: ``[batch, objectives]`` in the objectives' own units.
            std: their standard deviations.
            optimism: how many of them are added (the beta of an upper confidence bound).
        """
        quality: NDArray[np.float64] = (
            (self._scaled(mean) - self._center) / self._spread * self.signs
        )
        if std is not None and optimism:
            quality += optimism * np.where(self._log, 0.0, std) / self._spread
        return quality

    def penalty(self, population: Population) -> NDArray[np.float64]:
        """What the limits take off the score, ``[batch]``, in standard deviations."""
        total = np.zeros(len(population))
        if self._limits:
            if self._costs is None:
                raise SearchError("limits on costs need the `costs` that compute them")
            costs = self._costs(population)
            for limit in self._limits:
                value = _cost(costs, limit.cost)
                total += limit.weight * np.log(np.maximum(value / limit.limit, 1.0))
        return total

    def _scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(
            self._log, np.log(np.where(self._log, np.maximum(values, 1e-30), 1.0)), values
        )


def _cost(costs: Mapping[str, NDArray[np.floating]], name: str) -> NDArray[np.float64]:
    if name not in costs:
        raise SearchError(f"no cost {name!r} is computed; {nearest(name, costs)}")
    return np.asarray(costs[name], float)


def _robust_spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation per column as the quartiles tell it: one diverged loss must not set it."""
    quartiles = np.quantile(values, [0.25, 0.75], axis=0)
    spread = (quartiles[1] - quartiles[0]) / 1.349
    spread = np.where(spread > 0, spread, values.std(axis=0))
    return np.where(spread > 0, spread, 1.0)
