"""What every part of the report is made of: figures with headings, pairs of them, numbers."""

from html import escape

from plotly import graph_objects as go


def section(figure: go.Figure, caption: str, height: int = 400) -> str:
    """A figure with its title as a heading of the page, so that it wraps in a narrow window."""
    title = figure.layout.title.text
    drawn = go.Figure(figure)
    drawn.update_layout(title=None, height=height, margin={"t": 12})
    # In a script element only "</" could end the document early; "\\u003c" means the same in JSON.
    data = str(drawn.to_json()).replace("<", "\\u003c")
    return (
        f"<h3>{escape(title)}</h3><p class='caption'>{escape(caption)}</p>"
        f"<div class='figure' style='height:{height}px'>"
        f"<script type='application/json'>{data}</script></div>"
    )


def pair(*sections: str) -> str:
    """Sections beside each other, where the window is wide enough."""
    return "<div class='pair'>" + "".join(f"<section>{s}</section>" for s in sections) + "</div>"


def number(value: float | None) -> str:
    """A metric with four decimals, or a dash."""
    return "&ndash;" if value is None else f"{value:.4f}"


def count(value: float) -> str:
    """A count for people: ``"1.24 M"``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"
