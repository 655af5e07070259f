"""Random search: architectures drawn by the slots' weights, none twice."""

from typing import final

import numpy as np

from dagsmith.search.budget import Budget
from dagsmith.search.record import Record
from dagsmith.search.sampler import Proposals, SpaceSampler, first_unseen
from dagsmith.space import SearchSpace

_TRIES = 32
_POOL = 2048
"""Architectures drawn where there is a budget, which few of them may meet."""


@final
class RandomArchitectureSampler(SpaceSampler):
    """Draws each slot by its weights, and never an architecture that was seen before.

    With limits on costs it takes those of many that are within them, or else the nearest.
    """

    def propose(self, record: Record, count: int, rng: np.random.Generator) -> Proposals:
        """Return `count` random proposals."""
        return random_proposals(self.space, record.seen, count, rng, self.budget)


def random_proposals(
    space: SearchSpace,
    seen: frozenset[str],
    count: int,
    rng: np.random.Generator,
    budget: Budget | None = None,
) -> Proposals:
    """Draw up to `count` new architectures; fewer if random draws find no more.

    Args:
        space: where to draw.
        seen: canonical keys that must not come again.
        count: how many are wanted.
        rng: source of randomness.
        budget: those of many that are within it are taken, or else the nearest; None is none.
    """
    if budget is not None and budget.limits:
        pool = space.sample(max(_POOL, count), rng)
        pool = pool[np.argsort(budget.excess(pool), kind="stable")]
        rows, new = first_unseen(space, pool, seen, count)
        return filled_up(space, seen, Proposals(pool[rows], new), count, rng)
    found = np.zeros((0, len(space.slots)), np.int16)
    keys: tuple[str, ...] = ()
    tried = np.zeros(0, np.uint64)
    draw = count
    for _ in range(_TRIES):
        if len(keys) >= count:
            break
        genotypes = space.sample(draw, rng)
        prints = space.decode_many(genotypes).fingerprint()
        fresh = ~np.isin(prints, tried)
        tried = np.union1d(tried, prints)
        genotypes = genotypes[fresh]
        rows, new = first_unseen(space, genotypes, seen | frozenset(keys), count - len(keys))
        found = np.vstack([found, genotypes[rows]])
        keys += new
        # In a nearly exhausted space most draws are known: draw more of them.
        draw = min(2 * draw, 1024)
    return Proposals(found, keys)


def filled_up(
    space: SearchSpace,
    seen: frozenset[str],
    found: Proposals,
    count: int,
    rng: np.random.Generator,
    budget: Budget | None = None,
) -> Proposals:
    """Proposals, and random ones beside them where they are fewer than wanted.

    Args:
        space: where to draw.
        seen: canonical keys that must not come again.
        found: what there is, without predictions.
        count: how many are wanted.
        rng: source of randomness.
        budget: which the random ones keep to if they can; None is none.
    """
    missing = count - len(found)
    if missing <= 0:
        return found
    rest = random_proposals(space, seen | frozenset(found.keys), missing, rng, budget)
    return Proposals(np.vstack([found.genotypes, rest.genotypes]), found.keys + rest.keys)
