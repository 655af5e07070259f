from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.space import (
    Architecture,
    Genotype,
    NASBench201Space,
    SearchSpace,
    SpaceError,
    isomorphism_fingerprint,
)
from dagsmith.space.nasbench201 import EDGES, FORMS, OPERATIONS, Form
from dagsmith.space.testing import SearchSpaceTests

genotypes = st.lists(st.integers(0, 4), min_size=6, max_size=6).map(
    lambda genes: np.array(genes, np.int16)
)


class TestFunction(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return NASBench201Space()


class TestLive(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return NASBench201Space("live")


class TestWhole(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return NASBench201Space("whole")


@pytest.fixture(scope="module")
def keys() -> list[str]:
    """The key of every cell in the form "function"."""
    space = NASBench201Space()
    population = space.decode_many(space.every_cell())
    return [population.architecture(row).key for row in range(len(population))]


Operation = Callable[[str, str, float], float]
"""A stand-in for an operation on an edge: (edge, operation, input) -> output."""


def toy(edge: str, operation: str, value: float) -> float:
    """Different on every edge, not additive, and 0 for 0."""
    if operation in ("skip", "skip_connect"):
        return value
    if operation == "none":
        return 0.0
    salt = sum(map(ord, edge + operation.removeprefix("nor_").replace("_", "")))
    return float(np.tanh(value * (1 + salt % 17 / 10)) * (1 + salt % 13))


def run_cell(genotype: Genotype) -> float:
    """What the cell computes, by the benchmark's definition: nodes are sums of edges."""
    nodes = {0: 0.37, 1: 0.0, 2: 0.0, 3: 0.0}
    for (source, target), gene in zip(EDGES, genotype, strict=True):
        nodes[target] += toy(f"{source}->{target}", OPERATIONS[gene], nodes[source])
    return nodes[3]


def run_graph(architecture: Architecture) -> float:
    """What the typed graph computes: nodes are operations on the sum of what they read."""
    values: list[float] = []
    for index, node in enumerate(architecture.nodes):
        total = sum(values[edge.source] for edge in architecture.inputs(index))
        if node.kind == "input":
            total = 0.37
        values.append(
            toy(node.name, str(node["op"]), total) if node.kind == "cell_op" else float(total)
        )
    return values[-1]


@pytest.mark.parametrize("form", FORMS)
@given(genotypes)
@settings(max_examples=200)
def test_the_graph_computes_what_the_cell_computes(form: Form, genotype: Genotype) -> None:
    assert run_graph(NASBench201Space(form).decode(genotype)) == pytest.approx(
        run_cell(genotype), rel=1e-9
    )


def test_things_added_several_times_are_added_as_often() -> None:
    space = NASBench201Space()
    for edges, times in (
        ({}, 4),
        ({"2->3": "none"}, 2),
        ({"2->3": "none", "1->3": "none"}, 1),
        ({"0->2": "none"}, 3),
    ):
        params = dict.fromkeys([slot.name for slot in space.slots], "skip_connect") | edges
        net = space.decode(space.from_params(dict(params)))
        assert run_graph(net) == pytest.approx(times * 0.37)
        assert len(net.nodes) == 2 + times - 1


def test_a_convolution_used_twice_is_not_two_convolutions() -> None:
    space = NASBench201Space()
    twice = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|"
    two = "|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_3x3~0|skip_connect~1|none~2|"
    # Not for the benchmark's own string, which is the same.
    one, other = (space.decode(space.from_string(cell)) for cell in (twice, two))
    assert benchmark_string(space.from_string(twice)).replace("#+", "") == benchmark_string(
        space.from_string(two)
    ).replace("#+", "")
    assert one.key != other.key
    assert sum(node.values.get("op") == "conv3x3" for node in one.nodes) == 1
    assert sum(node.values.get("op") == "conv3x3" for node in other.nodes) == 2


def test_numbers_of_different_cells(keys: list[str]) -> None:
    assert NASBench201Space().size() == len(keys) == 15_625
    assert len(set(keys)) == 5_425
    for form, different in zip(FORMS, (5_425, 8_765, 15_625), strict=True):
        space = NASBench201Space(form)
        marks = isomorphism_fingerprint(space.decode_many(space.every_cell()))
        assert len(np.unique(marks)) == different


def test_the_published_number_of_live_cells() -> None:
    # 9,445 is the published number: dead parts dropped, isomorphic cells not merged.
    space = NASBench201Space("live")
    assert len(np.unique(space.decode_many(space.every_cell()).fingerprint())) == 9_445


def benchmark_string(genotype: Genotype, *, tidy: bool = False) -> str:
    """The rule of the benchmark's unique strings: an expression of the output, written out.

    With `tidy`, zeros are left out of sums and a sum within a sum is taken apart, which the
    benchmark's rule does not do.
    """
    nodes: dict[int, list[str]] = {0: ["0"]}
    for node in (1, 2, 3):
        terms: list[str] = []
        for (source, target), gene in zip(EDGES, genotype, strict=True):
            if target != node:
                continue
            before, operation = "+".join(nodes[source]), OPERATIONS[gene]
            if operation == "none" or before in ("", "#"):
                terms += [] if tidy else ["#"]
            elif operation == "skip_connect":
                terms += nodes[source] if tidy else [before]
            else:
                terms.append(f"({before})@{operation}")
        nodes[node] = sorted(terms)
    return "+".join(nodes[3])


def test_how_the_key_and_the_published_strings_differ(keys: list[str]) -> None:
    cells = NASBench201Space().every_cell()
    published = [benchmark_string(cell) for cell in cells]
    tidy = [benchmark_string(cell, tidy=True) for cell in cells]
    assert len(set(published)) == 6_466
    # With zeros left out 4,930 remain, and each is one key or several: those that differ in
    # whether an operation is used twice or is there twice.
    assert len(set(tidy)) == 4_930
    assert len(set(zip(tidy, published, strict=True))) == 6_466
    assert len(set(zip(tidy, keys, strict=True))) == len(set(keys)) == 5_425


def test_a_cell_without_a_path_is_an_output_that_reads_nothing() -> None:
    for form in FORMS[:2]:
        space = NASBench201Space(form)
        cell = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|none~0|none~1|none~2|"
        net = space.decode(space.from_string(cell))
        assert [node.kind for node in net.nodes] == ["output"]
        assert not net.edges
        net.validate(space.kinds)
    population = NASBench201Space().decode_many(NASBench201Space().every_cell())
    assert (population.present.sum(axis=1) == 1).sum() == 341
    assert not population.present[population.present.sum(axis=1) == 1][:, 0].any()


def test_the_whole_cell_keeps_every_edge() -> None:
    space = NASBench201Space("whole")
    population = space.decode_many(space.every_cell())
    assert population.present.all()
    assert (population.edges == population.edges[0]).all()


@given(genotypes)
def test_strings_round_trip(genotype: Genotype) -> None:
    space = NASBench201Space()
    assert np.array_equal(space.from_string(space.to_string(genotype)), genotype)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", "no NAS-Bench-201 cell"),
        ("|none~0|+|none~0|none~1|", "no NAS-Bench-201 cell"),
        ("|none~0|+|none~0|none~0|+|none~0|none~1|none~2|", "no NAS-Bench-201 cell"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|+|none~3|", "no NAS-Bench-201 cell"),
        ("x|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", "no NAS-Bench-201 cell"),
        ("|none~0|+|none~1|none~0|+|none~0|none~1|none~2|", "no NAS-Bench-201 cell"),
        ("|non~0|+|none~0|none~1|+|none~0|none~1|none~2|", "'0->1'.*'non'; did you mean 'none'"),
    ],
)
def test_strings_that_are_no_cell_are_refused(cell: str, message: str) -> None:
    good = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    with pytest.raises(SpaceError, match=message):
        NASBench201Space().from_string(cell)
    with pytest.raises(SpaceError, match=f"cell 1: .*{message}"):
        NASBench201Space().from_strings([good, cell])


def test_no_strings_are_no_genotypes() -> None:
    assert NASBench201Space().from_strings([]).shape == (0, 6)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(SpaceError, match="'hole'; did you mean 'whole'"):
        NASBench201Space("hole")  # type: ignore[arg-type]


def test_the_published_table(real_tables: Path, keys: list[str]) -> None:
    space = NASBench201Space()
    table = pl.read_parquet(real_tables / "nasbench201.parquet")
    extra = pl.read_parquet(real_tables / "nasbench201_extra.parquet")
    rows = space.check(
        table.select([f"e_{source}_{target}" for source, target in EDGES]).to_numpy()
    )
    cells = table["arch_str"].to_list()
    assert np.array_equal(space.from_strings(cells), rows)
    assert [space.to_string(row) for row in rows] == cells
    assert [benchmark_string(row) for row in rows] == table["unique_str"].to_list()
    # Cells of one key have the same parameters and FLOPs, wherever these are known.
    number = {tuple(cell): key for cell, key in zip(space.every_cell().tolist(), keys, strict=True)}
    costs = (
        table.with_columns(key=pl.Series([number[tuple(row)] for row in rows.tolist()]))
        .join(extra, on="arch_index")
        .filter(pl.col("params").is_not_null())
        .group_by("key")
        .agg(pl.n_unique("params", "flops"), pl.len())
    )
    assert costs["len"].sum() == 9_445
    assert len(costs) == len(set(keys))
    assert costs["params"].max() == costs["flops"].max() == 1
