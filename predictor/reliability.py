"""Whether intervals hold what they promise, and how wide they must be for it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.prediction import Prediction

LEVELS = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""Of the intervals that are looked at: .05, .10, ..., .95."""


@dataclass(frozen=True)
class Reliability:
    r"""Coverage of a predictor's intervals at several levels.

    Args:
        levels: what the intervals promise, ``[levels]``.
        coverage: the part of the truths that each of them holds, ``[levels]``.
        width: their mean width in standard deviations of the truth, ``[levels]``: the sharpness.
    """

    levels: NDArray[np.float64]
    coverage: NDArray[np.float64]
    width: NDArray[np.float64]

    @property
    def calibration_error(self) -> float:
        r"""Expected calibration error :math:`\frac{1}{L} \sum_l |coverage_l - level_l|`.

        0 is perfect. (For regression: Kuleshov, Fenner and Ermon, "Accurate Uncertainties for Deep
        Learning Using Calibrated Regression", ICML 2018, arXiv 1807.00263.) A predictor that says
        the same of everything may be perfectly calibrated, too: look at the width beside it.
        """
        return float(np.abs(self.coverage - self.levels).mean())


def reliability(
    truth: ArrayLike, prediction: Prediction, levels: tuple[float, ...] = LEVELS
) -> Reliability:
    """Compare measured targets with the central intervals of their prediction.

    Args:
        truth: what was measured, ``[batch]``.
        prediction: of these, by a predictor with calibrated intervals.
        levels: between 0 and 1.

    Raises:
        PredictorError: another number of truths, fewer than two different ones, a level out of
            range, or a prediction without intervals.

    Example:
        >>> from scipy.stats import norm
        >>> truth = np.random.default_rng(0).normal(size=2000)
        >>> def quantile(level):
        ...     return np.full(2000, norm.ppf(level))
        >>> normal = Prediction.of(np.zeros((1, 2000)), quantile)
        >>> reliability(truth, normal).calibration_error < 0.02
        True
    """
    values = np.asarray(truth, np.float64)
    if values.shape != prediction.mean.shape or values.ndim != 1:
        raise PredictorError(
            f"truth has shape {values.shape} and the prediction {prediction.mean.shape}; "
            "expected [batch] of both"
        )
    spread = float(values.std()) if len(values) else 0.0
    if not spread > 0:
        raise PredictorError("the truth is everywhere the same; expected at least two values")
    ends = [prediction.interval(level) for level in levels]
    coverage = [float(((low <= values) & (values <= high)).mean()) for low, high in ends]
    width = [float((high - low).mean()) / spread for low, high in ends]
    return Reliability(np.array(levels), np.array(coverage), np.array(width))
