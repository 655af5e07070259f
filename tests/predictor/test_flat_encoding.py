import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.predictor.flat_encoding import FlatEncoding
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.space import Architecture, Edge, Node, Population, Vocabulary, nasrec_full

SPACE = nasrec_full(dense_features=4, sparse_fields=5, blocks=4)


@given(st.integers(0, 2**32 - 1))
def test_isomorphic_architectures_have_one_encoding(seed: int) -> None:
    genotypes = SPACE.sample(3, np.random.default_rng(seed))
    population = SPACE.decode_many(genotypes)
    canonical = Population.from_architectures(
        [SPACE.decode(row).canonical() for row in genotypes], SPACE.kinds
    )
    encoding = FlatEncoding(NodeFeatures.fit(population))
    np.testing.assert_allclose(
        encoding.transform(population), encoding.transform(canonical), rtol=1e-5, atol=1e-4
    )


def test_edges_are_counted_by_port_and_type(cells: Vocabulary) -> None:
    tanh = Node.of("conv", activation="tanh", width=4, bias=True)
    architecture = Architecture(
        (Node.of("source"), tanh, tanh),
        (Edge(0, 1, "left"), Edge(0, 2, "left"), Edge(0, 2, "right"), Edge(1, 2, "left")),
    )
    population = Population.from_architectures([architecture], cells)
    encoding = FlatEncoding(NodeFeatures.fit(population))
    row = encoding.transform(population)[0]
    edges = row[encoding.features.width + 1 :].reshape(2, 4, 4)
    # Types: source, conv relu, conv tanh, pool; ports: left, right; rows read from, columns into.
    assert edges[0, 0, 2] == 2
    assert edges[1, 0, 2] == 1
    assert edges[0, 2, 2] == 1
    assert edges.sum() == 4
    assert row[encoding.features.width] == 3
