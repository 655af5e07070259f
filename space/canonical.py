"""Canonical labelling of small labelled DAGs: colour refinement, then individualisation.

Colour refinement (1-dimensional Weisfeiler-Leman) separates nearly all nodes of real
architectures. What remains is settled by individualising one node of an ambiguous cell at a
time and keeping the smallest certificate, as in McKay's nauty; nodes with the very same
neighbours ("twins") are interchangeable, so one of them stands for all.
"""

from collections.abc import Sequence

LabelledEdge = tuple[int, int, str]


def canonical_order(labels: Sequence[str], edges: Sequence[LabelledEdge]) -> list[int]:
    """Return the node indices in canonical, topological order.

    Isomorphic labelled DAGs, read out in this order, are equal.

    Args:
        labels: one label per node; isomorphisms preserve it.
        edges: ``(source, target, port)`` with source before target in the node order.
    """
    graph = _Neighbourhoods(len(labels), edges)
    depth = [0] * len(labels)
    # Edges sorted by target see every source's final depth, since indices are topological.
    for source, target, _ in sorted(edges, key=lambda edge: edge[1]):
        depth[target] = max(depth[target], depth[source] + 1)
    # Depth first in the colour makes every order by colour a topological one.
    colours = _ranks([(depth[node], label) for node, label in enumerate(labels)])
    _, order = _search(graph, _refine(graph, colours))
    return order


class _Neighbourhoods:
    """Ports as small integers, and the edges as seen from each node."""

    def __init__(self, count: int, edges: Sequence[LabelledEdge]) -> None:
        ports = {port: rank for rank, port in enumerate(sorted({edge[2] for edge in edges}))}
        self.edges = [(source, target, ports[port]) for source, target, port in edges]
        self.into: list[list[tuple[int, int]]] = [[] for _ in range(count)]
        self.out: list[list[tuple[int, int]]] = [[] for _ in range(count)]
        for source, target, port in self.edges:
            self.into[target].append((port, source))
            self.out[source].append((port, target))

    def twins(self, first: int, second: int) -> bool:
        return set(self.into[first]) == set(self.into[second]) and set(self.out[first]) == set(
            self.out[second]
        )


def _ranks(signatures: Sequence[object]) -> list[int]:
    order = {signature: rank for rank, signature in enumerate(sorted(set(signatures)))}  # type: ignore[type-var]
    return [order[signature] for signature in signatures]


def _refine(graph: _Neighbourhoods, colours: list[int]) -> list[int]:
    cells = len(set(colours))
    while cells < len(colours):
        colours = _ranks(
            [
                (
                    colour,
                    tuple(sorted((port, colours[other]) for port, other in graph.into[node])),
                    tuple(sorted((port, colours[other]) for port, other in graph.out[node])),
                )
                for node, colour in enumerate(colours)
            ]
        )
        if len(set(colours)) == cells:
            break
        cells = len(set(colours))
    return colours


def _search(
    graph: _Neighbourhoods, colours: list[int]
) -> tuple[list[tuple[int, int, int]], list[int]]:
    """The smallest certificate (edge list in the new order) below this colouring, and its order."""
    members: dict[int, list[int]] = {}
    for node, colour in enumerate(colours):
        members.setdefault(colour, []).append(node)
    ambiguous = [colour for colour in sorted(members) if len(members[colour]) > 1]
    if not ambiguous:
        order = [members[colour][0] for colour in sorted(members)]
        position = {node: rank for rank, node in enumerate(order)}
        edges = [(position[s], position[t], port) for s, t, port in graph.edges]
        return sorted(edges), order
    representatives: list[int] = []
    for node in members[ambiguous[0]]:
        if not any(graph.twins(node, other) for other in representatives):
            representatives.append(node)
    branches = []
    for node in representatives:
        # The chosen node comes first within its cell; doubling leaves room below it.
        branch = [2 * colour + 1 for colour in colours]
        branch[node] -= 1
        branches.append(_search(graph, _refine(graph, _ranks(branch))))
    return min(branches)
