"""How well one ranking agrees with another, with an interval that says how sure that is.

Every function takes the truth and the predictions, ``[batch]`` each, and `larger_is_better`,
which says where the top of the ranking is. Where a value is undefined it is NaN here, and
None with a reason in `rank_correlation`, whose result can go into JSON.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from dagsmith.predictor.errors import PredictorError

Values = NDArray[np.float64]
MetricName = Literal["kendall_tau", "spearman", "weighted_tau", "ndcg", "precision_at", "regret_at"]
AT_TOP = ("ndcg", "precision_at", "regret_at")
"""Metrics that look at the first `k` of a ranking."""

_SIGN_MATRIX_LIMIT = 2000
"""Above this many pairs the matrix of all pairs costs more than sorting each resample."""


@dataclass(frozen=True)
class RankCorrelation:
    """A rank metric with its bootstrap interval.

    Args:
        metric: its name, with ``@k`` where it looks at the first k.
        value: the metric, or None where it is undefined.
        low: lower end of the interval, or None.
        high: upper end of the interval, or None.
        n: number of pairs.
        reason: empty, or why there is no value.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str = ""

    def to_dict(self) -> dict[str, str | float | int | None]:
        """The fields as JSON-ready values; `reason` only where there is one."""
        fields: dict[str, str | float | int | None] = {
            "metric": self.metric,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
        }
        return fields | ({"reason": self.reason} if self.reason else {})


def kendall_tau(truth: Values, predicted: Values, larger_is_better: bool = False) -> float:
    """Kendall's tau-b: concordant minus discordant pairs, corrected for ties. In [-1, 1]."""
    return float(stats.kendalltau(truth, predicted).statistic)


def spearman(truth: Values, predicted: Values, larger_is_better: bool = False) -> float:
    """Spearman's rho: the correlation of the ranks. In [-1, 1]."""
    return float(_row_correlation(_row_ranks(truth[None]), _row_ranks(predicted[None]))[0])


def weighted_tau(truth: Values, predicted: Values, larger_is_better: bool = False) -> float:
    """Kendall's tau with a pair's weight falling hyperbolically from the best on. In [-1, 1].

    Vigna, "A weighted correlation index for rankings with ties", WWW 2015.
    """
    sign = 1.0 if larger_is_better else -1.0
    return float(stats.weightedtau(sign * truth, sign * predicted).statistic)


def ndcg(truth: Values, predicted: Values, larger_is_better: bool = False, k: int = 10) -> float:
    r"""Normalised discounted cumulative gain of the first k. In [0, 1].

    :math:`\sum_{i<k} g_i / \log_2(i + 2)` over the predicted ranking, divided by the same sum
    over the true one; the gain g is the truth stretched to [0, 1], the best being 1.
    """
    goodness, order = _ranking(truth, predicted, larger_is_better)
    gain = (goodness - goodness.min()) / (goodness.max() - goodness.min())
    discount = 1.0 / np.log2(np.arange(k) + 2.0)
    return float(gain[order[:k]] @ discount / (np.sort(gain)[::-1][:k] @ discount))


def precision_at(
    truth: Values, predicted: Values, larger_is_better: bool = False, k: int = 10
) -> float:
    """The part of the predicted first k that is as good as the true k-th. In [0, 1]."""
    goodness, order = _ranking(truth, predicted, larger_is_better)
    return float((goodness[order[:k]] >= np.sort(goodness)[-k]).mean())


def regret_at(
    truth: Values, predicted: Values, larger_is_better: bool = False, k: int = 10
) -> float:
    """How much worse the best of the predicted first k is than the best; in units of the truth."""
    goodness, order = _ranking(truth, predicted, larger_is_better)
    return float(goodness.max() - goodness[order[:k]].max())


METRICS: dict[str, Callable[..., float]] = {
    "kendall_tau": kendall_tau,
    "spearman": spearman,
    "weighted_tau": weighted_tau,
    "ndcg": ndcg,
    "precision_at": precision_at,
    "regret_at": regret_at,
}
"""The rank metrics by name."""


