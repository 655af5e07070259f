import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.space import CELL_KINDS, CELL_OPERATIONS
from dagsmith.space.cells import cells, reached, reaching, upper_pairs


@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.floats(0.05, 0.9))
@settings(max_examples=50)
def test_reached_and_reaching_are_those_of_networkx(seed: int, nodes: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    source, target = upper_pairs(nodes)
    reads = np.zeros((4, nodes, nodes), bool)
    reads[:, target, source] = rng.random((4, len(source))) < density
    forth, back = reached(reads), reaching(reads)
    for row in range(4):
        graph: nx.DiGraph = nx.DiGraph()
        graph.add_nodes_from(range(nodes))
        graph.add_edges_from((s, t) for t, s in np.argwhere(reads[row]))
        assert set(np.flatnonzero(forth[row])) == nx.descendants(graph, 0) | {0}
        assert set(np.flatnonzero(back[row])) == nx.ancestors(graph, nodes - 1) | {nodes - 1}


def test_pairs_go_row_by_row() -> None:
    source, target = upper_pairs(4)
    assert list(zip(source.tolist(), target.tolist(), strict=True)) == [
        (0, 1),
        (0, 2),
        (0, 3),
        (1, 2),
        (1, 3),
        (2, 3),
    ]


def test_a_cell_keeps_what_is_used_and_its_edges() -> None:
    # input -> a -> output, input -> b -> output, of which b is not used.
    reads = np.zeros((1, 4, 4), bool)
    reads[0, [1, 2, 3, 3], [0, 0, 1, 2]] = True
    operation = np.array([[9, 1, 2, 9]], np.int16)
    used = np.array([[True, True, False, True]])
    net = cells(operation, reads, used, ("input", "a", "b", "output")).architecture(0)
    net.validate(CELL_KINDS)
    assert [(node.kind, node.name) for node in net.nodes] == [
        ("input", "input"),
        ("cell_op", "a"),
        ("output", "output"),
    ]
    assert net.nodes[1]["op"] == CELL_OPERATIONS[1]
    assert [(edge.source, edge.target) for edge in net.edges] == [(0, 1), (1, 2)]
