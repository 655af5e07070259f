"""Figures of what a search found: each is a pure function of a result document.

All values of one figure are of one split, so that they can be compared.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from plotly import graph_objects as go

from dagsmith.search.figure_style import (
    BLUE,
    GREEN,
    INK,
    JOINT_TITLES,
    MUTED,
    ORANGE,
    PALE,
    RED,
    blank_figure,
    cut_y,
    duration,
    error_bars,
    metric_title,
    model_title,
    quality_axis,
    robust_range,
)
from dagsmith.search.trial_record import TrialRecord, fidelity_of, measured

CROWDED = 2.5
"""Decades beyond which only powers of ten are written at an axis."""


def figure_rank_joints(rank_correlation: Sequence[Mapping[str, Any]]) -> go.Figure:
    """How far each stage's ranking can be trusted: Kendall's tau-b at each joint."""
    known = [r for r in rank_correlation if r["metric"] == "kendall_tau" and r["value"] is not None]
    names = [f"{JOINT_TITLES.get(r['joint'], r['joint'])}<br>(n = {r['n']})" for r in known]
    figure = blank_figure("Rank correlation at each joint", "Kendall τ-b, 95 % interval", "")
    figure.add_vline(x=0, line={"color": MUTED, "width": 1, "dash": "dash"})
    figure.add_scatter(
        x=[r["value"] for r in known],
        y=names,
        mode="markers",
        showlegend=False,
        marker={"color": BLUE, "size": 12},
        error_x=error_bars(known, BLUE),
        customdata=[[r["low"], r["high"]] for r in known],
        hovertemplate="τ %{x:.3f} [%{customdata[0]:.2f}, %{customdata[1]:.2f}]<extra></extra>",
    )
    figure.update_xaxes(range=[-1.05, 1.05], dtick=0.5)
    figure.update_yaxes(autorange="reversed", showgrid=False, title=None)
    return figure


def figure_pareto(
    result: Mapping[str, Any], trials: Sequence[TrialRecord], metric: str = "logloss"
) -> go.Figure:
    """Quality against FLOPs: every trial, the front, and what scratch training made of it.

    All values are of the validation split, so that supernet, predictor and scratch can be compared.
    """
    done = [t for t in measured(trials, metric) if t["costs"].get("flops")]
    fidelity = fidelity_of(done)
    figure = blank_figure(
        "Quality against serving cost",
        "FLOPs" if fidelity == "table" else "FLOPs per row (multiply-accumulates)",
        # Beside those of a supernet stand the values of training from scratch.
        f"{metric_title(metric)}, validation"
        if fidelity == "supernet"
        else quality_axis(metric, fidelity),
    )
    figure.add_scatter(
        x=[t["costs"]["flops"] for t in done],
        y=[t["metrics"][metric] for t in done],
        name="trial",
        mode="markers",
        marker={"color": PALE, "size": 5},
        hovertemplate=f"%{{x:.3s}} FLOPs, %{{y:.5f}}<extra>{fidelity}</extra>",
    )
    front = sorted(result["pareto_front"], key=lambda point: float(point["flops"]))
    figure.add_scatter(
        x=[p["flops"] for p in front],
        y=[_value(p, "supernet", metric) for p in front],
        name="Pareto front",
        mode="lines+markers",
        line={"color": BLUE, "width": 2, "shape": "hv"},
        marker={"size": 7},
        hovertemplate="%{x:.3s} FLOPs, %{y:.5f}<extra>front</extra>",
    )
    predicted = [p for p in front if _value(p, "predictor", "mean") is not None]
    figure.add_scatter(
        x=[p["flops"] for p in predicted],
        y=[_value(p, "predictor", "mean") for p in predicted],
        name="front, predicted",
        mode="markers",
        marker={"color": ORANGE, "size": 9, "symbol": "diamond-open", "line": {"width": 2}},
        hovertemplate="%{x:.3s} FLOPs, predicted %{y:.5f}<extra></extra>",
    )
    models = result["models"]
    figure.add_scatter(
        x=[m["flops"] for m in models],
        y=[_value(m, "valid", metric) for m in models],
        text=[str(m["rank"]) for m in models],
        name="found, from scratch",
        mode="markers+text",
        textfont={"color": "white", "size": 11},
        marker={"color": GREEN, "size": 18, "line": {"color": "white", "width": 1}},
        hovertemplate="model %{text}: %{x:.3s} FLOPs, %{y:.5f}<extra>scratch</extra>",
    )
    baselines = result.get("baselines", [])
    for baseline, symbol in zip(
        baselines, ("square", "triangle-up", "star", "hexagon"), strict=False
    ):
        figure.add_scatter(
            x=[baseline["flops"]],
            y=[_value(baseline, "valid", metric)],
            name=f"{model_title(baseline['name'])}, hand-made",
            mode="markers",
            marker={"color": RED, "size": 12, "symbol": symbol},
            hovertemplate="%{x:.3s} FLOPs, %{y:.5f}<extra>"
            + model_title(baseline["name"])
            + "</extra>",
        )
    trained = [_value(m, "valid", metric) for m in [*models, *baselines]]
    shown = [t["metrics"][metric] for t in done]
    bounds = robust_range(shown, keep=[value for value in trained if value is not None])
    cut_y(figure, bounds, shown)
    # Log scale: the axis spans decades, and a tenth of the cost is as far as ten times the cost.
    figure.update_xaxes(type="log", dtick="D2", tickformat="~s", minor={"showgrid": False})
    if bounds is not None:
        # What lies outside of the frame for its loss does not stretch it by its cost either.
        inside = [m["flops"] for m in [*models, *baselines] if m["flops"] > 0] + [
            t["costs"]["flops"]
            for t, value in zip(done, shown, strict=True)
            if bounds[0] <= value <= bounds[1]
        ]
        decades = np.log10([min(inside, default=1.0), max(inside, default=1.0)])
        margin = 0.06 * np.ptp(decades) or 0.1
        figure.update_xaxes(range=[decades[0] - margin, decades[1] + margin])
        if np.ptp(decades) > CROWDED:
            figure.update_xaxes(dtick=1)
    return figure


def figure_models(result: Mapping[str, Any], metric: str = "logloss") -> go.Figure:
    """Found and hand-made models side by side on the test split; one small dot per seed."""
    rows = [(f"model {m['rank']}", m, GREEN, "circle") for m in result["models"]]
    rows += [(model_title(b["name"]), b, RED, "square") for b in result.get("baselines", [])]
    figure = blank_figure("Test quality, trained from scratch", f"test {metric_title(metric)}", "")
    seeds = [
        (name, run["test"][metric])
        for name, model, _, _ in rows
        for run in model.get("runs", [])
        if run.get("test") and run["test"].get(metric) is not None
    ]
    figure.add_scatter(
        x=[value for _, value in seeds],
        y=[name for name, _ in seeds],
        name="one seed",
        mode="markers",
        marker={"color": PALE, "size": 7, "symbol": "line-ns-open", "line": {"width": 2}},
        hovertemplate="%{x:.5f}<extra>one seed</extra>",
    )
    for legend, colour, symbol in (("found", GREEN, "circle"), ("hand-made", RED, "square")):
        group = [(name, m) for name, m, its_colour, _ in rows if its_colour == colour]
        group = [(name, m) for name, m in group if _value(m, "test", metric) is not None]
        figure.add_scatter(
            x=[_value(m, "test", metric) for _, m in group],
            y=[name for name, _ in group],
            name=f"{legend}, mean",
            mode="markers",
            marker={"color": colour, "size": 12, "symbol": symbol},
            hovertemplate="%{y}: %{x:.5f}<extra></extra>",
        )
    untaught = {
        f"model {m['rank']}": value
        for m in result["models"]
        if m.get("distilled")
        and (value := _value(m["ways"].get("alone", {}), "test", metric)) is not None
    }
    if untaught:
        figure.add_scatter(
            x=list(untaught.values()),
            y=list(untaught),
            name="found, by the labels alone",
            mode="markers",
            marker={"color": GREEN, "size": 10, "symbol": "circle-open", "line": {"width": 2}},
            hovertemplate="%{y}, by the labels alone: %{x:.5f}<extra></extra>",
        )
    limit = result["dataset"].get("bayes_logloss")
    if metric == "logloss" and limit is not None:
        figure.add_vline(x=limit, line={"color": INK, "width": 1.5, "dash": "dash"})
        figure.add_scatter(
            x=[None],
            y=[None],
            name=f"Bayes limit {limit:.4f}",
            mode="lines",
            line={"color": INK, "width": 1.5, "dash": "dash"},
        )
    shown = [*(value for _, value in seeds), *untaught.values()]
    shown += [v for _, m, *_ in rows if (v := _value(m, "test", metric)) is not None]
    if limit is not None and metric == "logloss":
        shown.append(limit)
    bounds = robust_range([], keep=shown)
    if bounds:
        figure.update_xaxes(range=list(bounds))
    figure.update_yaxes(
        categoryorder="array", categoryarray=[name for name, *_ in rows][::-1], title=None
    )
    return figure


def figure_seconds(seconds: Mapping[str, float]) -> go.Figure:
    """Wall time of each stage, in the order of `seconds`, without the total."""
    names = [name for name in seconds if name != "total"]
    figure = blank_figure("Where the time went", "seconds", "")
    figure.add_bar(
        x=[seconds[name] for name in names],
        y=names,
        orientation="h",
        marker={"color": BLUE},
        text=[duration(seconds[name]) for name in names],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.1f} s<extra></extra>",
        showlegend=False,
    )
    longest = max((seconds[name] for name in names), default=1.0)
    figure.update_xaxes(range=[0, longest * 1.18])
    figure.update_yaxes(autorange="reversed", title=None, showgrid=False)
    return figure


def _value(record: Mapping[str, Any], group: str, name: str) -> float | None:
    values = record.get(group)
    return None if values is None else values.get(name)
