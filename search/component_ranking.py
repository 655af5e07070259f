"""Where a predictor ranks badly: rank correlation by what architectures are made of."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dagsmith.search.errors import SearchError
from dagsmith.space import Architecture

if TYPE_CHECKING:
    from dagsmith.predictor import RankCorrelation
    from dagsmith.predictor.metrics import MetricName

LEAST = 10
"""Smallest group of architectures whose rank correlation is worth a number."""


@dataclass(frozen=True)
class ComponentRanking:
    """How well the architectures with a component are ranked, against those without it.

    Args:
        component: a kind, ``"dense_op"``, or a choice of it, ``"dense_op.operator = fc"``.
        times: how many of it an architecture needs to count as having it.
        having: the rank metric among the architectures that have it.
        lacking: the same among all others.
    """

    component: str
    times: int
    having: "RankCorrelation"
    lacking: "RankCorrelation"

    @property
    def gap(self) -> float | None:
        """How much less the metric is with the component than without; None if one is missing."""
        if self.having.value is None or self.lacking.value is None:
            return None
        return self.lacking.value - self.having.value

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: `component`, `times`, `metric`, and both sides without their metric."""
        parts = {"having": self.having.to_dict(), "lacking": self.lacking.to_dict()}
        for part in parts.values():
            del part["metric"]
        named = {"component": self.component, "times": self.times, "metric": self.having.metric}
        return named | parts


def components(architecture: Architecture) -> Counter[str]:
    """How often each kind occurs in an architecture, and each choice or flag of its attributes.

    Numbers are no choices, and are left out.

    Example:
        >>> from dagsmith.space import Node
        >>> node = Node.of("conv", activation="relu", width=64, bias=True)
        >>> sorted(components(Architecture((node,), ())))
        ['conv', 'conv.activation = relu', 'conv.bias = on']
    """
    found: Counter[str] = Counter()
    for node in architecture.nodes:
        found[node.kind] += 1
        for name, value in node.attributes:
            if isinstance(value, bool):
                found[f"{node.kind}.{name} = {'on' if value else 'off'}"] += 1
            elif isinstance(value, str):
                found[f"{node.kind}.{name} = {value}"] += 1
    return found


def rank_by_component(
    architectures: Sequence[Architecture],
    truth: ArrayLike,
    predicted: ArrayLike,
    *,
    metric: "MetricName" = "kendall_tau",
    k: int | None = None,
    larger_is_better: bool = False,
    least: int = LEAST,
    resamples: int = 1000,
) -> tuple[ComponentRanking, ...]:
    """Compare the ranking among architectures that have a component with that among the rest.

    Both sides are rank correlations *within* a group. Where nearly all architectures have a
    component, those with several of it are compared with those with fewer, at the number that
    parts them most evenly. The intervals tell how sure a value is; of
    many components some will differ by chance, and components that come together cannot be told
    apart. With metrics of the top, `k` is cut to the size of the group.

    Args:
        architectures: what was predicted, ``[batch]``.
        truth: what was measured, ``[batch]``.
        predicted: what was predicted before, ``[batch]``.
        metric: a name in `dagsmith.predictor.METRICS`.
        k: for the metrics of the top; see `dagsmith.predictor.rank_correlation`.
        larger_is_better: whether the best has the largest value.
        least: a smaller group gets a reason and no value.
        resamples: bootstrap resamples of each interval.

    Returns:
        One entry per component that any architecture has: first those with a value on both sides,
        the worst ranked against the rest first, then the others by name.

    Raises:
        SearchError: lengths that differ, or `least` below 3.
        PredictorError: values that are not finite, or an unknown metric.
    """
    # The predictor package needs torch, which takes seconds to import.
    from dagsmith.predictor import RankCorrelation, rank_correlation

    true, said = np.asarray(truth, np.float64), np.asarray(predicted, np.float64)
    if not len(architectures) == len(true) == len(said):
        raise SearchError(
            f"{len(architectures)} architectures, {len(true)} true and {len(said)} predicted "
            "values; expected equal numbers"
        )
    if least < 3:
        raise SearchError(f"least is {least}; expected at least 3")

    def among(members: NDArray[np.bool_]) -> RankCorrelation:
        count = int(members.sum())
        found = rank_correlation(
            true[members],
            said[members],
            metric=metric,
            k=k if k is None else min(k, max(count, 1)),
            larger_is_better=larger_is_better,
            resamples=resamples if count >= least else 0,
        )
        if count >= least:
            return found
        reason = f"{count} architectures; expected at least {least}"
        return RankCorrelation(found.metric, None, None, None, count, reason)

    made_of = [components(architecture) for architecture in architectures]
    rankings = []
    for name in sorted(frozenset[str]().union(*made_of)):
        counts = np.array([each[name] for each in made_of])
        kind = name.partition(".")[0]
        if name != kind and (counts == [each[kind] for each in made_of]).all():
            # The only choice that occurs: the kind has said it.
            continue
        times = _times(counts, least)
        rankings.append(
            ComponentRanking(name, times, among(counts >= times), among(counts < times))
        )
    return tuple(sorted(rankings, key=lambda r: (r.gap is None, -(r.gap or 0.0))))


def _times(counts: NDArray[np.int64], least: int) -> int:
    """How many make the difference: one if both groups are large enough, else the evenest cut."""

    def smaller(times: int) -> int:
        return int(min((counts >= times).sum(), (counts < times).sum()))

    if smaller(1) >= least:
        return 1
    # Of equally even cuts the first: fewest of the component.
    return max(range(1, int(counts.max()) + 1), key=smaller)
