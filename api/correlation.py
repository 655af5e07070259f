"""How well each stage ranks what the next one finds: the rank correlation at each joint."""

from collections.abc import Sequence
from typing import Any

from dagsmith.predictor.metrics import MetricName, RankCorrelation, rank_correlation
from dagsmith.search import RankTracker

METRICS: tuple[MetricName, ...] = ("kendall_tau", "spearman", "weighted_tau")


def prequential(tracker: RankTracker) -> list[dict[str, Any]]:
    """The rows of the joint ``predictor-supernet``: predictions made before the evaluations."""
    return [
        {"joint": "predictor-supernet", **tracker.overall(metric).to_dict()} for metric in METRICS
    ]


def by_round(tracker: RankTracker) -> list[dict[str, Any]]:
    """Kendall's tau-b within each round of the search."""
    return [{"round": each, **_unnamed(found)} for each, found in tracker.by_round().items()]


def by_component(tracker: RankTracker) -> list[dict[str, Any]]:
    """Kendall's tau-b among the architectures with each component, and among the others."""
    return [found.to_dict() for found in tracker.by_component()]


def joint(
    name: str,
    truth: Sequence[float | None],
    estimate: Sequence[float | None],
    larger_is_better: bool,
) -> list[dict[str, Any]]:
    """The rows of a joint with scratch training, one per rank metric.

    Args:
        name: such as ``"supernet-scratch"``.
        truth: what scratch training found, ``[architectures]``.
        estimate: what stood for it; an architecture where either is None is left out.
        larger_is_better: whether the best has the largest value.
    """
    pairs = zip(truth, estimate, strict=True)
    known = [(t, e) for t, e in pairs if t is not None and e is not None]
    return [
        {
            "joint": name,
            **rank_correlation(
                [t for t, _ in known],
                [e for _, e in known],
                metric=metric,
                larger_is_better=larger_is_better,
            ).to_dict(),
        }
        for metric in METRICS
    ]


def _unnamed(found: RankCorrelation) -> dict[str, Any]:
    return {key: value for key, value in found.to_dict().items() if key != "metric"}
