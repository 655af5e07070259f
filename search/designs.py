"""Designs: architectures worth evaluating before any predictor can be asked.

Shapes: ``[batch, columns]`` encodings, one row per architecture, compared by Euclidean distance.
"""

import heapq
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dagsmith.search.errors import SearchError
from dagsmith.search.random_search import filled_up, random_proposals
from dagsmith.search.record import Record
from dagsmith.search.sampler import Proposals, first_unseen
from dagsmith.space import Population, SearchSpace, isomorphism_fingerprint
from dagsmith.space.errors import nearest

Design = Literal["random", "farthest", "medoids"]
DESIGNS: tuple[Design, ...] = get_args(Design)
Encodings = NDArray[np.float64]

_MEDOID_POOL = 2048
"""Architectures that medoids are chosen among; their distances fill a square table."""
_POOL = 2048
"""Random architectures that `designed_proposals` chooses among, at least 16 per proposal."""


def choose_design(
    design: Design,
    population: Population,
    count: int,
    rng: np.random.Generator,
    known: Population | None = None,
) -> NDArray[np.int64]:
    """Choose the first architectures to evaluate, no two of them isomorphic.

    Args:
        design: ``"random"`` draws rows; ``"farthest"`` is `farthest_first`, which covers the whole
            space and so looks at its extremes; ``"medoids"`` is `greedy_medoids`, which covers it
            where its architectures are. Both compare architectures by `canonical_counts`.
        population: the candidates; isomorphic ones count as often as they occur.
        count: how many are wanted.
        rng: source of randomness.
        known: architectures that were evaluated already: they are not chosen, and what they cover
            is covered.

    Returns:
        Rows in the order of choice, ``[chosen]``; fewer than `count` if there are no more.

    Raises:
        SearchError: an unknown design, or a negative count.

    Example:
        >>> from dagsmith.space import NASBench201Space
        >>> space, rng = NASBench201Space(), np.random.default_rng(0)
        >>> cells = space.decode_many(space.sample(500, rng))
        >>> len(choose_design("farthest", cells, 20, rng))
        20
    """
    if design not in DESIGNS:
        raise SearchError(f"unknown design {design!r}; {nearest(design, DESIGNS)}")
    if count < 0:
        raise SearchError(f"count is {count}; expected at least 0")
    # A random order first, so that of isomorphic rows any may be chosen.
    order = rng.permutation(len(population))
    prints = isomorphism_fingerprint(population)[order]
    _, first, often = np.unique(prints, return_index=True, return_counts=True)
    if known is not None and len(known):
        new = ~np.isin(prints[first], isomorphism_fingerprint(known))
        first, often = first[new], often[new]
    by_place = np.argsort(first)
    rows, weights = order[first[by_place]], often[by_place].astype(float)
    if design == "random":
        return rows[:count]
    if design == "medoids":
        most = max(_MEDOID_POOL, 2 * count)
        rows, weights = rows[:most], weights[:most]
    encodings, others = canonical_counts(population, known)
    if design == "farthest":
        return rows[farthest_first(encodings[rows], count, others)]
    return rows[greedy_medoids(encodings[rows], count, others, weights)]


def canonical_counts(
    population: Population, others: Population | None = None
) -> tuple[Encodings, Encodings]:
    """Encode architectures by counts of nodes and typed edges, equal for isomorphic ones.

    The columns are those of `dagsmith.predictor.flat_encoding.FlatEncoding`, standardised over
    `population`; what never varies there is left out.

    Args:
        population: sets the scale.
        others: more architectures to encode alike; None stands for none.

    Returns:
        ``[batch, columns]`` of `population`, and of `others`.
    """
    # The predictor package needs torch, which takes seconds to import.
    from dagsmith.predictor.flat_encoding import FlatEncoding
    from dagsmith.predictor.node_features import NodeFeatures

    encoding = FlatEncoding(NodeFeatures.fit(population))
    counts = encoding.transform(population)
    more = counts[:0] if others is None else encoding.transform(others)
    centre, spread = counts.mean(axis=0), counts.std(axis=0)
    varies = spread > 1e-9
    scaled = [(part[:, varies] - centre[varies]) / spread[varies] for part in (counts, more)]
    return scaled[0], scaled[1]