def rank_correlation(
    truth: ArrayLike,
    predicted: ArrayLike,
    *,
    metric: MetricName = "kendall_tau",
    k: int | None = None,
    larger_is_better: bool = False,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> RankCorrelation:
    """Compare a predicted ranking with the true one.

    The interval is the percentile interval of a bootstrap over the pairs.

    Args:
        truth: ``[batch]``.
        predicted: ``[batch]``, on any scale that grows with the truth.
        metric: a name in `METRICS`.
        k: how far down the ranking `ndcg`, `precision_at` and `regret_at` look; by default a
            tenth of the pairs.
        larger_is_better: whether the best has the largest value (accuracy) or the smallest (loss).
        resamples: bootstrap resamples; 0 gives no interval.
        confidence: coverage of the interval.
        seed: of the bootstrap.

    Raises:
        PredictorError: an unknown metric, lengths that differ, values that are not finite, or a
            `k` that the metric does not take or that exceeds the number of pairs.

    Example:
        >>> round(rank_correlation([1.0, 2.0, 3.0, 4.0], [10, 20, 40, 30]).value, 3)
        0.667
        >>> rank_correlation([1.0, 2.0], [1.0, 2.0]).reason
        '2 pairs; expected at least 3'
    """
    if metric not in METRICS:
        raise PredictorError(f"unknown metric {metric!r}; expected one of {', '.join(METRICS)}")
    if not (0 < confidence < 1 and resamples >= 0):
        raise PredictorError(
            f"confidence is {confidence} and resamples {resamples}; "
            "expected a confidence between 0 and 1 and at least 0 resamples"
        )
    x, y = checked(truth, predicted)
    n = len(x)
    k = _depth(metric, k, n)
    name = metric if k is None else f"{metric.removesuffix('_at')}@{k}"
    reason = ""
    if n < 3:
        reason = f"{n} pairs; expected at least 3"
    elif np.all(x == x[0]):
        reason = "all true values are equal"
    elif np.all(y == y[0]):
        reason = "all predicted values are equal"
    if reason:
        return RankCorrelation(name, None, None, None, n, reason)
    function = METRICS[metric] if k is None else partial(METRICS[metric], k=k)
    value = function(x, y, larger_is_better)
    values = np.array([])
    if resamples:
        rows = np.random.default_rng(seed).integers(0, n, (resamples, n))
        values = resampled(metric, function, x, y, rows, larger_is_better)
        values = values[np.isfinite(values)]
    # With very few pairs a resample may be constant and say nothing; an interval needs most.
    if not values.size or values.size < resamples / 2:
        return RankCorrelation(name, value, None, None, n)
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return RankCorrelation(name, value, float(low), float(high), n)


def checked(truth: ArrayLike, predicted: ArrayLike) -> tuple[Values, Values]:
    """Both as float64 ``[batch]``; raise PredictorError unless finite and of one length."""
    x, y = np.asarray(truth, np.float64), np.asarray(predicted, np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise PredictorError(
            f"truth has shape {x.shape} and predictions {y.shape}; expected two equal lengths"
        )
    for name, values in (("truth", x), ("predictions", y)):
        broken = np.flatnonzero(~np.isfinite(values))
        if broken.size:
            raise PredictorError(
                f"{name} not finite in {broken.size} rows: {', '.join(map(str, broken[:8]))}"
            )
    return x, y


def _depth(metric: str, k: int | None, n: int) -> int | None:
    if metric not in AT_TOP:
        if k is not None:
            raise PredictorError(f"{metric} takes no k; expected one of {', '.join(AT_TOP)}")
        return None
    if k is None:
        return max(1, n // 10)
    if not 1 <= k <= max(n, 1):
        raise PredictorError(f"k is {k}; expected 1 to {n}, the number of pairs")
    return k


def _ranking(
    truth: Values, predicted: Values, larger_is_better: bool
) -> tuple[Values, NDArray[np.int64]]:
    """Goodness (larger is better), and the predicted order; ties go against the predictor."""
    sign = 1.0 if larger_is_better else -1.0
    goodness = sign * truth
    return goodness, np.lexsort((goodness, -sign * predicted))


def resampled(
    metric: str,
    function: Callable[..., float],
    x: Values,
    y: Values,
    rows: NDArray[np.int64],
    larger_is_better: bool,
) -> Values:
    """The metric of each resample, ``[resamples]``; NaN where a resample is constant."""
    if metric == "spearman":
        parts = [
            _row_correlation(_row_ranks(x[part]), _row_ranks(y[part]))
            for part in _chunks(rows, 1 << 22)
        ]
        return np.concatenate(parts)
    if metric == "kendall_tau" and len(x) <= _SIGN_MATRIX_LIMIT:
        return _resampled_tau(x, y, rows)
    values = np.full(len(rows), np.nan)
    for index, row in enumerate(rows):
        a, b = x[row], y[row]
        if a.min() < a.max() and b.min() < b.max():
            values[index] = function(a, b, larger_is_better)
    return values


def _resampled_tau(x: Values, y: Values, rows: NDArray[np.int64]) -> Values:
    r"""Tau-b of all resamples by matrix products.

    With c the number of times a resample drew each pair, and S, T the signs of all differences
    in x and y, tau-b is :math:`c'(S \circ T)c / \sqrt{c'|S|c \cdot c'|T|c}`.
    """
    signs = [np.sign(values[:, None] - values[None, :]).astype(np.float32) for values in (x, y)]
    matrices = (signs[0] * signs[1], np.abs(signs[0]), np.abs(signs[1]))
    n = len(x)
    counts = np.zeros((len(rows), n), np.float32)
    for row, drawn in zip(counts, rows, strict=True):
        row[:] = np.bincount(drawn, minlength=n)
    agree, of_x, of_y = (
        np.einsum("rn,rn->r", counts @ matrix, counts, dtype=np.float64) for matrix in matrices
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(agree / np.sqrt(of_x * of_y), np.float64)


def _chunks(rows: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    step = max(1, most // rows.shape[1])
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _row_ranks(values: Values) -> Values:
    return np.asarray(stats.rankdata(values, axis=1), np.float64)


def _row_correlation(x: Values, y: Values) -> Values:
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
        return np.asarray((x * y).sum(axis=1) / scale, np.float64)
