"""Figure of `frappe.py`: test quality against serving cost, all under one pipeline."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from plotly import graph_objects as go
from plotly.subplots import make_subplots
from predictor_report import bars, half_width

from dagsmith.search.figure_style import BLUE, GREEN, GRID, INK, MUTED, RED, model_title

PUBLISHED = {"auc": 0.9861, "logloss": 0.1311}
"""The best of the leaderboard of BARS on this split: FinalMLP's AUC, FinalNet's log loss."""
NASREC = "nasrec-"
"""What the published networks' names begin with."""
FEW = 2
"""Seeds whose interval, by Student's distribution, would be wider than the figure."""
SIDES = ("top left", "bottom left", "bottom right", "top right")
TITLES = {"auc": "test AUC", "logloss": "test log loss"}


def figure(rows: Sequence[Mapping[str, Any]], budget: float) -> go.Figure:
    """Log loss and AUC of each row of the table against its FLOPs.

    Args:
        rows: of ``table.json``.
        budget: FLOPs per row that the searches keep to.
    """
    panels = make_subplots(rows=1, cols=2, horizontal_spacing=0.09)
    others = [row for row in rows if "search" not in row["model"]]
    groups = {
        "found": (GREEN, "star", [r for r in rows if r["model"].startswith("searched")]),
        "random search": (BLUE, "diamond", [r for r in rows if r["model"].startswith("random")]),
        "hand-made": (RED, "square", [r for r in others if not r["model"].startswith(NASREC)]),
        "NASRec's nets": (MUTED, "circle", [r for r in others if r["model"].startswith(NASREC)]),
    }
    for column, (metric, title) in enumerate(TITLES.items(), 1):
        at = {"row": 1, "col": column}
        for group, (colour, symbol, own) in groups.items():
            panels.add_scatter(
                x=[row["flops"] for row in own],
                y=[row[metric] for row in own],
                text=[model_title(row["model"]) if group == "hand-made" else "" for row in own],
                hovertext=[row["model"] for row in own],
                # Neighbours in cost are named on different sides.
                textposition=[SIDES[place % len(SIDES)] for place in range(len(own))],
                error_y=bars(
                    [half_width(r[f"{metric}_deviation"], r["seeds"]) for r in own], colour
                )
                if all(row["seeds"] > FEW for row in own)
                else None,
                name=group,
                legendgroup=group,
                showlegend=column == 1,
                mode="markers+text",
                marker={"color": colour, "symbol": symbol, "size": 11},
                **at,
            )
        panels.add_hline(
            y=PUBLISHED[metric],
            line={"color": INK, "width": 1, "dash": "dash"},
            annotation_text="best published",
            annotation_position="bottom left",
            **at,
        )
        panels.add_vline(x=budget, line={"color": MUTED, "width": 1, "dash": "dot"}, **at)
        panels.update_yaxes(title=title, **at)
    panels.update_xaxes(
        title="FLOPs per row (multiply-accumulates)", type="log", dtick="D2", tickformat="~s"
    )
    panels.update_layout(
        template="plotly_white",
        font={"color": INK, "size": 13},
        width=1150,
        height=470,
        margin={"t": 30, "b": 90},
        legend={"orientation": "h", "x": 0, "y": -0.2},
    )
    flops = [row["flops"] for row in rows]
    panels.update_xaxes(range=[math.log10(min(flops) / 1.3), math.log10(max(flops) * 1.7)])
    panels.update_xaxes(gridcolor=GRID, zeroline=False)
    panels.update_yaxes(gridcolor=GRID, zeroline=False)
    return panels
