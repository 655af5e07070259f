"""A batch of proposals that are good, new, and unlike each other."""

import numpy as np
from numpy.typing import NDArray

from dagsmith.space import Genotypes, Population, SearchSpace

_SHORTLIST = 64
"""Candidates kept per proposal wanted: enough to find unlike ones among the best."""


def spread_out(
    space: SearchSpace,
    genotypes: Genotypes,
    scores: NDArray[np.float64],
    seen: frozenset[str],
    diversity: float,
    pending: Genotypes | None = None,
) -> tuple[Genotypes, tuple[str, ...]]:
    """Choose one candidate per row of `scores`, greedily.

    The i-th choice maximises ``scores[i] - diversity * s``, where s is the largest `similarity` to
    a choice already made, or to what is being evaluated.

    Args:
        space: the space of the genotypes.
        genotypes: candidates, ``[pool, slots]``; repetitions are allowed.
        scores: ``[count, pool]``: how each choice values the candidates.
        seen: canonical keys that may not be chosen.
        diversity: what full similarity costs, in units of the score.
        pending: what is being evaluated now, ``[running, slots]``; None is nothing.

    Returns:
        Genotypes ``[chosen, slots]`` and canonical keys; fewer than wanted if the pool is used up.
    """
    count = len(scores)
    if not count or not len(genotypes):
        return np.zeros((0, len(space.slots)), np.int16), ()
    _, distinct = np.unique(space.decode_many(genotypes).fingerprint(), return_index=True)
    # Only the best under any valuation can be chosen; known ones among them must leave room.
    keep = min(len(distinct), _SHORTLIST * count + len(seen))
    top = np.sort(scores[:, distinct].max(axis=0).argsort(kind="stable")[::-1][:keep])
    if count > 1 and (scores != scores[0]).any():
        per_row = min(len(distinct), _SHORTLIST)
        rows = np.argsort(-scores[:, distinct], axis=1, kind="stable")[:, :per_row]
        top = np.union1d(top, rows)
    candidates, table = genotypes[distinct[top]], scores[:, distinct[top]].copy()
    running = np.zeros((0, len(space.slots)), np.int16) if pending is None else pending
    population = space.decode_many(np.concatenate([candidates, running]))
    nearest = np.zeros(len(candidates))
    for other in range(len(candidates), len(population)):
        nearest = np.maximum(nearest, similarity(population, other)[: len(candidates)])
    open_ = np.ones(len(candidates), bool)
    taken, chosen, keys = set(seen), [], []
    for row in table:
        while open_.any():
            best = int(np.where(open_, row - diversity * nearest, -np.inf).argmax())
            open_[best] = False
            key = space.decode(candidates[best]).key
            if key in taken:
                continue
            taken.add(key)
            chosen.append(best)
            keys.append(key)
            nearest = np.maximum(nearest, similarity(population, best)[: len(candidates)])
            break
    return candidates[chosen], tuple(keys)


def similarity(population: Population, row: int) -> NDArray[np.float64]:
    """Share of node positions in which each architecture equals that of `row`, ``[batch]``.

    Equal means the same kind, attributes and incoming edges; positions used by neither are left
    out. 1 means equal as they lie.
    """
    attributes = np.nan_to_num(population.attributes, nan=-1.0)
    equal = (
        (population.kind == population.kind[row])
        & (attributes == attributes[row]).all(axis=2)
        & (population.edges == population.edges[row]).all(axis=2)
    )
    used = population.present | population.present[row]
    share: NDArray[np.float64] = (equal & used).sum(axis=1) / np.maximum(used.sum(axis=1), 1)
    return share
