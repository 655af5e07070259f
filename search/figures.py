"""The figures of a search: each is a pure function of a result document or of trial records.

Axes carry their units, and every point tells its numbers when pointed at. All values of one figure
are of one split, so that they can be compared.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, TypedDict

import numpy as np
from plotly import graph_objects as go

from dagsmith.search.figure_style import (
    BLUE,
    GREEN,
    GRID,
    INK,
    JOINT_TITLES,
    MUTED,
    ORANGE,
    PALE,
    RED,
    blank_figure,
    cut_y,
    duration,
    larger_is_better,
    metric_title,
    model_title,
    robust_range,
)

STAGE_ORDER = ("data", "supernet", "search", "scratch", "baselines", "report")


class TrialRecord(TypedDict):
    """What the report needs to know of one trial of the study.

    Attributes:
        number: its place in the order of evaluations, from 0.
        state: ``"complete"``, or ``"failed"`` when it has no metrics.
        round: the round of the search loop that proposed it.
        key: canonical key of the architecture.
        metrics: what the evaluator measured, by name.
        costs: ``parameters`` and ``flops`` (multiply-accumulates per row), where known.
        predicted_mean: the predictor's value *before* the evaluation, or None without a predictor.
        predicted_std: its standard deviation, or None.
        elapsed_s: wall seconds from the start of the search to the end of the trial.
    """

    number: int
    state: str
    round: int
    key: str
    metrics: Mapping[str, float]
    costs: Mapping[str, float]
    predicted_mean: float | None
    predicted_std: float | None
    elapsed_s: float


def figure_progress(
    trials: Sequence[TrialRecord], metric: str = "logloss", *, against: str = "evaluations"
) -> go.Figure:
    """Best value so far, over every value, against the number of evaluations or against seconds.

    Args:
        trials: records in the order of their evaluation.
        metric: the first objective.
        against: ``"evaluations"`` or ``"seconds"``.

    Raises:
        ValueError: another `against`.
    """
    if against not in ("evaluations", "seconds"):
        raise ValueError(f"against is {against!r}; expected 'evaluations' or 'seconds'")
    done = _measured(trials, metric)
    by_count = against == "evaluations"
    x = [float(t["number"] + 1) if by_count else t["elapsed_s"] for t in done]
    y = [t["metrics"][metric] for t in done]
    accumulate = np.maximum if larger_is_better(metric) else np.minimum
    best = accumulate.accumulate(y).tolist() if y else []
    figure = blank_figure(
        f"Search progress against {against}",
        "evaluated architectures" if by_count else "seconds since the search began",
        f"supernet {metric_title(metric)}, validation",
    )
    figure.add_scatter(
        x=x,
        y=y,
        name="one architecture",
        mode="markers",
        marker={"color": PALE, "size": 6},
        customdata=[t["round"] for t in done],
        hovertemplate="%{y:.5f}, round %{customdata}<extra></extra>",
    )
    figure.add_scatter(
        x=x,
        y=best,
        name="best so far",
        mode="lines",
        line={"color": BLUE, "width": 2.5, "shape": "hv"},
        hovertemplate="best %{y:.5f}<extra></extra>",
    )
    if by_count:
        for start in _round_starts(done):
            figure.add_vline(x=start + 0.5, line={"color": GRID, "width": 1, "dash": "dot"})
    failed = [t for t in trials if t["state"] == "failed"]
    bounds = robust_range(y)
    cut_y(figure, bounds, y)
    if failed and bounds:
        figure.add_scatter(
            x=[float(t["number"] + 1) if by_count else t["elapsed_s"] for t in failed],
            y=[bounds[1] if not larger_is_better(metric) else bounds[0]] * len(failed),
            name="failed",
            mode="markers",
            marker={"color": RED, "size": 8, "symbol": "x"},
            cliponaxis=False,
            hovertemplate="failed<extra></extra>",
        )
    return figure


def figure_predicted_measured(trials: Sequence[TrialRecord], metric: str = "logloss") -> go.Figure:
    """Each trial's predicted value, recorded before its evaluation, against the measured one."""
    done = [t for t in _measured(trials, metric) if t["predicted_mean"] is not None]
    measured = [t["metrics"][metric] for t in done]
    predicted = [float(t["predicted_mean"] or 0.0) for t in done]
    spread = [t["predicted_std"] for t in done]
    figure = blank_figure(
        "Predicted before the evaluation, against measured",
        f"measured supernet {metric_title(metric)}",
        f"predicted {metric_title(metric)}",
    )
    bounds = robust_range(measured + predicted, reach=3.0)
    if bounds:
        figure.add_scatter(
            x=list(bounds),
            y=list(bounds),
            name="perfect prediction",
            mode="lines",
            line={"color": MUTED, "dash": "dash", "width": 1.5},
            hoverinfo="skip",
        )
        figure.update_xaxes(range=list(bounds))
        # Both axes have the same range: a point is outside if either of its values is.
        outside = [
            p if bounds[0] <= m <= bounds[1] else m
            for m, p in zip(measured, predicted, strict=True)
        ]
        cut_y(figure, bounds, outside)
    error = {"type": "data", "array": spread, "color": PALE, "thickness": 0.8, "width": 0}
    figure.add_scatter(
        x=measured,
        y=predicted,
        name="architecture, ± 1 std",
        mode="markers",
        error_y=error if any(s is not None for s in spread) else None,
        marker={
            "color": [t["round"] for t in done],
            "colorscale": "Cividis",
            "size": 8,
            "line": {"color": "white", "width": 0.5},
            "colorbar": {
                "title": {"text": "round"},
                "thickness": 10,
                "outlinewidth": 0,
                "dtick": max(1, math.ceil(max((t["round"] for t in done), default=0) / 8)),
            },
            "showscale": len({t["round"] for t in done}) > 1,
        },
        hovertemplate="measured %{x:.5f}<br>predicted %{y:.5f}<extra></extra>",
    )
    return figure


