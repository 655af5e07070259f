from collections.abc import Iterator
from itertools import combinations, permutations, product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.space import (
    Genotypes,
    NASBench101Space,
    SearchSpace,
    SpaceError,
    enumerate_cells,
    isomorphism_fingerprint,
)
from dagsmith.space.nasbench101 import OPERATIONS
from dagsmith.space.testing import SearchSpaceTests

PAIRS = list(combinations(range(7), 2))


class TestNASBench101(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return NASBench101Space()


class AnyGenotype(NASBench101Space):
    """The same space with samples that need mending, as Optuna's own samplers draw them."""

    def sample(self, count: int, rng: np.random.Generator) -> Genotypes:
        return rng.integers(0, self.slot_sizes, (count, len(self.slots))).astype(np.int16)


class TestMended(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return AnyGenotype()


@pytest.fixture(scope="module")
def every_cell() -> Genotypes:
    return enumerate_cells()


def all_cells(vertices: int) -> Iterator[tuple[frozenset[tuple[int, int]], tuple[int, ...]]]:
    """Every labelled cell on exactly so many vertices, by the benchmark's definition."""
    pairs = list(combinations(range(vertices), 2))
    for size in range(1, 10):
        for edges in combinations(pairs, size):
            sources, targets = {s for s, _ in edges}, {t for _, t in edges}
            if len(sources) == len(targets) == vertices - 1:
                for operations in product(range(3), repeat=vertices - 2):
                    yield frozenset(edges), operations


def count_cells(vertices: int) -> int:
    """Number of isomorphism classes, by trying every order of the inner vertices."""
    seen: set[object] = set()
    classes = 0
    inner = range(1, vertices - 1)
    for edges, operations in all_cells(vertices):
        if (edges, operations) in seen:
            continue
        classes += 1
        for order in permutations(inner):
            place = {0: 0, vertices - 1: vertices - 1, **dict(zip(inner, order, strict=True))}
            moved = [0] * (vertices - 2)
            for vertex, operation in zip(inner, operations, strict=True):
                moved[place[vertex] - 1] = operation
            seen.add((frozenset((place[s], place[t]) for s, t in edges), tuple(moved)))
    return classes


@pytest.mark.parametrize("vertices", [2, 3, 4, 5])
def test_small_cells_are_counted_as_by_brute_force(vertices: int) -> None:
    fewer = len(enumerate_cells(vertices - 1)) if vertices > 2 else 0
    assert len(enumerate_cells(vertices)) - fewer == count_cells(vertices)


def test_the_published_number_of_cells(every_cell: Genotypes) -> None:
    assert len(every_cell) == 423_624
    space = NASBench101Space()
    assert space.valid(every_cell).all()
    vertices = space.decode_many(every_cell).present.sum(axis=1)
    assert np.bincount(vertices).tolist() == [0, 0, 1, 6, 84, 2_441, 62_010, 359_082]


def test_different_cells_have_different_keys(every_cell: Genotypes) -> None:
    # Colour refinement could only merge cells; the exact key finds none among those it told apart.
    space = NASBench101Space()
    population = space.decode_many(every_cell[:: len(every_cell) // 3_000])
    keys = {population.architecture(row).key for row in range(len(population))}
    assert len(keys) == len(population)


def test_samples_and_mutants_are_cells_as_they_are(every_cell: Genotypes) -> None:
    space = NASBench101Space()
    rng = np.random.default_rng(0)
    known = isomorphism_fingerprint(space.decode_many(every_cell))
    samples = space.sample(2_000, rng)
    for genotypes in (samples, space.mutate(samples, rng), space.neighbours(samples[0])):
        assert space.valid(genotypes).all()
        assert np.isin(isomorphism_fingerprint(space.decode_many(genotypes)), known).all()
    # Mended ones are cells of the benchmark, too.
    mended = space.decode_many(AnyGenotype().sample(5_000, rng))
    assert np.isin(isomorphism_fingerprint(mended), known).all()


def test_every_graph_is_mended_to_a_cell() -> None:
    space = NASBench101Space()
    chunk = 1 << 17
    for start in range(0, 1 << 21, chunk):
        genotypes = np.zeros((chunk, 26), np.int16)
        genotypes[:, :21] = (np.arange(start, start + chunk)[:, None] >> np.arange(21)) & 1
        population = space.decode_many(genotypes)
        edges, inner = population.edges > 0, population.present[:, 1:-1]
        count = edges.sum(axis=(1, 2))
        assert count.min() >= 1
        assert count.max() <= 9
        assert population.present[:, [0, -1]].all()
        # In a DAG, all are on a path if each inner one reads and is read.
        assert np.array_equal(edges[:, 1:-1].any(axis=2), inner)
        assert np.array_equal(edges[:, :, 1:-1].any(axis=1), inner)
        wanted = genotypes[:, :21].sum(axis=1)
        assert (count <= np.maximum(wanted, 1)).all()


def test_mending_takes_the_last_edges_that_no_vertex_needs() -> None:
    space = NASBench101Space()

    def mended(*edges: tuple[int, int]) -> list[tuple[str, str]]:
        genotype = np.zeros(26, np.int16)
        genotype[[PAIRS.index(edge) for edge in edges]] = 1
        net = space.decode(genotype)
        return [(net.nodes[e.source].name, net.nodes[e.target].name) for e in net.edges]

    assert mended() == [("input", "output")]
    assert mended((0, 3), (2, 6)) == [("input", "output")]
    star = [edge for inner in range(1, 6) for edge in ((0, inner), (inner, 6))]
    assert len(mended(*star)) == 8  # a vertex has to go with its two edges
    assert not any("vertex5" in edge for edge in mended(*star))
    ladder = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (0, 6), (1, 6), (2, 6), (3, 6)]
    assert ("vertex3", "output") not in mended(*ladder)
    assert len(mended(*ladder)) == 9


@given(st.data())
@settings(max_examples=100)
def test_a_matrix_and_table_bits_mean_the_same(data: st.DataObject) -> None:
    space = NASBench101Space()
    count = data.draw(st.integers(2, 7))
    pairs = list(combinations(range(count), 2))
    edges = data.draw(st.sets(st.sampled_from(pairs), max_size=9))
    operations = data.draw(st.lists(st.integers(0, 2), min_size=count - 2, max_size=count - 2))
    matrix = np.zeros((count, count), int)
    for source, target in edges:
        matrix[source, target] = 1
    names = [OPERATIONS[operation] for operation in operations]
    bits = sum(1 << PAIRS.index(edge) for edge in edges)
    codes = np.array([operations + [-1] * (7 - count)])
    genotype = space.from_matrix(matrix, names)
    assert np.array_equal(space.genotypes_from(np.array([bits]), codes)[0], genotype)
    assert np.array_equal(space.from_matrix(matrix, ["input", *names, "output"]), genotype)
    # All edges between the same vertices, whichever place the output has.
    ends = {(source, 6 if target == count - 1 else target) for source, target in edges}
    assert {PAIRS[slot] for slot in np.flatnonzero(genotype[:21])} == ends


@pytest.mark.parametrize(
    ("matrix", "operations", "message"),
    [
        (np.zeros((2, 3)), [], r"shape \(2, 3\)"),
        (np.zeros((8, 8)), [], "a square of 2 to 7"),
        (np.zeros((1, 1)), [], "a square of 2 to 7"),
        ([[0, 2], [0, 0]], [], "not 0/1"),
        ([[0, 0], [1, 0]], [], "above the diagonal"),
        ([[0, 1], [0, 0]], ["maxpool3x3"], "1 operations for 2 vertices"),
        (np.zeros((3, 3)), ["maxpool"], "'maxpool'; did you mean 'maxpool3x3'"),
    ],
)
def test_matrices_that_are_no_cell_are_refused(
    matrix: list[list[int]], operations: list[str], message: str
) -> None:
    with pytest.raises(SpaceError, match=message):
        NASBench101Space().from_matrix(matrix, operations)


@pytest.mark.parametrize(
    ("bits", "codes", "message"),
    [
        ([1, 1 << 21], [[-1] * 5] * 2, "cell 1: expected 21 adjacency bits"),
        ([1, -1], [[-1] * 5] * 2, "cell 1: expected 21 adjacency bits"),
        ([1, 1], [[-1] * 5, [3, -1, -1, -1, -1]], "cell 1: expected operations from -1 to 2"),
        ([1, 1], [[-1] * 5, [-1, 0, -1, -1, -1]], "cell 1: an operation stands behind"),
        ([1, 2], [[-1] * 5] * 2, "cell 1: an edge goes beyond the last vertex"),
        ([0.5], [[-1] * 5], "float64 .* expected integers"),
        ([1], [[-1] * 4], r"\[batch, 5\]"),
        ([1], [[-1] * 5] * 2, r"\[batch, 5\]"),
    ],
)
def test_rows_that_are_no_cell_are_refused(
    bits: list[float], codes: list[list[int]], message: str
) -> None:
    with pytest.raises(SpaceError, match=message):
        NASBench101Space().genotypes_from(np.array(bits), np.array(codes))


@pytest.mark.parametrize("vertices", [1, 8])
def test_cells_have_two_to_seven_vertices(vertices: int) -> None:
    with pytest.raises(SpaceError, match=f"most_vertices is {vertices}"):
        enumerate_cells(vertices)


def test_the_published_table(real_tables: Path, every_cell: Genotypes) -> None:
    space = NASBench101Space()
    table = pl.read_parquet(real_tables / "nasbench101_30k.parquet")
    operations = table.select([f"op{inner}" for inner in range(1, 6)]).to_numpy()
    genotypes = space.genotypes_from(table["adj_upper21"].to_numpy(), operations)
    assert space.valid(genotypes).all()
    population = space.decode_many(genotypes)
    assert np.array_equal(population.present.sum(axis=1), table["n_vertices"].to_numpy())
    bits = table["adj_upper21"].to_numpy()
    assert np.array_equal((population.edges > 0).sum(axis=(1, 2)), np.bitwise_count(bits))
    marks = isomorphism_fingerprint(population)
    assert len(np.unique(marks)) == len(table)
    assert np.isin(marks, isomorphism_fingerprint(space.decode_many(every_cell))).all()
