import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.data import DatasetError, EvaluatedTable
from dagsmith.space import (
    Architecture,
    Edge,
    Node,
    Population,
    nasrec_small,
)
from dagsmith.space.testing import relabelled

SPACE = nasrec_small(3, 5, blocks=2)


def chain(*sizes: int) -> Architecture:
    nodes = (Node.of("image"), *(Node.of("conv", kernel=size) for size in sizes))
    return Architecture(nodes, tuple(Edge(at, at + 1) for at in range(len(sizes))))


def table(count: int, seed: int = 0) -> EvaluatedTable:
    rng = np.random.default_rng(seed)
    population = SPACE.decode_many(SPACE.sample(count, rng))
    return EvaluatedTable(
        population,
        {"auc": rng.random(count), "logloss": np.where(rng.random(count) < 0.5, np.nan, 1.0)},
        {"flops": population.present.sum(axis=1)},
        {"auc_one_day": rng.random(count)},
    )


def same(one: EvaluatedTable, other: EvaluatedTable) -> bool:
    return (
        one.names == other.names
        and one.population.fingerprint().tolist() == other.population.fingerprint().tolist()
        and all(
            np.array_equal(one.column(name), other.column(name), equal_nan=True)
            for name in one.names
        )
    )


def test_a_table_says_what_it_holds() -> None:
    assert repr(table(1200)).startswith("EvaluatedTable(1,200 rows, Vocabulary(dense_input, ")
    assert repr(table(3)).endswith(
        "; metrics: auc, logloss; costs: flops; fidelities: auc_one_day)"
    )
    assert repr(table(3).population).startswith("Population(3 architectures, 11 node positions, Vo")


