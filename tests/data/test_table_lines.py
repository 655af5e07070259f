import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.data import DatasetError, EvaluatedTable, load_table, save_table
from dagsmith.space import (
    Architecture,
    ComponentKind,
    Edge,
    Node,
    Number,
    Vocabulary,
    nasrec_full,
)

SPACE = nasrec_full(3, 5, blocks=3)
NET = Architecture((Node.of("in"), Node.of("fc", width=8)), (Edge(0, 1),))


def line(**changed: Any) -> dict[str, Any]:
    return {"architecture": NET.to_dict(), "metrics": {"accuracy": 0.5}} | changed


def write(path: Path, *lines: dict[str, Any] | str) -> Path:
    texts = [entry if isinstance(entry, str) else json.dumps(entry) for entry in lines]
    path.write_text("".join(f"{text}\n" for text in texts))
    return path


numbers = st.floats(allow_infinity=False)


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=6),
    st.sampled_from(["t.jsonl", "t.jsonl.gz", "t.jsonl.zst"]),
)
@settings(max_examples=30)
def test_a_table_survives_the_way_through_a_file(
    seed: int, values: list[tuple[float, float, float]], name: str
) -> None:
    population = SPACE.decode_many(SPACE.sample(len(values), np.random.default_rng(seed)))
    quality, cost, hint = np.array(values).T
    table = EvaluatedTable(population, {'q "1", é': quality}, {"c": cost}, {"h": hint})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "deep" / name
        save_table(table, path)
        assert [file.name for file in path.parent.iterdir()] == [name]
        found, inferred = load_table(path, SPACE), load_table(path)
    assert found.kinds == SPACE.kinds
    for back in (found, inferred):
        for group in ("metrics", "costs", "fidelities"):
            assert list(getattr(back, group)) == list(getattr(table, group))
        for column in table.names:
            np.testing.assert_array_equal(back.column(column), table.column(column))
        for row in range(len(table)):
            assert back.population.architecture(row).key == population.architecture(row).key


def test_a_file_by_hand(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.jsonl",
        line(),
        "",
        line(metrics={"loss": 1}, costs={"ms": None}, fidelities={"a4": float("nan")}),
        json.dumps(line(metrics={})) + "\r",
    )
    table = load_table(path)
    assert len(table) == 3
    assert table.names == ("accuracy", "loss", "ms", "a4")
    np.testing.assert_array_equal(table.column("accuracy"), [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(table.column("loss"), [np.nan, 1, np.nan])
    assert np.isnan(table.column("ms")).all()
    assert table.population.architecture(2) == NET
    both = load_table([path, path])
    assert len(both) == 6


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(line()))
    assert len(load_table(path)) == 1


def test_nodes_in_any_order_are_sorted(tmp_path: Path) -> None:
    document = {"format": NET.to_dict()["format"], "nodes": NET.to_dict()["nodes"][::-1]}
    document["edges"] = [[1, 0, "in"]]
    table = load_table(write(tmp_path / "t.jsonl", line(architecture=document)))
    assert table.population.architecture(0) == NET


def edged(source: float) -> dict[str, Any]:
    return NET.to_dict() | {"edges": [[source, 1, "in"]]}


def wide(width: float) -> dict[str, Any]:
    node = {"kind": "fc", "attributes": {"width": width}}
    return {"format": NET.to_dict()["format"], "nodes": [node], "edges": []}


def cyclic() -> dict[str, Any]:
    return NET.to_dict() | {"edges": [[0, 1, "in"], [1, 0, "in"]]}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ('{"architecture": ', "not JSON: Expecting value at column 18"),
        ("[" * 100_000, "nested too deeply|not JSON"),
        ("\x1f", "columns|not JSON"),
        ("9" * 5000, "not JSON"),
        ("[1]", "the line is a list; expected an object with 'architecture' and 'metrics'"),
        ({"metrics": {}}, "the key 'architecture' is missing"),
        ({"architecture": {}}, "the key 'metrics' is missing"),
        (line(metric={}), "unknown key 'metric'; did you mean 'metrics'"),
        (line(architecture=[]), "not an architecture"),
        (line(architecture=cyclic()), "the graph has a cycle through nodes"),
        (line(architecture=edged(float("inf"))), "damaged architecture document"),
        (line(architecture=wide(float("nan"))), "attribute 'width' .* is out of range"),
        (line(architecture=wide(-1e39)), "attribute 'width' .* is out of range; .* 3.4e[+]38"),
        (line(architecture=wide(10**400)), "attribute 'width' .* is out of range"),
        (line(metrics=[0.5]), r"'metrics' is \[0.5\]; expected an object of numbers"),
        (line(metrics={"a": "0.5"}), "metrics 'a' is '0.5'; expected a number or null"),
        (line(metrics={"a": True}), "metrics 'a' is True; expected a number or null"),
        (line(costs={"ms": float("inf")}), "costs 'ms' is infinite; expected a finite number"),
        (line(costs={"ms": 10**400}), "costs 'ms' is infinite; expected a finite number"),
        (
            line(architecture=Architecture((Node.of("fc", width="8"),), ()).to_dict()),
            r"attribute 'width' of kind 'fc' is '8'; in .*t.jsonl, line 1 it is a number",
        ),
    ],
)  # fmt: skip
def test_the_first_bad_line_is_named(
    bad: dict[str, Any] | str, message: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "t.jsonl", line(), "", bad, line())
    with pytest.raises(DatasetError, match=rf"t\.jsonl, line 3: .*({message})"):
        load_table(path)


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(b'{"metrics": "\xff"}\n')
    with pytest.raises(DatasetError, match=r"t.jsonl, line 1: not UTF-8 text"):
        load_table(tmp_path / "t.jsonl")


