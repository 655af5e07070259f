"""Expected hypervolume improvement: what a batch adds to a Pareto front, by an ensemble."""

import numpy as np
from numpy.typing import NDArray
from optuna._hypervolume import get_non_dominated_box_bounds

from dagsmith.search.pareto import domination_ranks

_MARGIN = 0.1
"""How far behind the worst of the front the reference point lies, as a share of its range."""

Boxes = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Lower and upper corners ``[boxes, objectives]`` of what a front does not dominate yet."""


def hypervolume_batch(
    samples: NDArray[np.float64],
    front: NDArray[np.float64],
    count: int,
    *,
    pending: NDArray[np.float64] | None = None,
    tie: NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    r"""Choose rows that are expected to add most to the hypervolume, one after the other.

    .. math:: \frac{1}{M} \sum_m \mathrm{HV}(F_m \cup \{y_m\}) - \mathrm{HV}(F_m)

    where :math:`y_m` is what member m of an ensemble says of a candidate, and :math:`F_m` the front
    together with what m says of the candidates chosen before and of those being evaluated. So a
    batch spreads along the front, and other workers' trials count as if they were done. With one
    objective it is the expected improvement.

    Sources: Emmerich, Giannakoglou and Naujoks, "Single- and Multiobjective Evolutionary
    Optimization Assisted by Gaussian Random Field Metamodels", 2006; the batch by fantasies as in
    Daulton, Balandat and Bakshy, NeurIPS 2020, arXiv 2006.05078. Optuna cuts the space that is not
    dominated into boxes, so that an improvement is a sum over them.

    Args:
        samples: ``[members, batch, objectives]``, higher is better, on comparable scales.
        front: what was measured, ``[rows, objectives]``; dominated rows may be among it.
        count: how many are wanted.
        pending: ``[members, running, objectives]``: what is said of running trials.
        tie: ``[batch]``: decides between candidates of equal expectation, such as none.

    Returns:
        Rows in the order of choice, each once; fewer than `count` if the batch is smaller.
    """
    members, batch, _ = samples.shape
    reference = reference_point(front)
    fronts = [front] * members
    if pending is not None:
        fronts = [np.vstack([front, said]) for said in pending]
    order = np.zeros(batch) if tie is None else tie.argsort().argsort() / max(batch, 1)
    open_ = np.ones(batch, bool)
    chosen: list[int] = []
    while len(chosen) < min(count, batch):
        boxes = [free_boxes(member, reference) for member in fronts]
        gain = np.mean(
            [improvement(said, box) for said, box in zip(samples, boxes, strict=True)], axis=0
        )
        best = np.lexsort((order, np.where(open_, gain, -np.inf)))[-1]
        open_[best] = False
        chosen.append(int(best))
        fronts = [
            np.vstack([member, said[best]]) for member, said in zip(fronts, samples, strict=True)
        ]
    return np.array(chosen, np.int64)


def reference_point(front: NDArray[np.float64]) -> NDArray[np.float64]:
    """A little behind the worst corner of the Pareto front in `front`, ``[objectives]``."""
    best = front[domination_ranks(front) == 0]
    low, high = best.min(axis=0), best.max(axis=0)
    point: NDArray[np.float64] = low - np.maximum(_MARGIN * (high - low), _MARGIN)
    return point


def free_boxes(front: NDArray[np.float64], reference: NDArray[np.float64]) -> Boxes:
    """Cut what lies above the reference point and is not dominated into boxes.

    Args:
        front: ``[rows, objectives]``, higher is better.
        reference: ``[objectives]``.

    Returns:
        Lower and upper corners, ``[boxes, objectives]``; upper ones may be infinite.
    """
    above = front[(front > reference).all(axis=1)]
    if front.shape[1] == 1:
        low = np.array([[above.max(initial=reference[0])]])
        return low, np.full((1, 1), np.inf)
    if not len(above):
        return reference[None], np.full((1, len(reference)), np.inf)
    # Optuna minimizes: its boxes are the mirror images of ours.
    lower, upper = get_non_dominated_box_bounds(-above, -reference)
    return -upper, -lower


def improvement(values: NDArray[np.float64], boxes: Boxes) -> NDArray[np.float64]:
    """By how much each row alone would enlarge the dominated volume, ``[batch]``.

    Args:
        values: ``[batch, objectives]``, higher is better.
        boxes: from `free_boxes`.
    """
    lower, upper = boxes
    edges = np.minimum(values[:, None], upper[None]) - lower[None]
    volume: NDArray[np.float64] = np.maximum(edges, 0.0).prod(axis=2).sum(axis=1)
    return volume