def figure_rank_by_round(rounds: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Kendall's tau-b between prediction and measurement, round by round, with its interval.

    Args:
        rounds: ``{round, value, low, high, n}``; a null value (too few trials) is left out.
    """
    known = [r for r in rounds if r["value"] is not None]
    figure = blank_figure("Rank correlation by round", "round of the search", "Kendall τ-b")
    figure.add_hline(y=0, line={"color": MUTED, "width": 1, "dash": "dash"})
    figure.add_scatter(
        x=[r["round"] for r in known],
        y=[r["value"] for r in known],
        name="the round's trials, 95 % interval",
        mode="lines+markers",
        line={"color": BLUE, "width": 1.5},
        marker={"size": 9},
        error_y=_interval(known, BLUE),
        customdata=[[r["n"], r["low"], r["high"]] for r in known],
        hovertemplate="round %{x}: τ %{y:.2f} [%{customdata[1]:.2f}, %{customdata[2]:.2f}], "
        "n = %{customdata[0]}<extra></extra>",
    )
    figure.update_yaxes(range=[-1.05, 1.05], dtick=0.5)
    figure.update_xaxes(dtick=max(1, math.ceil(len(known) / 12)))
    return figure


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
        error_x=_interval(known, BLUE),
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
    figure = blank_figure(
        "Quality against serving cost",
        "FLOPs per row (multiply-accumulates)",
        f"{metric_title(metric)}, validation",
    )
    done = [t for t in _measured(trials, metric) if t["costs"].get("flops")]
    figure.add_scatter(
        x=[t["costs"]["flops"] for t in done],
        y=[t["metrics"][metric] for t in done],
        name="trial",
        mode="markers",
        marker={"color": PALE, "size": 5},
        hovertemplate="%{x:.3s} FLOPs, %{y:.5f}<extra>supernet</extra>",
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
    cut_y(
        figure, robust_range(shown, keep=[value for value in trained if value is not None]), shown
    )
    # Log scale: the axis spans decades, and a tenth of the cost is as far as ten times the cost.
    figure.update_xaxes(type="log", dtick="D2", tickformat="~s", minor={"showgrid": False})
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
    shown = [value for _, value in seeds]
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
    """Wall time of each stage."""
    names = [name for name in STAGE_ORDER if name in seconds]
    names += [name for name in seconds if name not in (*STAGE_ORDER, "total")]
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


def _measured(trials: Sequence[TrialRecord], metric: str) -> list[TrialRecord]:
    return [
        t
        for t in trials
        if t["state"] == "complete" and math.isfinite(t["metrics"].get(metric, math.nan))
    ]


def _round_starts(trials: Sequence[TrialRecord]) -> list[int]:
    """Numbers of the trials that open a round, after the first round."""
    pairs = pairwise(trials)
    return [after["number"] for before, after in pairs if after["round"] != before["round"]]


def _value(record: Mapping[str, Any], group: str, name: str) -> float | None:
    values = record.get(group)
    return None if values is None else values.get(name)


def _interval(rows: Sequence[Mapping[str, Any]], colour: str) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [r["high"] - r["value"] for r in rows],
        "arrayminus": [r["value"] - r["low"] for r in rows],
        "color": colour,
        "thickness": 1.5,
        "width": 5,
    }
