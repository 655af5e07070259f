import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.predictor import GraphFeatures, PredictorError
from dagsmith.space import (
    Architecture,
    Edge,
    NASBench101Space,
    Node,
    Population,
    Vocabulary,
    nasrec_full,
)

SPACE = nasrec_full(dense_features=4, sparse_fields=5, blocks=4)
CELLS = NASBench101Space()


def conv(width: int, activation: str = "relu") -> Node:
    return Node.of("conv", activation=activation, width=width, bias=True)


def every_column(features: GraphFeatures, population: Population) -> np.ndarray:
    """Also those that do not vary."""
    return features._all_columns(population)


@given(st.integers(0, 2**32 - 1))
def test_isomorphic_architectures_have_the_same_features(seed: int) -> None:
    genotypes = SPACE.sample(3, np.random.default_rng(seed))
    population = SPACE.decode_many(genotypes)
    canonical = Population.from_architectures(
        [SPACE.decode(row).canonical() for row in genotypes], SPACE.kinds
    )
    features = GraphFeatures.fit(population)
    expected = features.transform(population)
    np.testing.assert_allclose(features.transform(canonical), expected, rtol=1e-4, atol=1e-4)
    # The order in which they are learned does not matter, either.
    backwards = GraphFeatures.fit(population[::-1]).transform(population)
    np.testing.assert_allclose(backwards, expected, rtol=1e-4, atol=1e-4)


@given(st.integers(0, 2**32 - 1))
def test_paths_are_those_of_networkx(seed: int) -> None:
    population = CELLS.decode_many(CELLS.sample(4, np.random.default_rng(seed)))
    features = GraphFeatures.fit(population)
    found = paths_by_mark(features, population)
    for row in range(len(population)):
        architecture = population.architecture(row)
        graph = nx.DiGraph([(edge.source, edge.target) for edge in architecture.edges])
        sources = [node for node in graph if not graph.in_degree(node)]
        sinks = [node for node in graph if not graph.out_degree(node)]
        paths = [
            path
            for source in sources
            for sink in sinks
            for path in nx.all_simple_paths(graph, source, sink)
        ]
        lengths = [len(path) for path in paths]
        assert found["count"][row] == pytest.approx(len(paths), rel=1e-5)
        assert found["total"][row, -1] == pytest.approx(sum(lengths), rel=1e-5)
        assert found["mean"][row, -1] == pytest.approx(np.mean(lengths), rel=1e-5)
        assert (found["most"][row, -1], found["least"][row, -1]) == (max(lengths), min(lengths))
        # The same by token: how many of its nodes are on a path.
        for token, looks in enumerate(features.tokens):
            bears = {
                node
                for node, content in enumerate(architecture.nodes)
                if np.array_equal(looks_of(features, population, content), looks)
            }
            on_path = [len(bears.intersection(path)) for path in paths]
            assert found["most"][row, token] == max(on_path)
            assert found["least"][row, token] == min(on_path)
            assert found["mean"][row, token] == pytest.approx(np.mean(on_path), abs=1e-5)


def looks_of(features: GraphFeatures, population: Population, node: Node) -> np.ndarray:
    single = Population.from_architectures([Architecture((node,), ())], population.vocabulary)
    looks: np.ndarray = features.nodes.transform(single.kind[0], single.attributes[0])[0]
    return looks


def paths_by_mark(features: GraphFeatures, population: Population) -> dict[str, np.ndarray]:
    """The columns of paths: their number, and by mark total, mean, most, least."""
    columns = every_column(features, population).astype(np.float64)
    marks = len(features.tokens) + len(population.vocabulary) + 1
    pairs = len(features.token_pairs) + len(features.kind_pairs)
    end = columns.shape[1] - pairs
    by_mark = columns[:, end - 4 * marks : end].reshape(len(columns), 4, marks)
    return {
        "count": np.expm1(columns[:, end - 4 * marks - 1]),
        "total": np.expm1(by_mark[:, 0]),
        "mean": by_mark[:, 1],
        "most": by_mark[:, 2],
        "least": by_mark[:, 3],
    }


def test_several_sources_sinks_and_ports(cells: Vocabulary) -> None:
    pool = Node.of("pool", stride=2)
    two_ends = Architecture(
        (Node.of("source"), Node.of("source"), conv(4), pool, conv(4)),
        (
            *(Edge(0, 2, "left"), Edge(1, 2, "right"), Edge(0, 2, "right")),
            *(Edge(2, 3, "left"), Edge(2, 4, "left")),
        ),
    )
    alone = Architecture((Node.of("source"),), ())
    population = Population.from_architectures([two_ends, alone], cells)
    found = paths_by_mark(GraphFeatures.fit(population), population)
    # Two sources times two sinks; two ports between the same nodes are one way.
    np.testing.assert_allclose(found["count"], [4, 1], rtol=1e-5)
    np.testing.assert_allclose(found["total"][:, -1], [12, 1], rtol=1e-5)
    assert found["most"][:, -1].tolist() == [3, 1]
    assert found["least"][:, -1].tolist() == [3, 1]


