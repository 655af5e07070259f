"""A picture of an architecture: one self-contained SVG, laid out by depth."""

from collections import defaultdict
from html import escape

from dagsmith.space.architecture import Architecture, Edge, Node
from dagsmith.space.component import Value
from dagsmith.space.layout import Layout, layered

_FILLS = ("#dbe8f6", "#fbe3cf", "#d9efdc", "#eadff2", "#fdf1c4", "#f8d9df", "#d6efef", "#e8e4dc")
_STROKES = ("#5b87b8", "#c9884a", "#5f9e6a", "#8d6bab", "#b59a2e", "#bb6575", "#4f9c9c", "#8c8370")
_INK, _PALE = "#1f2933", "#6b7785"
_CHARACTER = 6.8
_HEIGHT, _LAYER, _MARGIN, _LEGEND = 54.0, 116.0, 24.0, 30.0
_ARROW = 13.0
"""Room that an arriving edge takes, in px; `_CHARACTER` is the mean width of one at 12 px."""


def draw(architecture: Architecture) -> str:
    """Draw a typed DAG from its inputs (top) to its output (bottom).

    A node is coloured by its kind and labelled with its attributes and its name; edges show their
    port where the target has several. Edges out of one node share a lane past deeper layers.

    Args:
        architecture: any typed DAG; up to about 40 nodes stay readable.

    Returns:
        SVG text that needs no font, script or file from elsewhere.

    Example:
        >>> draw(Architecture((Node.of("stem"), Node.of("head")), (Edge(0, 1),)))[:4]
        '<svg'
    """
    texts = [_texts(node) for node in architecture.nodes]
    widths = [_width(architecture.inputs(index), lines) for index, lines in enumerate(texts)]
    layout = layered(widths, [(edge.source, edge.target) for edge in architecture.edges])
    kinds = list(dict.fromkeys(node.kind for node in architecture.nodes))
    legend, legend_width = _legend(kinds)
    picture = _Picture(architecture, layout, widths)
    nodes = [picture.node(index, lines) for index, lines in enumerate(texts)]
    width = max(layout.width, legend_width) + 2 * _MARGIN
    height = picture.top(len(layout.layers)) - (_LAYER - _HEIGHT) + _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" font-size="12" text-anchor="middle" '
        f'font-family="Helvetica, Arial, sans-serif">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>'
        f"{legend}{''.join(picture.edges())}{''.join(nodes)}</svg>"
    )


def _width(inputs: list[Edge], lines: list[str]) -> float:
    """Room for the texts, the arrows and, where there are several, the names of the ports."""
    ports = {edge.port for edge in inputs}
    label = max((12 + 6 * len(port) for port in ports), default=0) * (len(ports) > 1)
    # Each port gets room in proportion to its edges, so the scarcest must fit its name.
    fewest = min((sum(edge.port == port for edge in inputs) for port in ports), default=1)
    named = label * len(inputs) / fewest if len(inputs) <= 4 else len(ports) * label
    return max(64.0, 18 + _CHARACTER * max(map(len, lines)), 16 + _ARROW * len(inputs), 16 + named)


def _texts(node: Node) -> list[str]:
    """Choices in the first line (the kind where there are none), numbers and flags below, name."""
    choices = [str(value) for _, value in node.attributes if isinstance(value, str)]
    others = [
        _measure(name, value) for name, value in node.attributes if not isinstance(value, str)
    ]
    title = " ".join(choices) or node.kind
    return [title, ", ".join(others), node.name if node.name != title else ""]


def _measure(name: str, value: Value) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def _legend(kinds: list[str]) -> tuple[str, float]:
    parts, x = [], _MARGIN
    for rank, kind in enumerate(kinds):
        colour = _colour(rank % len(_FILLS))
        parts.append(
            f'<rect x="{x:.1f}" y="14" width="14" height="14" rx="3" {colour}/>'
            f'<text x="{x + 20:.1f}" y="25" text-anchor="start" fill="{_INK}">{escape(kind)}</text>'
        )
        x += 42 + _CHARACTER * len(kind)
    return "".join(parts), x - _MARGIN


def _colour(place: int) -> str:
    return f'fill="{_FILLS[place]}" stroke="{_STROKES[place]}"'