def test_columns_go_by_name() -> None:
    found = table(20)
    assert len(found) == 20
    assert found.names == ("auc", "logloss", "flops", "auc_one_day")
    for name in found.names:
        assert found.column(name).shape == (20,)
        assert found.column(name).dtype == np.float64
    assert found.column("flops").tolist() == found.population.present.sum(axis=1).tolist()
    with pytest.raises(DatasetError, match=r"no column 'loglos'; did you mean 'logloss'"):
        found.column("loglos")


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"a": [1.0]}, r"'a' has shape \(1,\); expected \[2\]"),
        ({"a": 1.0}, r"'a' has shape \(\); expected \[2\]"),
        ({"a": [1.0, np.inf]}, "'a' is inf for architecture 1; expected a finite number, or NaN"),
        ({"a": [1.0, "good"]}, "'a' has values that are no numbers"),
        ({"a": [1.0, 10**400]}, "'a' has values that are no numbers"),
    ],
)
def test_columns_that_are_not_one_number_per_architecture(
    metrics: dict[str, list[float]], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        EvaluatedTable.of([chain(3), chain(5)], metrics)


def test_a_name_belongs_to_one_column() -> None:
    with pytest.raises(DatasetError, match="two columns have the name 'a'"):
        EvaluatedTable.of([chain(3)], {"a": [1.0]}, {"a": [1.0]})


def test_a_table_in_memory_infers_its_kinds_or_takes_them() -> None:
    nets = [chain(3, 5), chain(7)]
    inferred = EvaluatedTable.of(nets, {"a": [None, 2]}, fidelities={"b": [1, 2]})
    assert inferred.population.architecture(0) == nets[0]
    assert np.isnan(inferred.column("a")[0])
    declared = EvaluatedTable.of(nets[1:], {"a": [2]}, kinds=inferred.kinds)
    assert declared.kinds == inferred.kinds


@given(
    st.integers(0, 30).flatmap(
        lambda count: st.tuples(
            st.just(count), st.lists(st.integers(0, count - 1) if count else st.nothing())
        )
    )
)
@settings(max_examples=25)
def test_taking_rows_takes_them_from_every_column(drawn: tuple[int, list[int]]) -> None:
    count, rows = drawn
    whole = table(count)
    taken = whole.take(rows)
    assert len(taken) == len(rows)
    assert (
        taken.population.fingerprint().tolist()
        == whole.population.fingerprint()[np.array(rows, int)].tolist()
    )
    for name in whole.names:
        expected = [whole.column(name)[row] for row in rows]
        np.testing.assert_array_equal(taken.column(name), expected)


def test_masks_slices_and_indices_agree() -> None:
    whole = table(10)
    mask = np.arange(10) < 4
    assert same(whole.take(mask), whole.take(slice(4)))
    assert same(whole.take(mask), whole.take([0, 1, 2, 3]))
    assert len(whole.take(np.zeros(10, bool))) == len(whole.take([])) == 0
    with pytest.raises(IndexError):
        whole.take([10])


def test_measured_rows_are_those_without_a_gap() -> None:
    whole = table(40)
    gap = np.isnan(whole.column("logloss"))
    assert 0 < gap.sum() < 40
    assert same(whole.measured("auc", "logloss"), whole.take(~gap))
    assert same(whole.measured("auc"), whole)
    assert same(whole.measured(), whole)
    with pytest.raises(DatasetError, match="no column 'acu'"):
        whole.measured("acu")


@given(st.integers(0, 40), st.integers(0, 99))
@settings(max_examples=25)
def test_a_split_has_every_row_once(train: int, seed: int) -> None:
    whole = table(40)
    drawn, rest = whole.split(train, seed)
    assert (len(drawn), len(rest)) == (train, 40 - train)
    both = np.concatenate([drawn.column("auc"), rest.column("auc")])
    assert sorted(both) == sorted(whole.column("auc"))
    order = [whole.column("auc").tolist().index(value) for value in rest.column("auc")]
    assert order == sorted(order)
    # A smaller draw of the same seed is the beginning of a larger one.
    assert same(drawn.take(slice(train // 2)), whole.split(train // 2, seed)[0])


def test_a_split_depends_on_its_seed_only() -> None:
    whole = table(40)
    assert same(whole.split(20, 3)[0], whole.split(20, 3)[0])
    assert not same(whole.split(20, 3)[0], whole.split(20, 4)[0])
    for train in (-1, 41):
        with pytest.raises(DatasetError, match=f"{train} rows to train on; expected 0 to 40"):
            whole.split(train, 0)


def test_duplicates_are_averaged_and_counted() -> None:
    nets = [chain(3), chain(5), chain(3), chain(7), chain(3)]
    merged = EvaluatedTable.of(
        nets,
        {"a": [1.0, 5.0, 2.0, np.nan, np.nan], "b": [0.1, 0.2, 0.1, 0.3, 0.1]},
        {"c": [np.nan] * 5},
    ).merge_duplicates()
    assert [merged.table.population.architecture(row) for row in range(3)] == [
        chain(3),
        chain(5),
        chain(7),
    ]
    np.testing.assert_array_equal(merged.table.column("a"), [1.5, 5.0, np.nan])
    # Equal labels stay what they are, to the last bit: (.1 + .1 + .1) / 3 is not .1.
    assert merged.table.column("b").tolist() == [0.1, 0.2, 0.3]
    assert np.isnan(merged.table.column("c")).all()
    assert merged.counts.tolist() == [3, 1, 1]
    assert merged.row_of.tolist() == [0, 1, 0, 2, 0]
    assert merged.differing == {"a": 1, "b": 0, "c": 0}
    assert str(merged) == "5 rows, 3 architectures, 1 repeated; averaged: a of 1"
    assert str(merged.table.merge_duplicates()).endswith("averaged: nothing, rows agree")


@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 12))
@settings(max_examples=25)
def test_merging_goes_by_the_canonical_key(seed: int, different: int, repeated: int) -> None:
    rng = np.random.default_rng(seed)
    nets = [SPACE.decode(genotype) for genotype in SPACE.sample(different, rng)]
    if nets:
        nets += [relabelled(nets[rng.integers(different)], rng) for _ in range(repeated)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = EvaluatedTable.of(nets, {"a": rng.random(len(nets))}, kinds=SPACE.kinds)
        merged = whole.merge_duplicates()
    keys = [net.key for net in nets]
    distinct = list(dict.fromkeys(keys))
    found = [merged.table.population.architecture(row).key for row in range(len(merged.table))]
    assert found == distinct
    assert merged.row_of.tolist() == [distinct.index(key) for key in keys]
    for row, key in enumerate(distinct):
        own = [
            number for number, other in zip(whole.column("a"), keys, strict=True) if other == key
        ]
        assert merged.table.column("a")[row] == pytest.approx(np.mean(own))


def test_an_empty_table_is_fine() -> None:
    empty = EvaluatedTable(Population.from_architectures([], SPACE.kinds), {"a": []})  # type: ignore[dict-item]
    assert len(empty.merge_duplicates().table) == len(empty.measured("a")) == 0
