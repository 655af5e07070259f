"""What `codesign.py` says: the table over the search seeds, and hypervolumes."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from codesign_race import COSTS, Candidate, Entry
from numpy.typing import NDArray
from optuna._hypervolume import compute_hypervolume

Curves = dict[str, dict[int, float]]
"""Hypervolume after so many evaluations, by way."""
UNDER_BUDGET = "joint, under a budget"
"""(d)'s search among the ways; that for the front is ``"joint"``."""
_BEHIND = 10.0
"""How many times (b)'s energy and latency the reference point has."""


def hypervolumes(
    found: Sequence[Candidate], of: Mapping[str, float], base: float, every: int
) -> dict[int, float]:
    r"""Hypervolume after so many evaluations, every so many.

    Of log loss below that of the base rate, as a share of it, and of energy and latency as powers
    of ten below ten times those of (b): a net as good as a perfect one at (b)'s costs has 1.

    Args:
        found: in the order of evaluation.
        of: costs of (b).
        base: log loss of the base rate.
        every: evaluations between two values.
    """
    names = ("energy_pj", "latency_ns")
    values = np.array(
        [[c.loss / base, *(np.log10(c.costs[n] / of[n]) for n in names)] for c in found]
    )
    reference = np.array([1.0, *(np.log10(_BEHIND) for _ in names)])
    counts = sorted({*range(every, len(found) + 1, every), len(found)})
    result = {}
    for count in counts:
        inside = values[:count][(values[:count] < reference).all(axis=1)]
        volume = float(compute_hypervolume(inside, reference)) if len(inside) else 0.0
        result[count] = volume
    return result


def interval(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """Bootstrap interval of 95 % of a mean over search seeds."""
    rng = np.random.default_rng(seed)
    table: NDArray[np.float64] = np.asarray(values, float)
    means = rng.choice(table, (10_000, len(table))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def compared(curves: Sequence[Curves]) -> dict[str, dict[str, Any]]:
    """The last hypervolume of each way, and how far ahead the joint search is, over the seeds.

    As long as none was searched for its front, the joint search is that of (d).
    """
    result = {}
    for way in dict.fromkeys(way for seed in curves for way in seed):
        having = [seed for seed in curves if way in seed]
        values = [_last(seed[way]) for seed in having]
        joint = [_last(seed["joint" if "joint" in seed else UNDER_BUDGET]) for seed in having]
        ahead = [one - other for one, other in zip(joint, values, strict=True)]
        result[way] = {
            "hypervolume": values,
            "mean": fmean(values),
            "interval": interval(values),
            "ahead": fmean(ahead),
            "ahead_interval": interval(ahead),
        }
    return result


def _last(curve: Mapping[int, float]) -> float:
    return curve[max(curve)]


def table(seeds: Sequence[Mapping[str, Entry]]) -> list[dict[str, Any]]:
    """Means over search seeds, and how many times better than (b) each arm is."""
    rows = []
    for name in seeds[0]:
        row: dict[str, Any] = {"arm": name}
        for key in ("valid", "test", "auc", "noise"):
            row[key] = fmean(float(arms[name][key]) for arms in seeds)
        row["equal"] = sum(bool(arms[name]["equal"]) for arms in seeds)
        for cost in COSTS:
            row[cost] = fmean(arms[name]["costs"][cost] for arms in seeds)
            ratios = [arms["b"]["costs"][cost] / arms[name]["costs"][cost] for arms in seeds]
            # The geometric mean: half of the seeds at 2 and half at 1/2 is no gain.
            row[f"{cost}_gain"] = float(np.exp(np.mean(np.log(ratios))))
            row[f"{cost}_gains"] = ratios
        rows.append(row)
    return rows