def farthest_first(
    encodings: Encodings, count: int, known: Encodings | None = None
) -> NDArray[np.int64]:
    r"""Rows of which each is the farthest from all before it.

    .. math:: i_k = \arg\max_i \min_{j \in known \cup \{i_1, \ldots, i_{k-1}\}} \|x_i - x_j\|

    The radius in which the chosen cover the rest is at most twice the smallest possible one
    (Gonzalez, "Clustering to Minimize the Maximum Intercluster Distance", 1985; as a core set of
    labels: Sener and Savarese, ICLR 2018, arXiv 1708.00489). With nothing known, the first is row
    0: shuffle the rows for a random start.

    Args:
        encodings: the candidates, ``[batch, columns]``.
        count: how many are wanted.
        known: encodings of what is covered already, ``[known, columns]``.

    Returns:
        Rows in the order of choice, no row twice; all of them if there are fewer than `count`.

    Example:
        >>> farthest_first(np.array([[0.0], [1.0], [2.0], [9.0]]), 3).tolist()
        [0, 3, 2]
    """
    distance = np.full(len(encodings), np.inf)
    for row in encodings[:0] if known is None else known:
        distance = np.minimum(distance, ((encodings - row) ** 2).sum(axis=1))
    chosen: list[int] = []
    for _ in range(min(count, len(encodings))):
        best = int(distance.argmax())
        chosen.append(best)
        distance = np.minimum(distance, ((encodings - encodings[best]) ** 2).sum(axis=1))
        # Below every other: equal encodings have the distance 0, and may still be chosen once.
        distance[chosen] = -1.0
    return np.array(chosen, np.int64)


def greedy_medoids(
    encodings: Encodings,
    count: int,
    known: Encodings | None = None,
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    r"""Rows of which each lowers the mean distance of all rows to their nearest chosen one most.

    .. math:: i_k = \arg\min_i \sum_r w_r \min_{j \in known \cup \{i_1, \ldots, i_{k-1}, i\}}
        \|x_r - x_j\|

    This is the BUILD phase of k-medoids (Kaufman and Rousseeuw, "Finding Groups in Data", 1990). It
    lowers that sum by at least 1 - 1/e of what is possible; later choices can only gain less than
    they would have, so that most need not be looked at again (Minoux, 1978).

    Args:
        encodings: the candidates, ``[batch, columns]``; time and memory grow with its square.
        count: how many are wanted.
        known: encodings of what is covered already, ``[known, columns]``.
        weights: how often each row counts, ``[batch]``; None is once.

    Returns:
        Rows in the order of choice, no row twice; all of them if there are fewer than `count`.

    Example:
        >>> greedy_medoids(np.array([[0.0], [1.0], [2.0], [9.0]]), 2).tolist()
        [1, 3]
    """
    rows = len(encodings)
    if not rows:
        return np.zeros(0, np.int64)
    demand = np.ones(rows) if weights is None else weights
    distance = _distances(encodings, encodings)
    # As if one covered all from farther than any row is.
    cover = np.full(rows, distance.max() + 1.0)
    if known is not None and len(known):
        cover = _distances(encodings, known).min(axis=1)

    def gain(row: int) -> float:
        return float(demand @ np.maximum(cover - distance[row], 0.0))

    # Ties go to the lower row. Every bound is checked again before its row is taken.
    bounds = [(-gain(row), row) for row in range(rows)]
    heapq.heapify(bounds)
    chosen: list[int] = []
    while bounds and len(chosen) < count:
        _, row = heapq.heappop(bounds)
        now = (-gain(row), row)
        if bounds and now > bounds[0]:
            heapq.heappush(bounds, now)
            continue
        chosen.append(row)
        cover = np.minimum(cover, distance[row])
    return np.array(chosen, np.int64)


def designed_proposals(
    design: Design, space: SearchSpace, record: Record, count: int, rng: np.random.Generator
) -> Proposals:
    """Propose `count` new architectures by a design over random ones; fewer if there are no more.

    Args:
        design: see `choose_design`.
        space: where to draw candidates, by the slots' weights.
        record: what is known of the study.
        count: how many are wanted.
        rng: source of randomness.

    Raises:
        SearchError: an unknown design.
    """
    if design == "random":
        return random_proposals(space, record.seen, count, rng)
    genotypes = space.sample(max(_POOL, 16 * count), rng)
    known = space.decode_many(record.genotypes) if len(record) else None
    # Some of the chosen may be running or failed: they are in `seen`, and not in the record.
    spare = max(len(record.seen) - len(record), 0)
    rows = choose_design(design, space.decode_many(genotypes), count + spare, rng, known)
    new, keys = first_unseen(space, genotypes[rows], record.seen, count)
    return filled_up(space, record.seen, Proposals(genotypes[rows[new]], keys), count, rng)


def _distances(encodings: Encodings, others: Encodings) -> Encodings:
    """Euclidean distances, ``[batch, others]``."""
    squares = (encodings**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)
    distances: Encodings = np.sqrt(np.maximum(squares - 2.0 * encodings @ others.T, 0.0))
    return distances