def test_architectures_of_other_kinds(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", line(), line())
    kinds = Vocabulary((ComponentKind("in", (), ()), ComponentKind("fcc", (Number("width"),))))
    with pytest.raises(
        DatasetError, match=r"t.jsonl, line 1: node 1 \(fc\): unknown component kind 'fc'; .*'fcc'"
    ):
        load_table(path, kinds)
    with pytest.raises(DatasetError, match=r"t.jsonl, line 1: node 0 \(in\): unknown component"):
        load_table(path, SPACE)
    with pytest.raises(DatasetError, match=r"t.jsonl, line 1: node 0 .*; there is none"):
        load_table(path, Vocabulary(()))
    other = Vocabulary((ComponentKind("in", (), ()), ComponentKind("fc", (Number("width"),), ())))
    with pytest.raises(DatasetError, match=r"t.jsonl, line 1: node 1 \(fc\) has no port 'in'"):
        load_table(path, other)


def test_a_name_in_two_groups(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", line(), line(costs={"accuracy": 1}))
    with pytest.raises(DatasetError, match=r"t.jsonl: two columns have the name 'accuracy'"):
        load_table(path)


def test_files_without_lines_or_damaged_ones(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"t.jsonl: the file has no lines"):
        load_table(write(tmp_path / "t.jsonl", "", ""))
    (tmp_path / "t.jsonl.gz").write_bytes(b"no gz at all")
    with pytest.raises(DatasetError, match=r"t.jsonl.gz: damaged gz file"):
        load_table(tmp_path / "t.jsonl.gz")
    (tmp_path / "t.jsonl.zst").write_bytes(b"no zst at all")
    with pytest.raises(DatasetError, match=r"t.jsonl.zst: damaged zst file"):
        load_table(tmp_path / "t.jsonl.zst")


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.jsonl"
    table = EvaluatedTable.of([NET], {"a": [1.0]})
    save_table(table, path)
    before = path.read_bytes()

    def fail(*arguments: object, **named: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(pl.DataFrame, "write_csv", fail)
    with pytest.raises(OSError, match="the disk is full"):
        save_table(EvaluatedTable.of([NET], {"a": [2.0]}), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_lines_are_plain_json(tmp_path: Path) -> None:
    table = EvaluatedTable.of([NET, NET], {"a": [1.0, np.nan]}, {"c": [3.0, 2.0]})
    save_table(table, tmp_path / "t.jsonl")
    first, second = map(json.loads, (tmp_path / "t.jsonl").read_text().splitlines())
    assert first == {"architecture": NET.to_dict(), "metrics": {"a": 1.0}, "costs": {"c": 3.0}}
    assert second["metrics"] == {"a": None}
    # The same table is the same file, compressed as well.
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        save_table(table, tmp_path / name)
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
