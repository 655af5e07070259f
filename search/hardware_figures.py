"""Figures of models on in-memory-computing hardware: fronts, costs part by part, and placement.

Each is a pure function of trial records and of the ``hardware`` entries of a result document.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from dagsmith.search.figure_style import (
    BLUE,
    GRID,
    INK,
    PALE,
    blank_figure,
    cut_y,
    larger_is_better,
    metric_title,
    robust_range,
)
from dagsmith.search.pareto import pareto_front
from dagsmith.search.trial_record import TrialRecord, fidelity_of, measured

COST_TITLES = {
    "energy_pj": "energy per row (pJ)",
    "latency_ns": "latency of a row (ns)",
    "interval_ns": "time between rows (ns)",
    "area_mm2": "chip area (mm²)",
    "power_mw": "power (mW)",
    "flops": "FLOPs per row",
    "activations": "activations per row",
    "bytes": "bytes of weights",
    "crossbars": "crossbars",
    "programming_pj": "energy of programming (pJ)",
}
FRONTS = ("energy_pj", "latency_ns", "area_mm2", "flops")
"""Costs that are shown against quality."""
PARALLEL = ("flops", "area_mm2", "latency_ns", "energy_pj")

# Okabe and Ito's, then lighter ones of the same hues: eleven components must be told apart.
_PARTS = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000",
    "#8da0cb", "#a6d854", "#e5c494",
)  # fmt: skip


def figure_hardware_fronts(trials: Sequence[TrialRecord], metric: str) -> go.Figure:
    """Quality against each cost of the hardware: every trial, and the front of the two."""
    done = measured(trials, metric)
    names = [name for name in FRONTS if all(name in t["costs"] for t in done)] if done else []
    figure = blank_figure("Quality against each cost", "", "")
    if not names:
        return figure
    grid = make_subplots(
        cols=len(names), shared_yaxes=True, horizontal_spacing=0.03, rows=1, figure=figure
    )
    direction = "maximize" if larger_is_better(metric) else "minimize"
    quality = np.array([t["metrics"][metric] for t in done])
    for column, name in enumerate(names, 1):
        cost = np.array([t["costs"][name] for t in done])
        front = pareto_front(np.stack([quality, cost], axis=1), [direction, "minimize"])
        front = front[np.argsort(cost[front])]
        shown = column == 1
        grid.add_scatter(
            x=cost,
            y=quality,
            name="trial",
            mode="markers",
            marker={"color": PALE, "size": 5},
            showlegend=shown,
            hovertemplate=f"%{{x:.3s}}, %{{y:.5f}}<extra>{fidelity_of(done)}</extra>",
            row=1,
            col=column,
        )
        grid.add_scatter(
            x=cost[front],
            y=quality[front],
            name="Pareto front",
            mode="lines+markers",
            line={"color": BLUE, "width": 2, "shape": "hv"},
            marker={"size": 7},
            showlegend=shown,
            hovertemplate="%{x:.3s}, %{y:.5f}<extra>front</extra>",
            row=1,
            col=column,
        )
        grid.update_xaxes(
            title={"text": COST_TITLES[name]},
            type="log",
            dtick="D2" if np.ptp(np.log10(np.maximum(cost, 1e-12))) < 1.2 else 1,
            tickformat="~g" if name == "area_mm2" else "~s",
            gridcolor=GRID,
            linecolor=PALE,
            row=1,
            col=column,
        )
        grid.update_yaxes(gridcolor=GRID, linecolor=PALE, automargin=True, row=1, col=column)
    grid.update_yaxes(title={"text": f"{metric_title(metric)}, validation"}, row=1, col=1)
    # The axes share their scale; a few hopeless trials must not stretch it.
    cut_y(grid, robust_range(quality.tolist()), quality.tolist())
    return grid


def figure_parallel(trials: Sequence[TrialRecord], metric: str) -> go.Figure:
    """Parallel coordinates: one line per trial through its quality and its costs."""
    done = measured(trials, metric)
    names = [name for name in PARALLEL if all(name in t["costs"] for t in done)] if done else []
    quality = [t["metrics"][metric] for t in done]
    figure = blank_figure("Every trial through all objectives", "", "")
    if not names:
        return figure
    dimensions: list[dict[str, Any]] = [{"label": metric_title(metric), "values": quality}]
    for name in names:
        values = np.log10([max(t["costs"][name], 1e-12) for t in done])
        ticks = np.linspace(values.min(), values.max(), 5) if len(set(values)) > 1 else values[:1]
        dimensions.append(
            {
                "label": COST_TITLES[name],
                "values": values,
                "tickvals": ticks,
                "ticktext": [_short(10**tick) for tick in ticks],
            }
        )
    low, high = np.quantile(quality, [0.02, 0.9])
    figure.add_parcoords(
        line={
            "color": quality,
            "colorscale": "Viridis",
            "reversescale": larger_is_better(metric),
            "cmin": float(low),
            "cmax": float(high),
            "showscale": True,
            "colorbar": {"title": {"text": metric_title(metric)}, "thickness": 12},
        },
        dimensions=dimensions,
        # Room for the names of the axes, which stand above them.
        domain={"y": [0.0, 0.88]},
        labelfont={"size": 12, "color": INK},
        tickfont={"size": 11, "color": INK},
        rangefont={"size": 10, "color": "rgba(0,0,0,0)"},
    )
    figure.update_layout(margin={"l": 60, "r": 40, "t": 90, "b": 24})
    return figure


def figure_breakdown(hardware: Mapping[str, Any], what: str) -> go.Figure:
    """Stacked bars per operator: ``"energy_pj"`` or ``"area_mm2"``, by component."""
    nodes = [node for node in hardware["nodes"] if sum(node[what].values()) > 0]
    title = {"energy_pj": "Energy per row", "area_mm2": "Area"}[what]
    figure = blank_figure(f"{title}, by operator and component", COST_TITLES[what], "")
    labels = [f"{node['name']}: {node['operator']}" for node in nodes]
    parts = list(hardware["nodes"][0][what]) if hardware["nodes"] else []
    weight = {part: sum(node[what][part] for node in nodes) for part in parts}
    for index, part in enumerate(parts):
        if not weight[part]:
            continue
        figure.add_bar(
            x=[node[what][part] for node in nodes],
            y=labels,
            name=part.replace("_", " and ") if part == "shift_add" else part,
            orientation="h",
            marker={"color": _PARTS[index % len(_PARTS)]},
            hovertemplate="%{y}, " + part + ": %{x:.3s}<extra></extra>",
        )
    figure.update_layout(barmode="stack", legend={"traceorder": "normal"})
    figure.update_xaxes(tickformat="~s")
    figure.update_yaxes(autorange="reversed", title=None, showgrid=False)
    return figure


def figure_placement(hardware: Mapping[str, Any]) -> go.Figure:
    """Where the weights lie: every crossbar a square, tile by tile, coloured by operator."""
    figure = blank_figure("Crossbars on their tiles", "", "")
    per_tile, side = int(hardware["crossbars_per_tile"]), 12
    rows = -(-per_tile // side)
    per_line = 4
    tiles = -(-int(sum(node["crossbars"] for node in hardware["nodes"])) // per_tile)
    index = 0
    for number, node in enumerate(n for n in hardware["nodes"] if n["crossbars"]):
        x, y = [], []
        for _ in range(int(node["crossbars"])):
            tile, inside = divmod(index, per_tile)
            x.append((tile % per_line) * (side + 1.5) + inside % side)
            y.append((tile // per_line) * (rows + 1.5) + inside // side)
            index += 1
        used = node["cells"] / (node["crossbars"] * hardware["knobs"]["size"] ** 2)
        figure.add_scatter(
            x=x,
            y=y,
            mode="markers",
            name=f"{node['name']}: {node['operator']} ({int(node['crossbars'])}, {used:.0%} full)",
            marker={
                "symbol": "square",
                "size": 15 if tiles <= 2 else 9,
                "color": _PARTS[number % len(_PARTS)],
                "line": {"color": "white", "width": 0.5},
                "opacity": 1.0 if number < len(_PARTS) else 0.55,
            },
            hovertemplate=f"{node['name']}<extra></extra>",
        )
    for tile in range(tiles):
        left = (tile % per_line) * (side + 1.5) - 0.75
        top = (tile // per_line) * (rows + 1.5) - 0.75
        figure.add_shape(
            type="rect",
            x0=left,
            x1=left + side + 0.5,
            y0=top,
            y1=top + rows + 0.5,
            line={"color": PALE, "width": 1},
        )
    width = min(tiles, per_line) * (side + 1.5)
    figure.update_xaxes(visible=False, range=[-1.5, max(width, 2 * (side + 1.5))])
    figure.update_yaxes(visible=False, autorange="reversed", scaleanchor="x", scaleratio=1)
    figure.update_layout(legend={"orientation": "v", "x": 1.01, "y": 1, "yanchor": "top"})
    return figure


def _short(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"