def test_edges_are_counted_by_port(cells: Vocabulary) -> None:
    def cell(port: str) -> Architecture:
        return Architecture((Node.of("source"), conv(4)), (Edge(0, 1, port),))

    population = Population.from_architectures([cell("left"), cell("right")], cells)
    rows = GraphFeatures.fit(population).transform(population)
    # Only the port differs: left and right, between tokens and between kinds.
    assert rows.shape == (2, 4)
    np.testing.assert_array_equal(rows.sum(axis=0), 1)
    np.testing.assert_array_equal(rows.sum(axis=1), 2)


def test_a_token_never_seen_counts_as_the_nearest(cells: Vocabulary) -> None:
    def cell(width: int, activation: str) -> Architecture:
        return Architecture((Node.of("source"), conv(width, activation)), (Edge(0, 1, "left"),))

    seen = Population.from_architectures([cell(4, "relu"), cell(64, "relu")], cells)
    features = GraphFeatures.fit(seen)
    later = Population.from_architectures([cell(5, "relu"), cell(50, "relu")], cells)
    counts = every_column(features, later) - every_column(features, seen)
    # Its own width shows in the sums and means of numbers, and nowhere else.
    assert set(np.flatnonzero(np.abs(counts).max(axis=0))) == {4, 8}


def test_a_kind_never_seen_has_no_token(cells: Vocabulary) -> None:
    seen = [
        Architecture((Node.of("source"), conv(width)), (Edge(0, 1, "left"),)) for width in (4, 8)
    ]
    new = Architecture((Node.of("source"), Node.of("pool", stride=1)), (Edge(0, 1, "left"),))
    features = GraphFeatures.fit(Population.from_architectures(seen, cells))
    population = Population.from_architectures([new, seen[0]], cells)
    both = paths_by_mark(features, population)["most"]
    source = int(np.flatnonzero(features.token_kind == cells.index["source"])[0])
    expected = np.zeros((2, len(features.tokens)))
    expected[:, source] = 1
    np.testing.assert_array_equal(both[:1, : len(features.tokens)], expected[:1])
    # By kind it is counted.
    assert both[0, len(features.tokens) + cells.index["pool"]] == 1


def test_tokens_and_pairs_are_limited(cells: Vocabulary) -> None:
    rng = np.random.default_rng(0)
    chains = []
    for _ in range(40):
        nodes = [Node.of("source"), *(conv(int(width)) for width in rng.integers(1, 9999, 20))]
        edges = tuple(Edge(node, node + 1, "left") for node in range(20))
        chains.append(Architecture(tuple(nodes), edges))
    population = Population.from_architectures(chains, cells)
    features = GraphFeatures.fit(population)
    assert len(features.tokens) == GraphFeatures.MOST_TOKENS
    assert len(features.token_pairs) == GraphFeatures.MOST_PAIRS
    rows = features.transform(population)
    assert rows.shape == (40, features.width)
    assert np.isfinite(rows).all()


def test_a_row_does_not_depend_on_its_company(population: Population) -> None:
    features = GraphFeatures.fit(population[:30])
    together = features.transform(population)
    for row in (0, 17, 59):
        np.testing.assert_array_equal(
            features.transform(population[row : row + 1])[0], together[row]
        )
    assert features.transform(population[:0]).shape == (0, features.width)
    assert (np.ptp(features.transform(population[:30]), axis=0) > 0).all()


def test_so_many_paths_that_they_stay_finite(cells: Vocabulary) -> None:
    nodes = (Node.of("source"), *[conv(4)] * 150)
    edges = tuple(
        Edge(source, target, "left") for target in range(1, 151) for source in range(target)
    )
    ladder = Architecture(nodes, edges)
    short = Architecture(nodes[:2], (Edge(0, 1, "left"),))
    population = Population.from_architectures([ladder, short], cells)
    assert np.isfinite(GraphFeatures.fit(population).transform(population)).all()


def test_what_cannot_be_described(population: Population, cells: Vocabulary) -> None:
    with pytest.raises(PredictorError, match="got none"):
        GraphFeatures.fit(population[:0])
    other = Population.from_architectures([Architecture((Node.of("source"),), ())], cells)
    with pytest.raises(PredictorError, match="the population is over"):
        GraphFeatures.fit(population).transform(other)
