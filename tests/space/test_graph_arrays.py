import numpy as np

from dagsmith.space import Edge, Node, nasrec_small
from dagsmith.space.ctr import PLUS_KINDS
from dagsmith.space.graph_arrays import GraphArrays

NAMES = ("input.dense", "input.sparse", "left.1", "left.2", "head")


def grown() -> GraphArrays:
    """A second layer in the first row only."""
    graph = GraphArrays(PLUS_KINDS, NAMES, batch=2)
    graph.put("input.dense", "dense_input", width=3)
    graph.put("left.1", "layer", width=[8, 16], norm=np.array(["none", "batch"]), dropout=0.25)
    second = np.array([True, False])
    graph.put("left.2", "layer", second, width=4, norm="layer", dropout=[0.5, 0.1])
    graph.link("left.1", "input.dense", "dense")
    graph.link("left.2", "left.1", "dense", second)
    graph.put("head", "head")
    graph.link("head", "left.2", "dense")
    graph.link("head", "left.1", "dense", ~second)
    return graph


def test_rows_have_their_own_nodes_and_attributes() -> None:
    population = grown().live()
    first, second = (population.architecture(row) for row in range(2))
    assert second.nodes == (
        Node.of("dense_input", "input.dense", width=3),
        Node.of("layer", "left.1", width=16, norm="batch", dropout=0.25),
        Node.of("head", "head"),
    )
    assert first.nodes[1:3] == (
        Node.of("layer", "left.1", width=8, norm="none", dropout=0.25),
        Node.of("layer", "left.2", width=4, norm="layer", dropout=0.5),
    )
    assert first.edges == tuple(Edge(i, i + 1, "dense") for i in range(3))


def test_an_edge_needs_its_source() -> None:
    graph = grown()
    graph.link("head", "input.sparse", "sparse")
    assert not graph.edges[:, 4, 1].any()


def test_what_does_not_reach_the_output_is_left_away() -> None:
    graph = grown()
    graph.put("input.sparse", "sparse_input", rows=2, dim=4)
    population = graph.live()
    assert not population.present[:, 1].any()
    assert np.isnan(population.attributes[:, 1]).all()


def test_a_population_is_copied_but_for_its_output() -> None:
    space = nasrec_small(3, 5, blocks=1)
    trunk = space.decode_many(space.sample(2, np.random.default_rng(0)))
    assert trunk.names is not None
    graph = GraphArrays(PLUS_KINDS, trunk.names, batch=2)
    graph.copy(trunk, np.array([True, False]))
    assert np.array_equal(graph.kind[0, :-1], trunk.kind[0, :-1])
    assert np.array_equal(graph.edges[0, :-1], trunk.edges[0, :-1])
    assert graph.kind[0, -1] == -1
    assert (graph.kind[1] == -1).all()
    assert not graph.edges[1].any()
