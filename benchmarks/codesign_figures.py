"""Figures of `codesign.py`: quality against costs, gains, and hypervolume against evaluations."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from codesign_race import COSTS, Entry
from codesign_report import UNDER_BUDGET, Curves, compared, interval
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from dagsmith.search.figure_style import BLUE, GREEN, GRID, INK, MUTED, ORANGE, RED, model_title

AIMS = {"flops": 2.0, "energy_pj": 1.8, "latency_ns": 1.5}
"""What "Towards Automated Model Design on Recommender Systems" reports for its joint search."""
TITLES = {
    "a": "hand-made, default hardware",
    "b": "searched model, default hardware",
    "c": "searched model, hardware after",
    "d": "searched together",
}
_NAMES = {
    "flops": "FLOPs",
    "energy_pj": "energy",
    "latency_ns": "latency",
    "area_mm2": "area",
    "power_mw": "power",
}
_LOOKS = {
    "a, dlrm": (MUTED, "square"),
    "a, dcnv2": (MUTED, "diamond"),
    "b": (INK, "star"),
    "c": (ORANGE, "triangle-up"),
    "d": (BLUE, "circle"),
}
_WAYS = {"joint": BLUE, UNDER_BUDGET: RED, "one after the other": ORANGE, "random": GREEN}
_FAR = 0.1
"""Log loss beyond which an arm is no longer drawn."""
_TIMES = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)


def arm_title(arm: str) -> str:
    """``"a, dlrm"`` becomes ``"(a) DLRM, default hardware"``."""
    letter, _, name = arm.partition(", ")
    title = TITLES[letter]
    return f"({letter}) " + (title.replace("hand-made", model_title(name)) if name else title)


def figure_table(rows: Sequence[Mapping[str, Any]], seeds: int) -> go.Figure:
    """The arms with their log losses, and how many times less than (b) each costs."""
    columns = ["arm", "valid log loss", "test log loss", "equal", *(_NAMES[cost] for cost in COSTS)]
    cells = [
        [arm_title(row["arm"]) for row in rows],
        [f"{row['valid']:.4f}" for row in rows],
        [f"{row['test']:.4f}" for row in rows],
        [f"{row['equal']} of {seeds}" for row in rows],
        *([f"{row[f'{cost}_gain']:.2f}" for row in rows] for cost in COSTS),
    ]
    align = ["left", *["right"] * (len(columns) - 1)]
    drawn = go.Figure(
        go.Table(
            columnwidth=[3.2, *[1.2] * (len(columns) - 1)],
            header={"values": columns, "align": align, "fill_color": GRID},
            cells={"values": cells, "align": align, "fill_color": "white", "height": 24},
        )
    )
    drawn.update_layout(
        title="Means over the search seeds; costs as times less than (b)",
        height=130 + 26 * len(rows),
        margin={"t": 50, "b": 10},
    )
    return drawn


def figure_quality(
    seeds: Sequence[Mapping[str, Entry]], raced: Sequence[Mapping[str, Sequence[Entry]]]
) -> go.Figure:
    """Log loss beyond what counts as equal, against FLOPs and energy, of all that was trained."""
    by = ("flops", "energy_pj", "latency_ns")
    drawn = make_subplots(
        cols=len(by),
        shared_yaxes=True,
        horizontal_spacing=0.03,
        subplot_titles=[f"{_NAMES[cost]}, as a share of (b)'s" for cost in by],
    )
    for arm, (colour, symbol) in _LOOKS.items():
        for column, cost in enumerate(by, start=1):
            for candidates, size, opacity in ((True, 6, 0.4), (False, 12, 1.0)):
                points = [
                    (entry["costs"][cost] / b["costs"][cost], entry["valid"] - _limit(b))
                    for arms, others in zip(seeds, raced, strict=True)
                    for b in [arms["b"]]
                    for entry in (others.get(arm, []) if candidates else [arms[arm]])
                ]
                if not points:
                    continue
                drawn.add_scatter(
                    x=[x for x, _ in points],
                    y=[y for _, y in points],
                    mode="markers",
                    marker={"color": colour, "symbol": symbol, "size": size, "opacity": opacity},
                    name=arm_title(arm),
                    legendgroup=arm,
                    showlegend=column == 1 and not candidates,
                    row=1,
                    col=column,
                )
    drawn.add_hline(y=0, line={"dash": "dash", "width": 1, "color": INK})
    for column, cost in enumerate(by, start=1):
        aim = {"dash": "dot", "width": 1, "color": RED}
        drawn.add_vline(x=1 / AIMS[cost], line=aim, row=1, col=column)
    # What is far worse than the others, or has learned nothing, would stretch the axes.
    above = [arms[arm]["valid"] - _limit(arms["b"]) for arms in seeds for arm in arms]
    above = [value for value in above if value < _FAR]
    drawn.update_xaxes(type="log", tickvals=_TIMES, range=[-1.6, 0.5], gridcolor=GRID)
    lowest, highest = min(above) - 0.006, max(above) + 0.006
    drawn.update_yaxes(range=[lowest, highest], gridcolor=GRID, zeroline=False)
    drawn.update_yaxes(title="validation log loss beyond the limit", col=1)
    drawn.update_layout(
        title="Below the dashed line log loss is equal to (b)'s; left of the dotted one is the "
        "aim; small: all that raced",
        height=480,
        plot_bgcolor="white",
        legend={"orientation": "h", "yanchor": "top", "y": -0.12},
    )
    return drawn


def figure_gains(rows: Sequence[Mapping[str, Any]], seeds: int) -> go.Figure:
    """How many times less than (b) each arm costs: the mean, and every seed."""
    drawn = go.Figure()
    shown = [row for row in rows if row["arm"] != "b"]
    for place, row in enumerate(shown):
        colour, symbol = _LOOKS[row["arm"]]
        at = [index + 0.14 * (place - (len(shown) - 1) / 2) for index in range(len(COSTS))]
        look = {"color": colour, "symbol": symbol}
        drawn.add_scatter(
            x=[gain for cost in COSTS for gain in row[f"{cost}_gains"]],
            y=[y for y, cost in zip(at, COSTS, strict=True) for _ in row[f"{cost}_gains"]],
            mode="markers",
            marker=look | {"size": 5, "opacity": 0.5},
            showlegend=False,
            hoverinfo="skip",
        )
        drawn.add_scatter(
            x=[row[f"{cost}_gain"] for cost in COSTS],
            y=at,
            mode="markers",
            marker=look | {"size": 12},
            name=f"{arm_title(row['arm'])}: equal in {row['equal']} of {seeds}",
        )
    drawn.add_scatter(
        x=list(AIMS.values()),
        y=[list(COSTS).index(cost) for cost in AIMS],
        mode="markers",
        marker={"symbol": "line-ns", "size": 60, "line": {"width": 2, "color": RED}},
        name="aim of (d)",
    )
    drawn.add_vline(x=1, line={"dash": "dash", "width": 1, "color": INK})
    drawn.update_xaxes(type="log", tickvals=_TIMES, title="times less than (b)", gridcolor=GRID)
    drawn.update_yaxes(
        tickvals=list(range(len(COSTS))),
        ticktext=[_NAMES[cost] for cost in COSTS],
        autorange="reversed",
        showgrid=False,
        zeroline=False,
    )
    drawn.update_layout(
        title="Costs against (b): geometric means, and every seed",
        height=520,
        plot_bgcolor="white",
        legend={"orientation": "h", "yanchor": "top", "y": -0.14},
    )
    return drawn


def figure_hypervolume(curves: Sequence[Curves]) -> go.Figure:
    """Mean hypervolume of each way against its evaluations, with its interval over the seeds."""
    drawn = go.Figure()
    last = compared(curves)
    for way in last:
        colour, having = _WAYS[way], [seed for seed in curves if way in seed]
        counts = sorted(set.intersection(*(set(seed[way]) for seed in having)))
        rows = np.array([[seed[way][count] for count in counts] for seed in having])
        low, high = np.transpose([interval(column.tolist()) for column in rows.T])
        drawn.add_scatter(
            x=[*counts, *counts[::-1]],
            y=[*high, *low[::-1]],
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=f"rgba{(*(int(colour[i : i + 2], 16) for i in (1, 3, 5)), 0.15)}",
            showlegend=False,
            hoverinfo="skip",
        )
        drawn.add_scatter(
            x=counts,
            y=rows.mean(axis=0),
            mode="lines",
            name=_named(way, last[way], len(having)),
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


def _limit(b: Entry) -> float:
    return float(b["valid"]) + float(b["noise"])


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
