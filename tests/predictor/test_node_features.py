import numpy as np

from dagsmith.predictor.node_features import NodeFeatures, Tokens
from dagsmith.space import Architecture, Edge, Node, Population, Vocabulary


def cell(width: int, stride: float, activation: str = "relu", bias: bool = True) -> Architecture:
    conv = Node.of("conv", activation=activation, width=width, bias=bias)
    return Architecture(
        (Node.of("source"), conv, Node.of("pool", stride=stride)),
        (Edge(0, 1, "left"), Edge(0, 1, "right"), Edge(1, 2, "left")),
    )


def test_columns_of_each_kind(cells: Vocabulary) -> None:
    population = Population.from_architectures([cell(4, 1.0), cell(16, 3.0, "tanh", False)], cells)
    features = NodeFeatures.fit(population)
    first, second = (
        features.transform(population.kind[i], population.attributes[i]) for i in (0, 1)
    )
    # source: 1 | conv: 1, relu, tanh, log width, bias | pool: 1, stride
    np.testing.assert_allclose(first[0], [1, 0, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(first[1], [0, 1, 1, 0, -1, 1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(first[2], [0, 0, 0, 0, 0, 0, 1, -1], atol=1e-6)
    np.testing.assert_allclose(second[1], [0, 1, 0, 1, 1, 0, 0, 0], atol=1e-6)
    assert features.width == 8


def test_a_log_number_counts_by_its_ratio(cells: Vocabulary) -> None:
    widths = (4, 8, 16, 32)
    population = Population.from_architectures([cell(width, 1.0) for width in widths], cells)
    features = NodeFeatures.fit(population)
    column = features.transform(population.kind[:, 1], population.attributes[:, 1])[:, 4]
    np.testing.assert_allclose(np.diff(column), np.diff(column)[0], rtol=1e-5)


def test_a_number_that_never_varied_keeps_its_unit(cells: Vocabulary) -> None:
    seen = Population.from_architectures([cell(4, 2.0), cell(4, 2.0)], cells)
    later = Population.from_architectures([cell(4, 5.0)], cells)
    features = NodeFeatures.fit(seen)
    assert features.transform(later.kind[0], later.attributes[0])[2, -1] == 3.0


def test_tokens_stand_for_their_nodes(population: Population) -> None:
    features = NodeFeatures.fit(population)
    tokens = Tokens.of(population, features)
    present = population.present
    np.testing.assert_array_equal(tokens.index >= 0, present)
    direct = features.transform(population.kind[present], population.attributes[present])
    np.testing.assert_array_equal(tokens.features[tokens.index[present]], direct)
    assert len(np.unique(tokens.features, axis=0)) == len(tokens.features)


def test_tokens_keep_kinds_with_equal_attributes_apart(cells: Vocabulary) -> None:
    # An attribute of 0 must not read as one that is missing.
    architecture = Architecture((Node.of("source"), Node.of("pool", stride=0)), ())
    population = Population.from_architectures([architecture], cells)
    assert Tokens.of(population, NodeFeatures.fit(population)).index.tolist() == [[0, 1]]
