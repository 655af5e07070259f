"""What good architectures have in common: how often each component occurs in them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from plotly import graph_objects as go

from dagsmith.search.component_ranking import components
from dagsmith.search.figure_style import BLUE, MUTED, blank_figure
from dagsmith.space import Architecture


@dataclass(frozen=True, slots=True)
class SharedComponent:
    """How often a component occurs in good architectures, and in the others.

    Args:
        component: a kind, or a choice of it; see `components`.
        best: mean count in the best architectures.
        rest: mean count in all others.
        contrast: their difference in standard deviations of the count over all.
    """

    component: str
    best: float
    rest: float
    contrast: float


def shared_components(
    architectures: Sequence[Architecture],
    values: ArrayLike,
    *,
    larger_is_better: bool = False,
    share: float = 0.1,
) -> tuple[SharedComponent, ...]:
    """Compare the best architectures with the others, component by component.

    Args:
        architectures: what was evaluated, ``[batch]``.
        values: what was measured, ``[batch]``.
        larger_is_better: whether the best has the largest value.
        share: part of them that counts as the best; at least three.

    Returns:
        The components whose count is not the same everywhere, the largest contrast first; nothing
        if there are fewer than six architectures.
    """
    found = np.asarray(values, float)
    if len(found) < 6:
        return ()
    counts = [components(architecture) for architecture in architectures]
    names = sorted({name for count in counts for name in count})
    table = np.array([[count[name] for name in names] for count in counts], float)
    order = np.argsort(-found if larger_is_better else found, kind="stable")
    best = order[: max(3, round(share * len(found)))]
    rest = order[len(best) :]
    spread = table.std(axis=0)
    rows = [
        SharedComponent(
            name,
            float(table[best, column].mean()),
            float(table[rest, column].mean()),
            float((table[best, column].mean() - table[rest, column].mean()) / spread[column]),
        )
        for column, name in enumerate(names)
        if spread[column] > 0
    ]
    return tuple(sorted(rows, key=lambda row: -abs(row.contrast)))


def figure_shared_components(rows: Sequence[SharedComponent], most: int = 16) -> go.Figure:
    """Mean counts of the components that part good architectures from the others most.

    Args:
        rows: from `shared_components`.
        most: how many of them are shown.
    """
    shown = list(rows[:most])[::-1]
    figure = blank_figure("What the best tenth shares", "mean count per architecture", "")
    for row in shown:
        figure.add_scatter(
            x=[row.rest, row.best],
            y=[row.component] * 2,
            mode="lines",
            line={"color": MUTED, "width": 1.5},
            showlegend=False,
            hoverinfo="skip",
        )
    for name, column, colour, symbol in (
        ("the others", "rest", MUTED, "circle-open"),
        ("the best tenth", "best", BLUE, "circle"),
    ):
        figure.add_scatter(
            x=[getattr(row, column) for row in shown],
            y=[row.component for row in shown],
            name=name,
            mode="markers",
            marker={"color": colour, "size": 9, "symbol": symbol},
            hovertemplate="%{y}: %{x:.2f} on average<extra>" + name + "</extra>",
        )
    figure.update_yaxes(type="category")
    return figure
