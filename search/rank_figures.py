"""Figures of how well predictions ranked: for a notebook, the report and the dashboard.

Each is a pure function of JSON-ready rows, as `RankTracker` makes them.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from plotly import graph_objects as go
from plotly.subplots import make_subplots

from dagsmith.search.figure_style import (
    BLUE,
    MUTED,
    ORANGE,
    blank_figure,
    dress_panels,
    error_bars,
)
from dagsmith.search.rank_tracker import RankTracker

_TITLES = {
    "kendall_tau": "Kendall τ-b",
    "spearman": "Spearman",
    "weighted_tau": "weighted τ",
    "ndcg": "NDCG",
    "precision": "precision",
    "regret": "regret",
}
_SIGNED = ("kendall_tau", "spearman", "weighted_tau")


def rank_figures(
    tracker: RankTracker, *, k: int = 3, resamples: int = 1000
) -> dict[str, go.Figure]:
    """The figures of a tracker by name: ``"rounds"``, and ``"components"`` where there are any.

    Args:
        tracker: of a study.
        k: see `RankTracker.table`.
        resamples: bootstrap resamples of each interval.
    """
    figures = {"rounds": figure_rank_metrics(tracker.table(k=k, resamples=resamples))}
    components = [each.to_dict() for each in tracker.by_component(resamples=resamples)]
    if comparable(components):
        figures["components"] = figure_rank_by_component(components)
    return figures


def figure_rank_metrics(rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Every rank metric round by round with its interval.

    A band shows a correlation over all rounds. The metrics of the top have none: the first k of all
    are harder to find than the first k of a round.

    Args:
        rows: from `RankTracker.table`; a null value is left out.
    """
    names = list(dict.fromkeys(row["metric"].partition("@")[0] for row in rows))
    columns = min(3, max(1, len(names)))
    titled = {name: _metric_title(rows, name) for name in names}
    figure = make_subplots(
        rows=max(1, math.ceil(len(names) / columns)),
        cols=columns,
        subplot_titles=[titled[name] for name in names],
        horizontal_spacing=0.08,
        vertical_spacing=0.22,
    )
    dress_panels(figure, "Rank metrics by round (band: all rounds together)")
    figure.update_layout(showlegend=False)
    for place, name in enumerate(names):
        at = {"row": place // columns + 1, "col": place % columns + 1}
        own = [r for r in rows if r["metric"].partition("@")[0] == name and r["value"] is not None]
        rounds = [r for r in own if r["round"] is not None]
        figure.add_scatter(
            x=[r["round"] for r in rounds],
            y=[r["value"] for r in rounds],
            mode="markers",
            marker={"color": BLUE, "size": 8},
            error_y=error_bars([_with_ends(r) for r in rounds], BLUE),
            customdata=[[r["n"], *_ends(r)] for r in rounds],
            hovertemplate="round %{x}: %{y:.3g} [%{customdata[1]:.3g}, %{customdata[2]:.3g}], "
            "n = %{customdata[0]}<extra></extra>",
            **at,
        )
        figure.update_xaxes(dtick=max(1, math.ceil(len(rounds) / 8)), **at)
        if name in _SIGNED:
            figure.add_hline(y=0, line={"color": MUTED, "width": 1, "dash": "dash"}, **at)
            for overall in (r for r in own if r["round"] is None and r["low"] is not None):
                figure.add_hline(y=overall["value"], line={"color": ORANGE, "width": 1.5}, **at)
                figure.add_hrect(
                    y0=overall["low"],
                    y1=overall["high"],
                    fillcolor=ORANGE,
                    opacity=0.2,
                    line_width=0,
                    layer="below",
                    **at,
                )
            figure.update_yaxes(range=[-1.05, 1.05], dtick=0.5, **at)
        elif name == "regret":
            figure.update_yaxes(rangemode="tozero", **at)
        else:
            figure.update_yaxes(range=[-0.03, 1.05], dtick=0.25, **at)
    if names:
        last = math.ceil(len(names) / columns)
        figure.update_xaxes(title={"text": "round of the search"}, row=last)
    return figure


def figure_rank_by_component(rows: Sequence[Mapping[str, Any]], most: int = 16) -> go.Figure:
    """Where the predictor ranks badly: with a component against without it, worst first.

    Args:
        rows: from `ComponentRanking.to_dict`; those without a value on both sides are left out.
        most: components shown, those of the largest differences.
    """
    known = comparable(rows)
    shown = sorted(sorted(known, key=lambda row: -abs(_gap(row)))[:most], key=_gap, reverse=True)
    metric = str(known[0]["metric"]) if known else "kendall_tau"
    title = _metric_title([{"metric": metric}], metric.partition("@")[0])
    figure = blank_figure("Rank correlation by component", f"{title}, 95 % interval", "")
    sides = (
        ("having", "architectures with it", BLUE, "circle", -0.15),
        ("lacking", "without it, or with fewer", ORANGE, "square", 0.15),
    )
    for side, legend, colour, symbol, offset in sides:
        group = [row[side] for row in shown]
        figure.add_scatter(
            x=[r["value"] for r in group],
            # Side by side, so that one interval does not hide the other.
            y=[place + offset for place in range(len(shown))],
            name=legend,
            mode="markers",
            marker={"color": colour, "size": 9, "symbol": symbol},
            error_x=error_bars([_with_ends(r) for r in group], colour),
            customdata=[[r["n"], *_ends(r)] for r in group],
            hovertemplate=f"{legend}: %{{x:.3f}} [%{{customdata[1]:.3f}}, %{{customdata[2]:.3f}}], "
            "n = %{customdata[0]}<extra></extra>",
        )
    if metric in _SIGNED:
        figure.add_vline(x=0, line={"color": MUTED, "width": 1, "dash": "dash"})
        figure.update_xaxes(range=[-1.05, 1.05], dtick=0.5)
    figure.update_yaxes(
        tickvals=list(range(len(shown))),
        ticktext=[_component_title(row) for row in shown],
        range=[len(shown) - 0.5, -0.5],
        showgrid=False,
        title=None,
    )
    return figure


def comparable(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The components with a value on both sides."""
    return [
        row
        for row in rows
        if row["having"]["value"] is not None and row["lacking"]["value"] is not None
    ]


def _gap(row: Mapping[str, Any]) -> float:
    return float(row["lacking"]["value"]) - float(row["having"]["value"])


def _component_title(row: Mapping[str, Any]) -> str:
    """Two lines: what counts as having it, and the sizes of both groups."""
    having, lacking, times = row["having"]["n"], row["lacking"]["n"], row["times"]
    if times > 1:
        return f"{row['component']}<br>{having} with {times} or more, {lacking} with fewer"
    return f"{row['component']}<br>{having} with, {lacking} without"


def _metric_title(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    """The metric's name with the depths that occur: ``"NDCG@3"``."""
    depths = {row["metric"].partition("@")[2] for row in rows if row["metric"].startswith(name)}
    depth = "@" + max(depths, key=int) if all(depths) and depths else ""
    return _TITLES.get(name, name) + depth


def _ends(row: Mapping[str, Any]) -> tuple[float, float]:
    """The interval; the value itself where too few pairs give none."""
    if row["low"] is None:
        return row["value"], row["value"]
    return row["low"], row["high"]


def _with_ends(row: Mapping[str, Any]) -> dict[str, float]:
    low, high = _ends(row)
    return {"value": row["value"], "low": low, "high": high}
