"""Figures of a search as it went: each is a pure function of trial records or of rounds.

Axes carry their units, and every point tells its numbers when pointed at.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from plotly import graph_objects as go

from dagsmith.search.figure_style import (
    BLUE,
    GRID,
    MUTED,
    PALE,
    RED,
    blank_figure,
    cut_y,
    error_bars,
    larger_is_better,
    metric_title,
    quality_axis,
    robust_range,
)
from dagsmith.search.trial_record import TrialRecord, fidelity_of, measured


def figure_progress(
    trials: Sequence[TrialRecord],
    metric: str = "logloss",
    *,
    against: str = "evaluations",
    larger: bool | None = None,
) -> go.Figure:
    """Best value so far, over every value, against the number of evaluations or against seconds.

    Args:
        trials: records in the order of their proposals.
        metric: the first objective.
        against: ``"evaluations"`` or ``"seconds"``.
        larger: whether larger values are better; None goes by the metric's name.

    Raises:
        ValueError: another `against`.
    """
    if against not in ("evaluations", "seconds"):
        raise ValueError(f"against is {against!r}; expected 'evaluations' or 'seconds'")
    done = measured(trials, metric)
    by_count = against == "evaluations"
    if not by_count:
        # Side by side, what was proposed later may end earlier.
        done.sort(key=lambda t: t["elapsed_s"])
    x = [float(t["number"] + 1) if by_count else t["elapsed_s"] for t in done]
    y = [t["metrics"][metric] for t in done]
    upwards = larger_is_better(metric) if larger is None else larger
    accumulate = np.maximum if upwards else np.minimum
    best = accumulate.accumulate(y).tolist() if y else []
    figure = blank_figure(
        f"Search progress against {against}",
        "evaluated architectures" if by_count else "seconds since the search began",
        quality_axis(metric, fidelity_of(done)),
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
            y=[bounds[0] if upwards else bounds[1]] * len(failed),
            name="failed",
            mode="markers",
            marker={"color": RED, "size": 8, "symbol": "x"},
            cliponaxis=False,
            hovertemplate="failed<extra></extra>",
        )
    return figure


def figure_predicted_measured(trials: Sequence[TrialRecord], metric: str = "logloss") -> go.Figure:
    """Each trial's predicted value, recorded before its evaluation, against the measured one."""
    done = [t for t in measured(trials, metric) if t["predicted_mean"] is not None]
    truth = [t["metrics"][metric] for t in done]
    predicted = [float(t["predicted_mean"] or 0.0) for t in done]
    spread = [t["predicted_std"] for t in done]
    figure = blank_figure(
        "Predicted before the evaluation, against measured",
        f"measured: {quality_axis(metric, fidelity_of(done))}",
        f"predicted {metric_title(metric)}",
    )
    bounds = robust_range(truth + predicted, reach=3.0)
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
            p if bounds[0] <= m <= bounds[1] else m for m, p in zip(truth, predicted, strict=True)
        ]
        cut_y(figure, bounds, outside)
    error = {"type": "data", "array": spread, "color": PALE, "thickness": 0.8, "width": 0}
    figure.add_scatter(
        x=truth,
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
        error_y=error_bars(known, BLUE),
        customdata=[[r["n"], r["low"], r["high"]] for r in known],
        hovertemplate="round %{x}: τ %{y:.2f} [%{customdata[1]:.2f}, %{customdata[2]:.2f}], "
        "n = %{customdata[0]}<extra></extra>",
    )
    figure.update_yaxes(range=[-1.05, 1.05], dtick=0.5)
    figure.update_xaxes(dtick=max(1, math.ceil(len(known) / 12)))
    return figure


def _round_starts(trials: Sequence[TrialRecord]) -> list[int]:
    """Numbers of the trials that open a round, after the first round."""
    pairs = pairwise(trials)
    return [after["number"] for before, after in pairs if after["round"] != before["round"]]
