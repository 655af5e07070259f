"""Which of two predictors ranks better, and whether that is more than noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dagsmith.predictor.metrics import METRICS, checked, rank_correlation, resampled

RESAMPLES = 2000


@dataclass(frozen=True)
class Comparison:
    """Kendall's tau of a challenger and a champion over the same pairs, and of their difference.

    Args:
        n: architectures that both were asked about.
        challenger: the challenger's tau, or None where it is undefined.
        champion: the champion's.
        gain: challenger minus champion.
        low: lower end of the paired bootstrap interval of `gain`.
        high: its upper end.
        gains: `gain` of each resample, ``[resamples]``; empty where it is undefined.
    """

    n: int
    challenger: float | None
    champion: float | None
    gain: float | None
    low: float | None
    high: float | None
    gains: NDArray[np.float64]

    @property
    def defined(self) -> bool:
        """Whether there is a gain with an interval."""
        return self.low is not None

    def to_dict(self) -> dict[str, float | int | None]:
        """The figures as JSON-ready values."""
        names = ("n", "challenger", "champion", "gain", "low", "high")
        return {name: getattr(self, name) for name in names}


def compare_rankings(
    truth: ArrayLike,
    challenger: ArrayLike,
    champion: ArrayLike | None,
    *,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare two rankings of the same architectures with the truth.

    Both are asked about the same resamples, so that what is hard for both does not count as noise
    (a paired bootstrap; Efron and Tibshirani, "An Introduction to the Bootstrap", 1993).

    Args:
        truth: ``[batch]``.
        challenger: predictions, ``[batch]``.
        champion: predictions, ``[batch]``; None is one that ranks by chance, with tau 0.
        resamples: bootstrap resamples.
        confidence: coverage of the interval.
        seed: of the bootstrap.

    Raises:
        PredictorError: lengths that differ, or values that are not finite.

    Example:
        >>> truth = np.arange(20.0)
        >>> compare_rankings(truth, truth, truth[::-1]).gain
        2.0
    """
    count = len(np.asarray(truth))
    rows = np.random.default_rng(seed).integers(0, max(count, 1), (resamples, count))
    ours, our_taus = _tau(truth, challenger, rows)
    theirs, their_taus = _tau(truth, champion, rows)
    if ours is None or theirs is None:
        return Comparison(count, ours, theirs, None, None, None, np.zeros(0))
    gains = our_taus - their_taus
    # A resample may be constant and say nothing; an interval needs most of them.
    gains = gains[np.isfinite(gains)]
    if len(gains) < resamples / 2:
        return Comparison(count, ours, theirs, ours - theirs, None, None, np.zeros(0))
    low, high = interval(gains, confidence)
    return Comparison(count, ours, theirs, ours - theirs, low, high, gains)


def interval(values: NDArray[np.float64], confidence: float = 0.95) -> tuple[float, float]:
    """The percentile interval of bootstrapped values."""
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)


def _tau(
    truth: ArrayLike, predicted: ArrayLike | None, rows: NDArray[np.int64]
) -> tuple[float | None, NDArray[np.float64]]:
    """Kendall's tau, or None where it is undefined, and that of each resample."""
    if predicted is None:
        return 0.0, np.zeros(len(rows))
    x, y = checked(truth, predicted)
    found = rank_correlation(x, y, resamples=0)
    if found.value is not None:
        return found.value, resampled("kendall_tau", METRICS["kendall_tau"], x, y, rows, False)
    if len(x) >= 3 and np.ptp(x) > 0:
        # Who says the same of all ranks by chance; that is an answer, and a bad one.
        return 0.0, np.zeros(len(rows))
    return None, np.zeros(0)
