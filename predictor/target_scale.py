"""The scale on which targets are learned: their normal scores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri


@dataclass(frozen=True)
class TargetScale:
    r"""A monotone piecewise linear map from targets to normal scores, and back.

    Accuracies crowd near their best value and have a long tail of failures; on their own scale
    the failures would take all of the squared error. Blom's scores
    :math:`z = \Phi^{-1}((r - 3/8) / (n + 1/4))` of the ranks r (ties averaged) have none of
    that. Beyond the fitted targets the map goes on as steeply as it is, on average, in the quarter
    of them that is nearest: with the slope of all, what is predicted better than the best would be
    better by the size of the failures.

    Args:
        values: the distinct fitted targets, ascending, ``[knots]``.
        scores: their scores, ascending, ``[knots]``.
    """

    values: NDArray[np.float64]
    scores: NDArray[np.float64]

    @staticmethod
    def fit(targets: NDArray[np.float64]) -> "TargetScale":
        """Learn the map from ``[batch]`` targets with at least two distinct values."""
        values, inverse, counts = np.unique(targets, return_inverse=True, return_counts=True)
        rank = np.cumsum(counts) - (counts - 1) / 2
        scores = ndtri((rank - 0.375) / (len(targets) + 0.25))
        scale = float(scores[inverse].std())
        return TargetScale(values, scores / scale)

    def to_scores(self, targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map targets of any shape to scores."""
        return _interpolate(targets, self.values, self.scores)

    def to_targets(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map scores of any shape to targets."""
        return _interpolate(scores, self.scores, self.values)


def end_slopes(knots: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float]:
    """Slopes of the map before its first knot and after its last."""
    reach = max(1, (len(knots) - 1) // 4)
    below = (values[reach] - values[0]) / (knots[reach] - knots[0])
    above = (values[-1] - values[-1 - reach]) / (knots[-1] - knots[-1 - reach])
    return float(below), float(above)


def _interpolate(
    x: NDArray[np.float64], knots: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    slopes = end_slopes(knots, values)
    below, above = np.minimum(x - knots[0], 0.0), np.maximum(x - knots[-1], 0.0)
    return np.asarray(np.interp(x, knots, values) + slopes[0] * below + slopes[1] * above)
