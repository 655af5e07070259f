"""Figure of `truth_ranking.py`: what ranks the table, and predictors by their labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from plotly import graph_objects as go
from plotly.subplots import make_subplots
from predictor_report import bars, half_interval

from dagsmith.predictor.metrics import RankCorrelation
from dagsmith.search.figure_style import BLUE, GREEN, GRID, INK, MUTED, ORANGE, RED

SEED = "seed"
"""Stands for the ceiling: a training from scratch with another seed."""
NAMES = {
    SEED: "the other seed, from scratch",
    "short_logloss": "short training",
    "supernet_logloss": "supernet, Newton refit",
    "synflow": "SynFlow",
    "grad_norm": "gradient norm",
    "fisher": "Fisher",
    "zico": "ZiCo",
    "parameters": "parameters",
    "flops": "FLOPs",
}
"""Of columns that are shown; the means of both seeds and AUC say the same again."""
LOOKS = {
    "gnn": ("GNN", BLUE, "circle"),
    "gnn-transfer": ("GNN that knows another log's table", GREEN, "star"),
    "boosting": ("gradient boosting", ORANGE, "diamond"),
    "forest": ("random forest", RED, "square"),
    "linear": ("ridge regression", MUTED, "x"),
}


def figure(
    scores: Sequence[tuple[str, RankCorrelation, RankCorrelation]],
    records: Sequence[Mapping[str, Any]],
    target: str,
    ceiling: tuple[RankCorrelation, RankCorrelation] | None = None,
) -> go.Figure:
    """Two panels: tau of each score with the truth, and of predictors against their labels.

    Args:
        scores: column, tau over all, tau among the better half.
        records: fits without extras: predictor, target, labels, and ``truth``, tau with the truth.
        target: what predictors of the second panel learn.
        ceiling: taus of another seed of the truth, where there is one.
    """
    panels = make_subplots(
        rows=1,
        cols=2,
        subplot_titles=["Each score against training from scratch", "Predictors by their labels"],
        horizontal_spacing=0.13,
        column_widths=[0.5, 0.5],
    )
    known = [*scores, *([(SEED, *ceiling)] if ceiling else [])]
    shown = [(NAMES[name], both) for name, *both in known if name in NAMES]
    shown.sort(key=lambda row: row[1][0].value or 0.0)
    for place, (title, colour, symbol) in enumerate(
        (("all", BLUE, "circle"), ("better half", ORANGE, "diamond-open"))
    ):
        taus = [both[place] for _, both in shown]
        panels.add_scatter(
            x=[tau.value for tau in taus],
            y=[name for name, _ in shown],
            error_x={
                **bars([(tau.high or 0.0) - (tau.value or 0.0) for tau in taus], colour),
                "arrayminus": [(tau.value or 0.0) - (tau.low or 0.0) for tau in taus],
            },
            name=title,
            mode="markers",
            marker={
                "color": colour,
                "symbol": symbol,
                "size": 10,
                "line": {"color": colour, "width": 2},
            },
            row=1,
            col=1,
        )
    for predictor, (title, colour, symbol) in LOOKS.items():
        own = [r for r in records if r["predictor"] == predictor and r["target"] == target]
        labels = sorted({record["labels"] for record in own})
        values = [[r["truth"] for r in own if r["labels"] == count] for count in labels]
        if not own:
            continue
        panels.add_scatter(
            x=labels,
            y=[np.mean(each) for each in values],
            error_y=bars([half_interval(each) for each in values], colour),
            name=title,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"symbol": symbol, "size": 9},
            legend="legend2",
            row=1,
            col=2,
        )
    panels.update_layout(
        template="plotly_white",
        font={"color": INK, "size": 13},
        width=1150,
        height=520,
        margin={"t": 50, "b": 110},
        legend={"orientation": "h", "x": 0, "y": -0.15},
        legend2={"orientation": "h", "x": 0.56, "y": -0.15},
    )
    panels.update_xaxes(title="Kendall τ", row=1, col=1)
    panels.update_xaxes(title="labels", type="log", row=1, col=2)
    counts = sorted({record["labels"] for record in records})
    panels.update_xaxes(tickvals=counts, ticktext=list(map(str, counts)), row=1, col=2)
    panels.update_yaxes(title="Kendall τ with the truth", row=1, col=2)
    panels.update_xaxes(gridcolor=GRID, zeroline=False)
    panels.update_yaxes(gridcolor=GRID, zeroline=False)
    return panels
