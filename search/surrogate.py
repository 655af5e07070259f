"""The surrogate: predicted quality and exact cost of whole populations, in comparable units."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
_INFEASIBLE = 4.0
"""Standard deviations of quality lost per standard deviation by which a constraint is missed."""


@dataclass(frozen=True)
class CostLimit:
    """A soft limit on a cost: what lies beyond it scores less, the farther the less.

    With an `alpha` below 0 the score is that of CSCO, in the units of the metric m,

        s = m min(1, (cost / limit)^alpha),

    for a metric above 0 that is maximized; one that is minimized is divided by that factor instead.
    Without, `weight` standard deviations of quality are taken off for every factor of e beyond the
    limit: the logarithm of the same, for metrics of any sign and scale.

    Source: Zhang et al., "CSCO", CVPRW 2024, arXiv 2404.17152, with alpha -1 and -0.5.

    Args:
        cost: name of the cost.
        limit: largest value that costs nothing.
        weight: standard deviations of quality lost per factor of e.
        alpha: exponent of CSCO's factor, at most 0; None takes `weight`.
    """

    cost: str
    limit: float
    weight: float = 4.0
    alpha: float | None = None

    def __post_init__(self) -> None:
        if self.alpha is not None and not -np.inf < self.alpha <= 0:
            raise SearchError(
                f"limit on {self.cost!r} has alpha {self.alpha}; expected a number of at most 0"
            )
        if not self.limit > 0 or not self.weight >= 0:
            raise SearchError(
                f"limit on {self.cost!r} is {self.limit} with weight {self.weight}; "
                "expected a limit above 0 and a weight of at least 0"
            )


class Surrogate:
    """One fitted predictor per measured objective, and the exact value of those that are costs.

    Constraints that the trials were told (``trial.set_constraint``) are learned like objectives, by
    a predictor each.

    Args:
        space: the search space.
        record: what to fit to.
        factory: makes the predictors; None predicts nothing, for those who only want the units.
        seed: seed of the predictors.
        objectives: the study's objectives, to know which are costs; none means all are predicted.
        costs: computes costs of populations.
        limits: soft limits on costs.

    Raises:
        SearchError: an objective count that is not the record's, limits without `costs`, a cost
            that `costs` lacks, or a limit with alpha over values that are not above 0.
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
        if limits and costs is None:
            raise SearchError("limits on costs need the `costs` that compute them")
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
        if any(limit.alpha is not None for limit in self._limits) and (values <= 0).any():
            raise SearchError(
                "a limit with alpha multiplies the value, and some values are not above 0; "
                "give it a weight instead"
            )
        self._predictors = [
            None
            if exact or factory is None
            else factory(space.kinds, seed + index).fit(population, values[:, index])
            for index, exact in enumerate(self._exact)
        ]
        self._constraints = (
            [] if factory is None else _constraints(space, record, factory, seed + count)
        )
        scaled = self._scaled(values)
        self._center = np.median(scaled, axis=0)
        self._spread = _robust_spread(scaled)
        self._measured = self.standardised(self._limited(values[None], population)[0])
        self._feasible = record.violation <= 0
        self.ideal: NDArray[np.float64] = self.standardised(values).max(axis=0)

    @staticmethod
    def can_learn(record: Record) -> bool:
        """Whether every objective has values enough, and different ones."""
        return all(len(np.unique(column)) >= _DISTINCT for column in record.quality.T)

    def predict(self, population: Population) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation in the objectives' units, each ``[batch, objectives]``."""
        samples = self.samples(population)
        return samples.mean(axis=0), samples.std(axis=0)

    def samples(self, population: Population) -> NDArray[np.float64]:
        """What each member of the ensembles says, ``[members, batch, objectives]``, in their units.

        Costs are known exactly: every member says the same. Where ensembles differ in size, the
        members of the smaller ones speak more than once.
        """
        costs = self._costs(population) if any(self._exact) and self._costs else {}
        columns = [np.zeros((1, len(population))) for _ in self.signs]
        for column, (exact, predictor) in enumerate(
            zip(self._exact, self._predictors, strict=True)
        ):
            if exact is not None:
                columns[column] = _cost(costs, exact)[None]
            elif predictor is not None:
                columns[column] = predictor.predict(population).samples
        members = np.arange(max(map(len, columns)))
        return np.stack([table[members % len(table)] for table in columns], axis=2)

    def quality(
        self, population: Population, acquisition: str = "mean", beta: float = 0.0
    ) -> NDArray[np.float64]:
        """Standardised quality as an acquisition sees it, ``[views, batch, objectives]``.

        ``"mean"`` and ``"ucb"`` see one view; for the others every member of the ensemble is one.
        Limits with alpha are applied, penalties are not.
        """
        samples = self._limited(self.samples(population), population)
        if acquisition not in ("mean", "ucb"):
            return self.standardised(samples)
        optimism = beta if acquisition == "ucb" else 0.0
        return self.standardised(samples.mean(axis=0), samples.std(axis=0), optimism)[None]

    @property
    def front(self) -> NDArray[np.float64]:
        """What the feasible trials of the record have, standardised, ``[rows, objectives]``.

        Where none is feasible, all of them.
        """
        return self._measured[self._feasible] if self._feasible.any() else self._measured

    def standardised(
        self,
        mean: NDArray[np.float64],
        std: NDArray[np.float64] | None = None,
        optimism: float = 0.0,
    ) -> NDArray[np.float64]:
        """Values as deviations from the record's median, higher is better, ``[.., objectives]``.

        Args:
            mean: ``[.., objectives]`` in the objectives' own units.
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
        """What limits and constraints take off the score, ``[batch]``, in standard deviations."""
        total = np.zeros(len(population))
        for excess, limit in self._excess(population):
            if limit.alpha is None:
                total += limit.weight * np.log(excess)
        for predictor, spread in self._constraints:
            missed = np.maximum(predictor.predict(population).mean, 0.0)
            total += _INFEASIBLE * missed / spread
        return total

    def _excess(self, population: Population) -> Iterator[tuple[NDArray[np.float64], CostLimit]]:
        """By which factor each limit is exceeded, ``[batch]``; 1 where it is kept."""
        if not self._limits or self._costs is None:
            return
        costs = self._costs(population)
        for limit in self._limits:
            yield np.maximum(_cost(costs, limit.cost) / limit.limit, 1.0), limit

    def _limited(self, values: NDArray[np.float64], population: Population) -> NDArray[np.float64]:
        """CSCO's factor on ``[members, batch, objectives]``; exact costs stay as they are."""
        for excess, limit in self._excess(population):
            if limit.alpha is not None:
                exponents = np.where([bool(name) for name in self._exact], 0.0, self.signs)
                values = values * excess[:, None] ** (limit.alpha * exponents)
        return values

    def _scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(
            self._log, np.log(np.where(self._log, np.maximum(values, 1e-30), 1.0)), values
        )


def _constraints(
    space: SearchSpace, record: Record, factory: PredictorFactory, seed: int
) -> list[tuple["Predictor", float]]:
    """A predictor for each constraint that varies, and the constraint's spread."""
    fitted = []
    columns = () if record.constraints is None else record.constraints.T
    for index, column in enumerate(columns):
        told = np.isfinite(column)
        if len(np.unique(column[told])) >= _DISTINCT:
            population = space.decode_many(record.genotypes[told])
            predictor = factory(space.kinds, seed + index).fit(population, column[told])
            fitted.append((predictor, float(_robust_spread(column[told][:, None])[0])))
    return fitted


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
