"""The figure of calibration: whether intervals hold what they promise, and how wide they are."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from plotly import graph_objects as go
from plotly.subplots import make_subplots

from dagsmith.search.figure_style import BLUE, GREEN, MUTED, ORANGE, RED, dress_panels

if TYPE_CHECKING:
    from dagsmith.predictor import Reliability

_LOOKS = ((BLUE, "circle"), (ORANGE, "square"), (GREEN, "diamond"), (RED, "triangle-up"))


def figure_reliability(found: Mapping[str, "Reliability"]) -> go.Figure:
    """Coverage and width of intervals against what they promise, a line for each name.

    On the diagonal an interval holds exactly what it promises; below it, it is too narrow. The
    legend gives the expected calibration error.

    Args:
        found: from `dagsmith.predictor.reliability`, by the name of the predictor or target.
    """
    figure = make_subplots(
        cols=2,
        horizontal_spacing=0.12,
        subplot_titles=["truths inside", "mean width, standard deviations of the truth"],
    )
    dress_panels(figure, "Reliability of intervals")
    figure.update_layout(legend={"orientation": "h", "y": -0.25})
    figure.update_xaxes(title="level of the interval")
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": MUTED, "dash": "dash", "width": 1},
        showlegend=False,
        hoverinfo="skip",
        row=1,
        col=1,
    )
    for place, (name, each) in enumerate(found.items()):
        colour, symbol = _LOOKS[place % len(_LOOKS)]
        for column, values in enumerate((each.coverage, each.width), 1):
            figure.add_scatter(
                x=each.levels.tolist(),
                y=values.tolist(),
                name=f"{name} (calibration error {each.calibration_error:.3f})",
                legendgroup=name,
                showlegend=column == 1,
                mode="lines+markers",
                line={"color": colour},
                marker={"symbol": symbol, "size": 7},
                hovertemplate="%{x:.2f}: %{y:.3f}<extra></extra>",
                row=1,
                col=column,
            )
    figure.update_yaxes(range=[-0.02, 1.02], dtick=0.25, col=1)
    figure.update_yaxes(rangemode="tozero", col=2)
    figure.update_xaxes(range=[0, 1], dtick=0.25)
    return figure
