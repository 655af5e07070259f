"""Budgets for samplers that predict nothing: costs are known before an architecture is proposed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dagsmith.search.errors import SearchError
from dagsmith.search.limits import excess
from dagsmith.search.record import Record
from dagsmith.search.surrogate import CostLimit, Costs
from dagsmith.space import Genotype, Genotypes, SearchSpace

_TRIES = 16


@dataclass(frozen=True)
class Budget:
    """Limits on costs that proposals keep to.

    A mutant is never farther beyond its budget than its parent: within, one stays within; outside,
    one comes nearer. Without limits nothing is computed, and all is within.

    Args:
        space: the search space.
        costs: computes costs of populations.
        limits: on some of them.

    Raises:
        SearchError: limits without `costs`.
    """

    space: SearchSpace
    costs: Costs | None
    limits: Sequence[CostLimit]

    def __post_init__(self) -> None:
        if self.limits and self.costs is None:
            raise SearchError("limits on costs need the `costs` that compute them")

    def excess(self, genotypes: Genotypes) -> NDArray[np.float64]:
        """How far each is beyond its worst limit, in factors of e, ``[batch]``; 0 is within."""
        if not self.limits or self.costs is None or not len(genotypes):
            return np.zeros(len(genotypes))
        return excess(self.costs(self.space.decode_many(genotypes)), self.limits)

    def constrained(self, record: Record) -> Record:
        """The record with `excess` as one more constraint of each trial."""
        if not self.limits:
            return record
        column = self.excess(record.genotypes)[:, None]
        told = () if record.constraints is None else (record.constraints,)
        return replace(record, constraints=np.hstack([*told, column]))

    def mutants(self, parents: Genotypes, rng: np.random.Generator, slots: int) -> Genotypes:
        """A mutant of each parent, ``[batch, slots]``; none of one that has none near enough.

        Args:
            parents: what to mutate.
            rng: source of randomness.
            slots: how many are redrawn.
        """
        children = self.space.mutate(parents, rng, slots)
        if not self.limits:
            return children
        most = self.excess(parents)
        for _ in range(_TRIES):
            far = self.excess(children) > most
            if not far.any():
                return children
            children[far] = self.space.mutate(parents[far], rng, slots)
        return children[self.excess(children) <= most]

    def neighbours(self, genotype: Genotype) -> Genotypes:
        """All neighbours of one that are not farther beyond the budget, ``[batch, slots]``."""
        around = self.space.neighbours(genotype)
        return around[self.excess(around) <= self.excess(genotype[None])]
