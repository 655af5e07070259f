import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.predictor.graphs import Graphs
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.space import ComponentKind, NASRecSpace, Population, Vocabulary, nasrec_small

MEMBERS, DIM = 2, 3
SPACE = nasrec_small(dense_features=4, sparse_fields=5, blocks=4)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_sums_equal_products_with_the_dense_adjacency(seed: int, batch: int) -> None:
    rng = np.random.default_rng(seed)
    population = SPACE.decode_many(SPACE.sample(batch, rng))
    graphs = Graphs.of(population, NodeFeatures.fit(population), MEMBERS)
    ports = len(population.vocabulary.ports)
    count, present = int(population.present.sum()), population.present
    messages = rng.normal(size=(ports, MEMBERS, count, DIM)).astype(np.float32)
    into = np.zeros((MEMBERS, count, DIM))
    out_of = np.zeros((MEMBERS, count, DIM))
    total = np.zeros((MEMBERS, batch, DIM))
    start = 0
    for row in range(batch):
        used = present[row]
        nodes = slice(start, start + int(used.sum()))
        start = nodes.stop
        edges = population.edges[row][np.ix_(used, used)]
        for port in range(ports):
            adjacency = (edges >> port & 1).astype(float)
            into[:, nodes] += adjacency @ messages[port][:, nodes]
            out_of[:, nodes] += adjacency.T @ messages[port][:, nodes]
        total[:, row] = messages[0][:, nodes].sum(axis=1)
    rows = torch.from_numpy(messages)
    np.testing.assert_allclose(graphs.into(rows), into, atol=1e-5)
    np.testing.assert_allclose(graphs.out_of(rows), out_of, atol=1e-5)
    np.testing.assert_allclose(graphs.graphs(rows[0]), total, atol=1e-5)
    assert graphs.sizes.tolist() == present.sum(axis=1).tolist()


def test_nodes_get_the_rows_of_their_token(population: Population) -> None:
    features = NodeFeatures.fit(population)
    graphs = Graphs.of(population, features, MEMBERS)
    present = population.present
    direct = features.transform(population.kind[present], population.attributes[present])
    rows = torch.stack([graphs.tokens, 2 * graphs.tokens])
    np.testing.assert_array_equal(graphs.nodes(rows), np.stack([direct, 2 * direct]))


def test_padding_is_left_out(space: NASRecSpace, population: Population) -> None:
    features = NodeFeatures.fit(population)
    padded, compact = (
        Graphs.of(each, features, MEMBERS) for each in (population, population.compact())
    )
    assert torch.equal(padded.nodes.index, compact.nodes.index)
    np.testing.assert_array_equal(padded.into.row, compact.into.row)
    np.testing.assert_array_equal(padded.into.group, compact.into.group)


def test_a_graph_without_edges_or_ports() -> None:
    kinds = Vocabulary((ComponentKind("point", (), ()),))
    population = Population(
        kinds,
        np.zeros((2, 1), np.int16),
        np.zeros((2, 1, 0), np.float32),
        np.zeros((2, 1, 1), np.uint16),
    )
    graphs = Graphs.of(population, NodeFeatures.fit(population), 1)
    assert graphs.into(torch.zeros(0, 1, 2, DIM)).tolist() == [[[0.0] * DIM] * 2]


@pytest.mark.parametrize("which", ["into", "out_of", "graphs"])
def test_the_derivative_of_sums(which: str) -> None:
    population = SPACE.decode_many(SPACE.sample(2, np.random.default_rng(0)))
    graphs = Graphs.of(population, NodeFeatures.fit(population), MEMBERS)
    ports = 1 if which == "graphs" else len(population.vocabulary.ports)
    shape = (ports, MEMBERS, int(population.present.sum()), 2)
    rows = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(getattr(graphs, which), (rows,))
