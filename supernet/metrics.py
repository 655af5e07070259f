"""Quality of predicted click probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

_FLOOR = 1e-7
"""Probabilities are kept this far from 0 and 1, so that one sure mistake stays finite."""


class MetricError(ValueError):
    """A metric that these labels do not define."""


def logloss(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean binary cross-entropy in nats, ``[rows]`` against ``[rows]``."""
    y, p = _pair(labels, probabilities)
    p = np.clip(p, _FLOOR, 1 - _FLOOR)
    return float(-np.mean(np.where(y > 0.5, np.log(p), np.log1p(-p))))


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney U), ties counted half.

    Raises:
        MetricError: the labels hold one class only.
    """
    y, s = _pair(labels, scores)
    positive = int((y > 0.5).sum())
    negative = len(y) - positive
    if not positive or not negative:
        present = "clicks" if positive else "non-clicks"
        raise MetricError(f"AUC is undefined: all {len(y)} rows are {present}")
    ranks = rankdata(s)
    above = ranks[y > 0.5].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


def normalised_entropy(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Log loss over the entropy of the click rate (He et al., ADKDD 2014); 1 knows only the rate.

    Raises:
        MetricError: the labels hold one class only.
    """
    y, p = _pair(labels, probabilities)
    rate = float(y.mean())
    if rate in (0.0, 1.0):
        raise MetricError(f"normalised entropy is undefined: the click rate is {rate:.0f}")
    entropy = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
    return logloss(y, p) / float(entropy)


def grouped_auc(labels: ArrayLike, scores: ArrayLike, groups: ArrayLike) -> float:
    """Mean AUC within groups (users, say), weighted by group size (Zhu et al., KDD 2017).

    Groups of one class are left out.

    Raises:
        MetricError: no group has both classes.
    """
    y, s = _pair(labels, scores)
    _, code = np.unique(np.asarray(groups), return_inverse=True)
    order = np.lexsort((s, code))
    clicked, s, code = y[order] > 0.5, s[order], code[order]
    starts = np.flatnonzero(np.r_[True, code[1:] != code[:-1]])
    total = weight = 0.0
    for part_y, part_s in zip(np.split(clicked, starts[1:]), np.split(s, starts[1:]), strict=True):
        if part_y.any() and not part_y.all():
            total += len(part_y) * auc(part_y, part_s)
            weight += len(part_y)
    if not weight:
        raise MetricError("grouped AUC is undefined: no group holds both classes")
    return total / weight


@dataclass(frozen=True)
class Calibration:
    """How predicted and observed click rates agree.

    Args:
        ratio: summed prediction over summed clicks; 1 is calibrated. None without clicks.
        error: expected calibration error over bins of equal count.
        predicted: mean prediction per bin, ``[bins]``.
        observed: click rate per bin, ``[bins]``.
    """

    ratio: float | None
    error: float
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]


def calibration(labels: ArrayLike, probabilities: ArrayLike, bins: int = 20) -> Calibration:
    """Compare predicted with observed click rates in `bins` groups of equal count."""
    y, p = _pair(labels, probabilities)
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    predicted = np.array([p[part].mean() for part in parts])
    observed = np.array([y[part].mean() for part in parts])
    share = np.array([len(part) for part in parts]) / len(y)
    clicks = y.sum()
    return Calibration(
        float(p.sum() / clicks) if clicks else None,
        float((share * np.abs(predicted - observed)).sum()),
        predicted,
        observed,
    )


def click_metrics(labels: ArrayLike, probabilities: ArrayLike) -> Mapping[str, float]:
    """Log loss, calibration error and, unless one class leaves them undefined, AUC and NE."""
    y, p = _pair(labels, probabilities)
    metrics = {"logloss": logloss(y, p), "calibration_error": calibration(y, p).error}
    if 0 < y.sum() < len(y):
        metrics |= {"auc": auc(y, p), "normalised_entropy": normalised_entropy(y, p)}
    return metrics


def _pair(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, s = np.asarray(labels, np.float64), np.asarray(scores, np.float64)
    if y.shape != s.shape or y.ndim != 1 or not len(y):
        raise MetricError(f"labels {y.shape} and scores {s.shape}; expected two equal [rows > 0]")
    if np.isnan(s).any():
        raise MetricError(f"{int(np.isnan(s).sum())} of {len(s)} scores are NaN")
    return y, s
