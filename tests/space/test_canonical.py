"""The canonical form against networkx, and on graphs that are hard for canonical labelling."""

from itertools import product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.space import Architecture, Edge, Node
from dagsmith.space.canonical import canonical_order
from dagsmith.space.testing import relabelled


def net(count: int, edges: list[tuple[int, int]], kinds: str = "") -> Architecture:
    nodes = [Node.of(kind) for kind in kinds or "x" * count]
    return Architecture.build(nodes, [Edge(*edge) for edge in edges])


def parts(count: int, length: int) -> Architecture:
    """Identical disconnected chains."""
    steps = product(range(count), range(length - 1))
    return net(count * length, [(p * length + i, p * length + i + 1) for p, i in steps])


def layers(depth: int, width: int) -> Architecture:
    """Complete bipartite graphs in a row."""
    steps = product(range(depth - 1), range(width), range(width))
    return net(depth * width, [(d * width + i, (d + 1) * width + j) for d, i, j in steps])


def cycles(*sizes: int) -> Architecture:
    """Cycles of alternating direction: regular, so colour refinement sees nothing in them."""
    edges: list[tuple[int, int]] = []
    first = 0
    for size in sizes:
        for i in range(size):
            edges += [(first + i, first + size + i), (first + i, first + size + (i + 1) % size)]
        first += 2 * size
    return net(first, edges)


def crown(width: int) -> Architecture:
    """Every source feeds every target but its own: no twins, width! automorphisms."""
    steps = product(range(width), range(width))
    return net(2 * width, [(i, width + j) for i, j in steps if i != j])


def cube(dimension: int) -> Architecture:
    steps = product(range(2**dimension), range(dimension))
    return net(2**dimension, [(i, i | 1 << b) for i, b in steps if not i >> b & 1])


@pytest.mark.parametrize(
    "symmetric",
    [
        parts(30, 1),
        parts(20, 2),
        parts(12, 3),
        layers(2, 12),
        layers(5, 6),
        crown(10),
        cycles(12),
        cycles(3, 3, 3, 3),
        cycles(2, 3, 4, 5, 6),
        cube(5),
    ],
)
def test_symmetric_graphs_are_labelled_alike(symmetric: Architecture) -> None:
    # An exponential search would not come back from any of these.
    rng = np.random.default_rng(0)
    for _ in range(3):
        assert relabelled(symmetric, rng).canonical() == symmetric.canonical()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (cycles(6), cycles(3, 3)),
        (cycles(4, 5), cycles(3, 6)),
        (cycles(2, 3, 7), cycles(2, 4, 6)),
        (crown(4), layers(2, 4)),
    ],
)
def test_refinement_alone_would_confuse_these(one: Architecture, other: Architecture) -> None:
    assert len(one.nodes) == len(other.nodes)
    assert one.key != other.key


@st.composite
def small(draw: st.DrawFn) -> Architecture:
    count = draw(st.integers(1, 6))
    nodes = tuple(Node.of(draw(st.sampled_from("aab"))) for _ in range(count))
    edges = [
        Edge(s, t, port)
        for t in range(count)
        for s in range(t)
        for port in draw(st.sampled_from([(), (), ("p",), ("p",), ("p", "q")]))
    ]
    return Architecture(nodes, tuple(edges))


def isomorphic(one: Architecture, other: Architecture) -> bool:
    return bool(
        nx.is_isomorphic(
            one.to_networkx(),
            other.to_networkx(),
            node_match=lambda a, b: a["kind"] == b["kind"],
            edge_match=lambda a, b: set(a) == set(b),
        )
    )


@given(st.data())
@settings(max_examples=200)
def test_keys_are_equal_exactly_for_isomorphic_graphs(data: st.DataObject) -> None:
    one = data.draw(small())
    if data.draw(st.booleans()) and one.edges:
        # A near miss: one edge moved, so that both outcomes are common.
        moved = data.draw(st.sampled_from(one.edges))
        target = data.draw(st.integers(moved.source + 1, len(one.nodes) - 1))
        edges = [edge for edge in one.edges if edge != moved]
        other = Architecture(one.nodes, (*edges, Edge(moved.source, target, moved.port)))
    else:
        other = data.draw(small())
    assert (one.key == other.key) == isomorphic(one, other)


@given(small(), st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_relabelling_keeps_the_canonical_form(one: Architecture, seed: int) -> None:
    assert relabelled(one, np.random.default_rng(seed)).canonical() == one.canonical()


@given(small())
@settings(max_examples=60)
def test_the_order_is_topological(one: Architecture) -> None:
    edges = [(edge.source, edge.target, edge.port) for edge in one.edges]
    order = canonical_order([node.kind for node in one.nodes], edges)
    assert sorted(order) == list(range(len(one.nodes)))
    rank = {node: place for place, node in enumerate(order)}
    assert all(rank[source] < rank[target] for source, target, _ in edges)


def test_nothing_has_an_order_too() -> None:
    assert canonical_order([], []) == []
