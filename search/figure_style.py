"""How every figure looks: colours, names, axes, and limits that outliers do not stretch.

The colours are those of Okabe and Ito, told apart by colour-blind readers; symbols differ as well,
so that a figure survives being printed in grey.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from plotly import graph_objects as go

from dagsmith.search.objectives import METRICS

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
INK, MUTED, PALE, GRID = "#1f2933", "#66727f", "#a9b4c0", "#e6eaee"

METRIC_TITLES = {"logloss": "log loss", "auc": "AUC", "normalised_entropy": "normalised entropy"}
MODEL_TITLES = {
    "lr": "LR",
    "fm": "FM",
    "dnn": "DNN",
    "deepfm": "DeepFM",
    "dcnv2": "DCNv2",
    "dlrm": "DLRM",
    "autoint": "AutoInt",
    "xdeepfm": "xDeepFM",
    "finalmlp": "FinalMLP",
    "masknet": "MaskNet",
}
JOINT_TITLES = {
    "predictor-supernet": "predictor → search",
    "supernet-scratch": "search → from scratch",
    "predictor-scratch": "predictor → from scratch",
}


def larger_is_better(metric: str) -> bool:
    """Whether the best has the largest value of the metric."""
    return METRICS.get(metric) == "maximize"


def model_title(name: str) -> str:
    """How a hand-made model is called in its paper."""
    return MODEL_TITLES.get(name, name)


def metric_title(metric: str) -> str:
    """How a metric is called on an axis."""
    return METRIC_TITLES.get(metric, metric.replace("_", " "))


def quality_axis(metric: str, fidelity: str) -> str:
    """Title of an axis of measured values; only training has a validation split.

    Args:
        metric: the first objective.
        fidelity: what measured it, see `dagsmith.search.trial_record.fidelity_of`.
    """
    if fidelity == "supernet":
        return f"supernet {metric_title(metric)}, validation"
    return (
        metric_title(metric) if fidelity == "measured" else f"{metric_title(metric)} ({fidelity})"
    )


def duration(seconds: float) -> str:
    """Seconds for people: ``"0.4 s"``, ``"3 min 20 s"``, ``"2 h 05 min"``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def robust_range(
    values: Sequence[float], keep: Sequence[float] = (), reach: float = 1.5
) -> tuple[float, float] | None:
    """Axis limits that a few hopeless values do not stretch; those of `keep` always fit.

    Values farther than `reach` interquartile ranges from the quartiles are left outside.
    """
    finite = np.array([v for v in values if math.isfinite(v)], float)
    kept = [v for v in keep if math.isfinite(v)]
    if finite.size:
        low, high = np.quantile(finite, [0.25, 0.75])
        slack = reach * (high - low)
        inside = finite[(finite >= low - slack) & (finite <= high + slack)]
        kept += [float(inside.min()), float(inside.max())]
    if not kept:
        return None
    margin = 0.06 * (max(kept) - min(kept)) or 0.01 * abs(max(kept)) or 0.01
    return min(kept) - margin, max(kept) + margin


def cut_y(figure: go.Figure, bounds: tuple[float, float] | None, values: Sequence[float]) -> None:
    """Set the y range and say how many points it leaves out."""
    if bounds is None:
        return
    figure.update_yaxes(range=list(bounds))
    outside = sum(not bounds[0] <= value <= bounds[1] for value in values)
    if outside:
        figure.add_scatter(
            x=[None],
            y=[None],
            name=f"{outside} beyond the frame",
            mode="markers",
            marker={"color": PALE, "size": 6, "symbol": "circle-open"},
        )


def blank_figure(title: str, x_title: str, y_title: str) -> go.Figure:
    """A figure without data, its axes named; the report lifts the title into the page."""
    axis = {
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": PALE,
        "ticks": "outside",
        "tickcolor": PALE,
        "automargin": True,
    }
    figure = go.Figure()
    figure.update_layout(
        title={"text": title},
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        paper_bgcolor="white",
        plot_bgcolor="white",
        margin={"l": 10, "r": 16, "t": 90, "b": 10},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
        hoverlabel={"font": {"family": "system-ui, sans-serif"}},
        xaxis={**axis, "title": {"text": x_title}},
        yaxis={**axis, "title": {"text": y_title}},
    )
    return figure


def dress_panels(figure: go.Figure, title: str) -> None:
    """Give a figure of several panels the looks of `blank_figure`."""
    style = blank_figure(title, "", "").layout
    figure.update_layout(
        title=style.title,
        font=style.font,
        paper_bgcolor=style.paper_bgcolor,
        plot_bgcolor=style.plot_bgcolor,
        margin=style.margin,
        hoverlabel=style.hoverlabel,
    )
    figure.update_xaxes(style.xaxis)
    figure.update_yaxes(style.yaxis)
    figure.update_annotations(font={"size": 13})


def error_bars(rows: Sequence[Mapping[str, Any]], colour: str) -> dict[str, Any]:
    """Error bars from ``{value, low, high}``, as plotly takes them."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [r["high"] - r["value"] for r in rows],
        "arrayminus": [r["value"] - r["low"] for r in rows],
        "color": colour,
        "thickness": 1.5,
        "width": 5,
    }
