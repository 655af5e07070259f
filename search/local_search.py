"""Local search: the neighbours of the best architecture, until all of them are known."""

from typing import final

import numpy as np

from dagsmith.search.errors import SearchError
from dagsmith.search.objectives import Objective
from dagsmith.search.pareto import constrained_ranks
from dagsmith.search.random_search import filled_up, random_proposals
from dagsmith.search.record import Record
from dagsmith.search.sampler import Proposals, SpaceSampler, first_unseen
from dagsmith.search.surrogate import CostLimit, Costs
from dagsmith.space import SearchSpace


@final
class LocalSearchSampler(SpaceSampler):
    """Proposes neighbours of the best architecture; when all are known, of the next best.

    After `initial` random architectures, the neighbours (`SearchSpace.neighbours`: one slot away)
    of the best completed trial are evaluated in random order. As soon as one is better it is the
    best, and its neighbours come. An optimum whose neighbours are all known hands over to the
    next best trial that has an unknown one. With several objectives the best is a random one of the
    lowest domination rank. With limits on costs no neighbour is farther beyond them than the one
    that it is a neighbour of.

    Source: White, Nolen and Savani, "Exploring the Loss Landscape in Neural Architecture Search",
    UAI 2021, arXiv 2005.02960 (there a search starts anew from a random architecture instead).

    Args:
        space: the search space.
        initial: random architectures to begin with.
        seed: seed of all randomness; None draws one.
        batch: proposals made at a time inside a plain Optuna study.
        objectives: the study's objectives.
        costs: computes costs of populations.
        limits: budgets for some of them.

    Raises:
        SearchError: no initial architecture, or limits without `costs`.

    Example:
        >>> import optuna
        >>> from dagsmith.space import nasrec_small
        >>> sampler = LocalSearchSampler(nasrec_small(13, 26), seed=0)
        >>> study = optuna.create_study(sampler=sampler)
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        initial: int = 16,
        seed: int | None = None,
        batch: int = 1,
        objectives: tuple[Objective, ...] = (),
        costs: Costs | None = None,
        limits: tuple[CostLimit, ...] = (),
    ) -> None:
        if initial < 1:
            raise SearchError(f"initial is {initial}; expected at least 1")
        super().__init__(
            space, seed=seed, batch=batch, objectives=objectives, costs=costs, limits=limits
        )
        self.initial = initial

    def propose(self, record: Record, count: int, rng: np.random.Generator) -> Proposals:
        """Return `count` unknown neighbours of the best."""
        if len(record) < self.initial:
            return random_proposals(self.space, record.seen, count, rng, self.budget)
        record = self.budget.constrained(record)
        found = np.zeros((0, len(self.space.slots)), np.int16)
        keys: tuple[str, ...] = ()
        ranks = constrained_ranks(record.quality, record.violation)
        for row in np.lexsort((rng.random(len(ranks)), ranks)):
            around = rng.permutation(self.budget.neighbours(record.genotypes[row]))
            seen = record.seen | frozenset(keys)
            rows, new = first_unseen(self.space, around, seen, count - len(keys))
            found, keys = np.vstack([found, around[rows]]), keys + new
            if len(keys) == count:
                break
        return filled_up(self.space, record.seen, Proposals(found, keys), count, rng, self.budget)
