"""Pareto dominance over a table of values."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dagsmith.search.errors import SearchError


def pareto_front(values: NDArray[np.floating], directions: Sequence[str]) -> NDArray[np.int64]:
    """Indices of the rows that no other row dominates, ordered by the first objective, best first.

    A row dominates another if it is nowhere worse and somewhere better. Equal rows do not dominate
    each other, so all of them are kept. Rows with NaN are never on the front.

    Args:
        values: ``[rows, objectives]``, or ``[rows]`` for one objective.
        directions: ``"minimize"`` or ``"maximize"`` per objective.

    Raises:
        SearchError: another number of directions than of columns.
    """
    table = np.asarray(values, float)
    table = table[:, None] if table.ndim == 1 else table
    if table.shape[1] != len(directions):
        raise SearchError(f"{table.shape[1]} columns of values but {len(directions)} directions")
    for direction in directions:
        if direction not in ("minimize", "maximize"):
            raise SearchError(f"direction {direction!r}; expected minimize or maximize")
    quality = table * np.array([1.0 if d == "maximize" else -1.0 for d in directions])
    usable = np.flatnonzero(~np.isnan(quality).any(axis=1))
    front: NDArray[np.int64] = usable[domination_ranks(quality[usable]) == 0]
    ordered: NDArray[np.int64] = front[np.argsort(-quality[front, 0], kind="stable")]
    return ordered


def domination_ranks(quality: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rank of each row by peeling fronts: 0 is the Pareto front, 1 the front without it, and so on.

    Args:
        quality: ``[rows, objectives]``, higher is better, no NaN.

    Returns:
        ``[rows]``. With one objective these are the dense ranks.
    """
    ranks = np.full(len(quality), -1, np.int64)
    if not len(quality):
        return ranks
    if quality.shape[1] == 1:
        _, inverse = np.unique(-quality[:, 0], return_inverse=True)
        return inverse.astype(np.int64)
    remaining = np.arange(len(quality))
    rank = 0
    while remaining.size:
        front = _front(quality[remaining])
        ranks[remaining[front]] = rank
        remaining = remaining[~front]
        rank += 1
    return ranks


def constrained_ranks(
    quality: NDArray[np.float64], violation: NDArray[np.float64]
) -> NDArray[np.int64]:
    """`domination_ranks` of what is feasible, then the others by how much they miss, ``[rows]``.

    Source: the constrained domination of Deb et al., NSGA-II, 2002.

    Args:
        quality: ``[rows, objectives]``, higher is better, no NaN.
        violation: ``[rows]``, 0 where feasible.
    """
    feasible = violation <= 0
    ranks = np.zeros(len(quality), np.int64)
    ranks[feasible] = domination_ranks(quality[feasible])
    behind = ranks[feasible].max(initial=-1) + 1
    ranks[~feasible] = behind + domination_ranks(-violation[~feasible, None])
    return ranks


def _front(quality: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows are not dominated; each kept row strikes out all that it dominates."""
    order = np.lexsort(-quality.T[::-1])
    ordered = quality[order]
    alive = np.ones(len(ordered), bool)
    for row in range(len(ordered)):
        if alive[row]:
            below = (ordered <= ordered[row]).all(axis=1) & (ordered < ordered[row]).any(axis=1)
            alive &= ~below
    front = np.zeros(len(ordered), bool)
    front[order[alive]] = True
    return front


def crowding_distance(quality: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far apart a row's neighbours on the front are, summed over the objectives, ``[rows]``.

    The ends of the front are infinitely uncrowded. Source: Deb et al., NSGA-II, 2002.

    Args:
        quality: ``[rows, objectives]``, all of one front.
    """
    distance = np.zeros(len(quality))
    for column in quality.T:
        order = column.argsort(kind="stable")
        spread = column[order[-1]] - column[order[0]] if len(order) else 0.0
        if spread > 0:
            distance[order[[0, -1]]] = np.inf
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / spread
    return distance
