"""Canonical labelling of small labelled DAGs: colour refinement, then individualisation.

Colour refinement (1-dimensional Weisfeiler-Leman) separates nearly all nodes of real
architectures. What remains is settled as in nauty (McKay, "Practical Graph Isomorphism", 1981):
individualise one node of an ambiguous cell at a time and keep the smallest certificate. Two leaves
with the same certificate reveal an automorphism, and a node that an automorphism carries to one
already tried would only give the same certificates again; so identical parts, of which
architectures have many, cost a walk each and not a factor each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

LabelledEdge = tuple[int, int, str]


def canonical_order(labels: Sequence[str], edges: Sequence[LabelledEdge]) -> list[int]:
    """Return the node indices in canonical, topological order.

    Isomorphic labelled DAGs, read out in this order, are equal.

    Args:
        labels: one label per node; isomorphisms preserve it.
        edges: ``(source, target, port)`` with source before target in the node order.
    """
    graph = _Graph(len(labels), edges)
    depth = [0] * len(labels)
    # Edges sorted by target see every source's final depth, since indices are topological.
    for source, target, _ in sorted(edges, key=lambda edge: edge[1]):
        depth[target] = max(depth[target], depth[source] + 1)
    # Depth first in the colour makes every order by colour a topological one.
    colours = _ranks([(depth[node], label) for node, label in enumerate(labels)])
    return _Search(graph, colours).order()


class _Graph:
    """Ports as small integers, and the edges as seen from each node."""

    def __init__(self, count: int, edges: Sequence[LabelledEdge]) -> None:
        ports = {port: rank for rank, port in enumerate(sorted({edge[2] for edge in edges}))}
        self.edges = [(source, target, ports[port]) for source, target, port in edges]
        self.into: list[list[tuple[int, int]]] = [[] for _ in range(count)]
        self.out: list[list[tuple[int, int]]] = [[] for _ in range(count)]
        for source, target, port in self.edges:
            self.into[target].append((port, source))
            self.out[source].append((port, target))


def _ranks(signatures: Sequence[object]) -> list[int]:
    order = {signature: rank for rank, signature in enumerate(sorted(set(signatures)))}  # type: ignore[type-var]
    return [order[signature] for signature in signatures]


def _refine(graph: _Graph, colours: list[int]) -> list[int]:
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


@dataclass(frozen=True)
class _Leaf:
    """A complete labelling: the nodes individualised on the way, the order, its certificate."""

    path: list[int]
    order: list[int]
    certificate: list[tuple[int, int, int]]


class _Search:
    """Depth-first search for the smallest certificate, pruned by the automorphisms it finds."""

    def __init__(self, graph: _Graph, colours: list[int]) -> None:
        self.graph = graph
        self.colours = colours
        self.automorphisms = _twin_swaps(graph, colours)
        self.first: _Leaf | None = None
        self.best: _Leaf | None = None

    def order(self) -> list[int]:
        self._visit([], _refine(self.graph, self.colours))
        return self.best.order if self.best else []

    def _visit(self, path: list[int], colours: list[int]) -> int:
        """Explore what lies below `path`; return the level at which to go on."""
        members: dict[int, list[int]] = {}
        for node, colour in enumerate(colours):
            members.setdefault(colour, []).append(node)
        ambiguous = [colour for colour in sorted(members) if len(members[colour]) > 1]
        if not ambiguous:
            return self._leaf(path, [members[colour][0] for colour in sorted(members)])
        tried: list[int] = []
        for node in members[ambiguous[0]]:
            if tried and self._carried(node, tried, path):
                continue
            # The chosen node comes first within its cell; doubling leaves room below it.
            branch = [2 * colour + 1 for colour in colours]
            branch[node] -= 1
            level = self._visit([*path, node], _refine(self.graph, _ranks(branch)))
            if level < len(path):
                return level
            tried.append(node)
        return len(path)

    def _leaf(self, path: list[int], order: list[int]) -> int:
        position = {node: rank for rank, node in enumerate(order)}
        certificate = sorted((position[s], position[t], port) for s, t, port in self.graph.edges)
        leaf = _Leaf(path, order, certificate)
        if self.first is None or self.best is None:
            self.first = self.best = leaf
            return len(path)
        for known in (self.first, self.best):
            if certificate == known.certificate:
                image = dict(zip(known.order, order, strict=True))
                self.automorphisms.append([image[node] for node in range(len(order))])
                # Below the fork of the two paths all is the image of what was explored.
                return next(
                    level
                    for level, (one, other) in enumerate(zip(path, known.path, strict=False))
                    if one != other
                )
        if certificate < self.best.certificate:
            self.best = leaf
        return len(path)

    def _carried(self, node: int, tried: list[int], path: list[int]) -> bool:
        """Whether automorphisms that keep `path` in place carry `node` to one of `tried`."""
        moves = [
            image for image in self.automorphisms if all(image[fixed] == fixed for fixed in path)
        ]
        orbit, pending = {node}, [node]
        while pending:
            here = pending.pop()
            for image in moves:
                if image[here] not in orbit:
                    orbit.add(image[here])
                    pending.append(image[here])
        return not orbit.isdisjoint(tried)


def _twin_swaps(graph: _Graph, colours: list[int]) -> list[list[int]]:
    """Nodes of one colour with the very same neighbours can be swapped: automorphisms for free."""
    classes: dict[object, list[int]] = {}
    for node, colour in enumerate(colours):
        into, out = frozenset(graph.into[node]), frozenset(graph.out[node])
        classes.setdefault((colour, into, out), []).append(node)
    swaps = []
    for twins in classes.values():
        for one, other in pairwise(twins):
            image = list(range(len(colours)))
            image[one], image[other] = other, one
            swaps.append(image)
    return swaps
