"""What `codesign.py` shows: the table, its figure, and hypervolume against evaluations."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from codesign_race import COSTS, Candidate, Entry
from numpy.typing import NDArray
from optuna._hypervolume import compute_hypervolume
from plotly import graph_objects as go

from dagsmith.search.figure_style import BLUE, GREEN, GRID, INK, ORANGE, RED

_BEHIND = 10.0
"""How many times (b)'s energy and latency the reference point has."""
_COLOURS = (BLUE, ORANGE, GREEN, RED)
_NAMES = {
    "flops": "FLOPs",
    "energy_pj": "energy",
    "latency_ns": "latency",
    "area_mm2": "area",
    "power_mw": "power",
}


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


def compared(curves: Sequence[Mapping[str, Mapping[int, float]]]) -> dict[str, dict[str, Any]]:
    """The last hypervolume of each way, and how far ahead the joint search is, over the seeds."""
    last = {way: [list(seed[way].values())[-1] for seed in curves] for way in curves[0]}
    result = {}
    for way, values in last.items():
        ahead = [joint - value for joint, value in zip(last["joint"], values, strict=True)]
        result[way] = {
            "hypervolume": values,
            "mean": fmean(values),
            "interval": interval(values),
            "ahead": fmean(ahead),
            "ahead_interval": interval(ahead),
        }
    return result


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


def figure_gains(rows: Sequence[Mapping[str, Any]], seeds: int) -> go.Figure:
    """How many times less than (b) each arm costs, one group of bars per cost."""
    drawn = go.Figure()
    for row, colour in zip((r for r in rows if r["arm"] != "b"), _COLOURS, strict=False):
        drawn.add_bar(
            x=[_NAMES[cost] for cost in COSTS],
            y=[row[f"{cost}_gain"] for cost in COSTS],
            name=f"({row['arm']}) test log loss {row['test']:.4f}, equal in {row['equal']} of "
            f"{seeds}",
            marker_color=colour,
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [max(row[f"{c}_gains"]) - row[f"{c}_gain"] for c in COSTS],
                "arrayminus": [row[f"{c}_gain"] - min(row[f"{c}_gains"]) for c in COSTS],
                "color": INK,
                "thickness": 1,
            },
        )
    loss = next(row["test"] for row in rows if row["arm"] == "b")
    drawn.add_hline(y=1, line={"dash": "dash", "width": 1, "color": INK})
    drawn.update_yaxes(
        type="log", title="times less than (b)", dtick="D2", gridcolor=GRID, zeroline=False
    )
    drawn.update_layout(
        title=f"Costs against (b), whose test log loss is {loss:.4f}; error bars span the seeds",
        barmode="group",
        height=500,
        plot_bgcolor="white",
        legend={"orientation": "h", "yanchor": "top", "y": -0.12},
    )
    return drawn


def figure_table(rows: Sequence[Mapping[str, Any]], seeds: int) -> go.Figure:
    """The arms with their log losses, and how many times less than (b) each costs."""
    gains = [f"{_NAMES[cost]}, times less" for cost in COSTS]
    columns = ["arm", "test log loss", "equal", *gains]
    cells = [
        [f"({row['arm']})" for row in rows],
        [f"{row['test']:.4f}" for row in rows],
        [f"{row['equal']} of {seeds}" for row in rows],
        *([f"{row[f'{cost}_gain']:.2f}" for row in rows] for cost in COSTS),
    ]
    drawn = go.Figure(go.Table(header={"values": columns}, cells={"values": cells}))
    drawn.update_layout(height=140 + 26 * len(rows), margin={"t": 30, "b": 10})
    return drawn


def _named(way: str, found: Mapping[str, Any], seeds: int) -> str:
    """A way with its last hypervolume, and how far the joint search is ahead of it."""
    text = f"{way}: {found['mean']:.3f}"
    if seeds < 2:
        return text
    low, high = found["interval"]
    text += f" [{low:.3f}, {high:.3f}]"
    if way == "joint":
        return text
    low, high = found["ahead_interval"]
    return f"{text}, joint ahead by {found['ahead']:.3f} [{low:.3f}, {high:.3f}]"


def figure_hypervolume(curves: Sequence[Mapping[str, Mapping[int, float]]]) -> go.Figure:
    """Mean hypervolume of each way against its evaluations, with its interval over the seeds."""
    drawn = go.Figure()
    last = compared(curves)
    for way, colour in zip(curves[0], _COLOURS, strict=False):
        counts = sorted(set.intersection(*(set(seed[way]) for seed in curves)))
        rows = np.array([[seed[way][count] for count in counts] for seed in curves])
        low, high = np.transpose([interval(column.tolist()) for column in rows.T])
        for edge, fill in ((high, None), (low, "tonexty")):
            drawn.add_scatter(
                x=counts,
                y=edge,
                mode="lines",
                line={"width": 0, "color": colour},
                fill=fill,
                opacity=0.25,
                showlegend=False,
                hoverinfo="skip",
            )
        drawn.add_scatter(
            x=counts,
            y=rows.mean(axis=0),
            mode="lines",
            name=_named(way, last[way], len(curves)),
            line={"width": 2, "color": colour},
        )
    drawn.update_xaxes(title="evaluations", gridcolor=GRID)
    drawn.update_yaxes(title="hypervolume", gridcolor=GRID)
    drawn.update_layout(
        title="Hypervolume of log loss, energy and latency; bands are 95 % intervals of the mean",
        height=500,
        plot_bgcolor="white",
        legend={"orientation": "h", "yanchor": "top", "y": -0.15},
    )
    return drawn
