"""Where the nodes of a layered drawing stand: order against crossings, then positions.

The method of Sugiyama, Tagawa and Toda ("Methods for Visual Understanding of Hierarchical System
Structures", 1981). An edge that passes layers gets a cell in each of them, so that it is routed
around nodes; all edges out of one node share these cells as a common lane.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Cell = tuple[int, int]
"""``(node, layer)``: the node itself in its own layer, its outgoing lane in a later one."""

_SWEEPS = 24
_GAP = 22.0
_LANE = 10.0


@dataclass(frozen=True)
class Layout:
    """Cells by layer from left to right, and the middle of each.

    Args:
        layers: cells of each layer, in order.
        x: horizontal middle of each cell.
        depth: layer of each node.
        width: horizontal extent; the drawing starts at 0.
    """

    layers: list[list[Cell]]
    x: dict[Cell, float]
    depth: list[int]
    width: float


def layered(widths: Sequence[float], edges: Sequence[tuple[int, int]]) -> Layout:
    """Lay out a DAG whose nodes are in topological order.

    Args:
        widths: horizontal size of each node.
        edges: ``(source, target)`` pairs.
    """
    depth = [0] * len(widths)
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        depth[target] = max(depth[target], depth[source] + 1)
    # An input moves down to just above its first reader: shorter edges, fewer lanes.
    readers: dict[int, list[int]] = defaultdict(list)
    for source, target in edges:
        readers[source].append(target)
    read = {target for _, target in edges}
    for node in range(len(widths)):
        if node not in read and readers[node]:
            depth[node] = min(depth[target] for target in readers[node]) - 1
    layers: list[list[Cell]] = [[] for _ in range(max(depth, default=-1) + 1)]
    links: set[tuple[Cell, Cell]] = set()
    for node, layer in enumerate(depth):
        end = max((depth[target] for target in readers[node]), default=layer + 1)
        for lane in range(layer, end):
            layers[lane].append((node, lane))
            if lane > layer:
                links.add(((node, lane - 1), (node, lane)))
    for source, target in edges:
        links.add(((source, depth[target] - 1), (target, depth[target])))
    above: dict[Cell, list[Cell]] = defaultdict(list)
    below: dict[Cell, list[Cell]] = defaultdict(list)
    for upper, lower in sorted(links):
        above[lower].append(upper)
        below[upper].append(lower)
    layers = _ordered(layers, above, below)
    size = {
        (node, layer): widths[node] if layer == depth[node] else _LANE
        for cells in layers
        for node, layer in cells
    }
    x = _placed(layers, size, above, below)
    left = min((x[cell] - size[cell] / 2 for cell in x), default=0.0)
    x = {cell: place - left for cell, place in x.items()}
    width = max((x[cell] + size[cell] / 2 for cell in x), default=0.0)
    return Layout(layers, x, depth, width)


def _ordered(
    layers: list[list[Cell]], above: Mapping[Cell, list[Cell]], below: Mapping[Cell, list[Cell]]
) -> list[list[Cell]]:
    """Sort each layer by the mean rank of its neighbours, down and up; keep the best order seen."""
    best, fewest = layers, _crossings(layers, below)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        layers = [list(cells) for cells in layers]
        for position in range(len(layers)) if downwards else reversed(range(len(layers))):
            cells = layers[position]
            neighbour = position - 1 if downwards else position + 1
            if not 0 <= neighbour < len(layers):
                continue
            rank = {cell: index for index, cell in enumerate(layers[neighbour])}
            near = above if downwards else below
            own = {cell: float(index) for index, cell in enumerate(cells)}
            centre = {
                cell: _mean([rank[other] for other in near[cell]], own[cell]) for cell in cells
            }
            cells.sort(key=lambda cell, centre=centre, own=own: (centre[cell], own[cell]))  # type: ignore[misc]
        crossings = _crossings(layers, below)
        if crossings < fewest:
            best, fewest = layers, crossings
    return best


def _crossings(layers: Sequence[Sequence[Cell]], below: Mapping[Cell, list[Cell]]) -> int:
    total = 0
    for upper, lower in pairwise(layers):
        rank = {cell: index for index, cell in enumerate(lower)}
        ends = [sorted(rank[other] for other in below[cell]) for cell in upper]
        seen: list[int] = []
        for targets in ends:
            total += sum(1 for target in targets for other in seen if other > target)
            seen += targets
    return total


def _placed(
    layers: Sequence[Sequence[Cell]],
    size: Mapping[Cell, float],
    above: Mapping[Cell, list[Cell]],
    below: Mapping[Cell, list[Cell]],
) -> dict[Cell, float]:
    """Pull every cell towards its neighbours, without overlap."""
    x: dict[Cell, float] = {}
    for cells in layers:
        x |= dict(
            zip(cells, _apart([0.0] * len(cells), [size[cell] for cell in cells]), strict=True)
        )
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        for cells in layers if downwards else reversed(layers):
            wanted = [
                _mean([x[other] for other in (*above[cell], *below[cell])], x[cell])
                for cell in cells
            ]
            places = _apart(wanted, [size[cell] for cell in cells])
            x |= dict(zip(cells, places, strict=True))
    return x


def _apart(wanted: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """The places nearest to `wanted` (least squares), in order and with a gap between them.

    With the gaps subtracted this is isotonic regression, solved by pooling adjacent violators.
    """
    offsets = [0.0]
    for left, right in pairwise(sizes):
        offsets.append(offsets[-1] + (left + right) / 2 + _GAP)
    pools: list[list[float]] = []
    for place, offset in zip(wanted, offsets, strict=False):
        pools.append([place - offset])
        while len(pools) > 1 and _mean(pools[-2], 0) >= _mean(pools[-1], 0):
            last = pools.pop()
            pools[-1] += last
    levels = [_mean(pool, 0) for pool in pools for _ in pool]
    return [level + offset for level, offset in zip(levels, offsets, strict=False)]


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default