class _Picture:
    """The shapes of one drawing, in its coordinates."""

    def __init__(self, architecture: Architecture, layout: Layout, widths: list[float]) -> None:
        self.architecture = architecture
        self.layout = layout
        self.widths = widths
        kinds = list(dict.fromkeys(node.kind for node in architecture.nodes))
        self.colours = [kinds.index(node.kind) % len(_FILLS) for node in architecture.nodes]

    def top(self, layer: int) -> float:
        return _MARGIN + _LEGEND + 10 + layer * _LAYER

    def middle(self, node: int, layer: int) -> float:
        return self.layout.x[node, layer] + _MARGIN

    def node(self, index: int, lines: list[str]) -> str:
        layer = self.layout.depth[index]
        x, y, width = self.middle(index, layer), self.top(layer), self.widths[index]
        kind, (title, measures, name) = self.architecture.nodes[index].kind, lines
        shown = [f'<tspan font-weight="bold" fill="{_INK}">{escape(title)}</tspan>']
        if measures:
            shown.append(f'<tspan fill="{_INK}">{escape(measures)}</tspan>')
        if name:
            shown.append(f'<tspan font-size="10" fill="{_PALE}">{escape(name)}</tspan>')
        first = y + _HEIGHT / 2 + 4 - 7.5 * (len(shown) - 1)
        texts = "".join(
            f'<text x="{x:.1f}" y="{first + 15 * row:.1f}">{text}</text>'
            for row, text in enumerate(shown)
        )
        return (
            f"<g><title>{escape(f'{index}: {kind} {name}'.strip())}</title>"
            f'<rect x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_HEIGHT}" '
            f'rx="7" {_colour(self.colours[index])}/>{texts}</g>'
        )

    def edges(self) -> list[str]:
        """Lanes first, then the arrows into each node, grouped by port."""
        shapes = []
        for layer, cells in enumerate(self.layout.layers):
            for node, _ in cells:
                if layer > self.layout.depth[node]:
                    x, y = self.middle(node, layer), self.top(layer)
                    shapes.append(self._curve(node, layer, x, y))
                    shapes.append(
                        f'<path d="M{x:.1f} {y:.1f}v{_HEIGHT}" fill="none" {self._stroke(node)}/>'
                    )
        for target in range(len(self.architecture.nodes)):
            shapes += self._arrows(target)
        return shapes

    def _arrows(self, target: int) -> list[str]:
        layer = self.layout.depth[target]
        groups: dict[str, list[Edge]] = defaultdict(list)
        for edge in self.architecture.inputs(target):
            groups[edge.port].append(edge)

        def origin(edge: Edge) -> float:
            return self.middle(edge.source, layer - 1)

        ports = sorted(
            groups, key=lambda port: (sum(map(origin, groups[port])) / len(groups[port]), port)
        )
        ordered = [edge for port in ports for edge in sorted(groups[port], key=origin)]
        step = (self.widths[target] - 16) / len(ordered) if ordered else 0.0
        left, y = self.middle(target, layer) - self.widths[target] / 2 + 8, self.top(layer)
        place = {edge: left + step * (rank + 0.5) for rank, edge in enumerate(ordered)}
        shapes = []
        for edge, x in place.items():
            shapes.append(self._curve(edge.source, layer, x, y - 5))
            fill = _STROKES[self.colours[edge.source]]
            shapes.append(f'<path d="M{x - 3.5:.1f} {y - 7:.1f}h7l-3.5 7z" fill="{fill}"/>')
        if len(ports) > 1:
            for port in ports:
                x = sum(place[edge] for edge in groups[port]) / len(groups[port])
                shapes.append(
                    f'<text x="{x:.1f}" y="{y - 11:.1f}" font-size="10" fill="{_INK}" '
                    f'stroke="#ffffff" stroke-width="3" paint-order="stroke">{escape(port)}</text>'
                )
        return shapes

    def _curve(self, source: int, layer: int, x: float, y: float) -> str:
        """From `source`, or its lane, in the layer above to a point at the top of `layer`."""
        start, above = self.middle(source, layer - 1), self.top(layer - 1) + _HEIGHT
        bend = (y - above) * 0.55
        return (
            f'<path d="M{start:.1f} {above:.1f}C{start:.1f} {above + bend:.1f} {x:.1f} '
            f'{y - bend:.1f} {x:.1f} {y:.1f}" fill="none" {self._stroke(source)}/>'
        )

    def _stroke(self, source: int) -> str:
        """An edge has the colour of what it carries."""
        return f'stroke="{_STROKES[self.colours[source]]}" stroke-width="1.3"'
