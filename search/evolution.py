"""Regularized evolution: the youngest architectures, a tournament, a mutation."""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from dagsmith.search.errors import SearchError
from dagsmith.search.objectives import Objective
from dagsmith.search.pareto import constrained_ranks
from dagsmith.search.random_search import filled_up, random_proposals
from dagsmith.search.record import Record
from dagsmith.search.sampler import Proposals, SpaceSampler, first_unseen
from dagsmith.search.surrogate import CostLimit, Costs
from dagsmith.space import SearchSpace

_TRIES = 16


@dataclass(frozen=True, slots=True)
class EvolutionSettings:
    """How regularized evolution breeds.

    Args:
        population: the youngest completed trials that may become parents; until there are as many,
            architectures are drawn at random.
        tournament: how many of them compete to be a parent.
        mutations: slots redrawn per child.
    """

    population: int = 64
    tournament: int = 16
    mutations: int = 1

    def __post_init__(self) -> None:
        for name in ("population", "tournament", "mutations"):
            if getattr(self, name) < 1:
                raise SearchError(f"{name} is {getattr(self, name)}; expected at least 1")
        if self.tournament > self.population:
            raise SearchError(
                f"tournament {self.tournament} is larger than the population {self.population}"
            )


@final
class RegularizedEvolutionSampler(SpaceSampler):
    """Ageing evolution: each child is a mutation of the best of a random tournament.

    The population is the `population` youngest completed trials, so that every architecture dies
    of age and none survives by a lucky evaluation. With several objectives the tournament is won
    by the lowest domination rank, ties broken at random; what misses its constraints loses against
    what does not. With limits on costs a child is never farther beyond them than its parent.

    Source: Real, Aggarwal, Huang, Le, "Regularized Evolution for Image Classifier Architecture
    Search", AAAI 2019, arXiv 1802.01548.

    Example:
        >>> import optuna
        >>> from dagsmith.space import nasrec_small
        >>> sampler = RegularizedEvolutionSampler(nasrec_small(13, 26), seed=0)
        >>> study = optuna.create_study(sampler=sampler)
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        settings: EvolutionSettings | None = None,
        seed: int | None = None,
        batch: int = 1,
        objectives: tuple[Objective, ...] = (),
        costs: Costs | None = None,
        limits: tuple[CostLimit, ...] = (),
    ) -> None:
        super().__init__(
            space, seed=seed, batch=batch, objectives=objectives, costs=costs, limits=limits
        )
        self.settings = settings or EvolutionSettings()

    def propose(self, record: Record, count: int, rng: np.random.Generator) -> Proposals:
        """Return `count` children of tournament winners."""
        if len(record) < self.settings.population:
            return random_proposals(self.space, record.seen, count, rng, self.budget)
        record = self.budget.constrained(record)
        genotypes = np.zeros((0, len(self.space.slots)), np.int16)
        keys: tuple[str, ...] = ()
        for attempt in range(_TRIES):
            if len(keys) == count:
                break
            parents = self._parents(record, count - len(keys), rng)
            # Around a well-searched parent all near children are known: step further out.
            mutations = self.settings.mutations + attempt // 4
            children = self.budget.mutants(parents, rng, mutations)
            seen = record.seen | frozenset(keys)
            rows, new = first_unseen(self.space, children, seen, count)
            genotypes, keys = np.vstack([genotypes, children[rows]]), keys + new
        return filled_up(
            self.space, record.seen, Proposals(genotypes, keys), count, rng, self.budget
        )

    def _parents(self, record: Record, count: int, rng: np.random.Generator) -> NDArray[np.int16]:
        """Winners of `count` tournaments among the youngest, ``[count, slots]``."""
        youngest = slice(len(record) - self.settings.population, None)
        place = constrained_ranks(record.quality[youngest], record.violation[youngest])
        ranks = place + rng.random(self.settings.population)
        order = rng.permuted(np.tile(np.arange(len(ranks)), (count, 1)), axis=1)
        entrants = order[:, : self.settings.tournament]
        winners = entrants[np.arange(count), ranks[entrants].argmin(axis=1)]
        chosen: NDArray[np.int16] = record.genotypes[youngest][winners]
        return chosen
