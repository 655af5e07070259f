import json
from pathlib import Path

import polars as pl
import pytest

from dagsmith.data import DatasetError, EvaluatedTable, TableMapping, load_table, save_table
from dagsmith.space import Architecture, Edge, Node, nasrec_small

NET = Architecture((Node.of("in"), Node.of("fc", width=8)), (Edge(0, 1),))
TABLE = EvaluatedTable.of([NET], {"accuracy": [0.5]})
SPACE = nasrec_small(3, 5)


def test_a_folder_and_a_pattern_are_several_files(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl.gz", "c.jsonl.zst"):
        save_table(TABLE, tmp_path / name)
    assert len(load_table(tmp_path)) == 3
    assert len(load_table(str(tmp_path / "[ab].*"))) == 2
    assert len(load_table(tmp_path, TABLE.kinds)) == 3


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    save_table(TABLE, tmp_path / "table.jsonl")
    with pytest.raises(DatasetError, match=r"tabel.jsonl: no such file; did you mean 'table.json"):
        load_table(tmp_path / "tabel.jsonl")
    (tmp_path / "t.csv").write_text("a\n1\n")
    with pytest.raises(DatasetError, match=r"t.csv: not a table; expected .* ends in .parquet"):
        load_table(tmp_path / "t.csv")
    (tmp_path / "t.json").write_text(json.dumps(NET.to_dict()))
    with pytest.raises(DatasetError, match=r"t.json: not a table"):
        load_table(tmp_path / "t.json")


def test_each_format_needs_its_own_arguments(tmp_path: Path) -> None:
    lines, columns = tmp_path / "t.jsonl", tmp_path / "t.parquet"
    save_table(TABLE, lines)
    pl.DataFrame({"accuracy": [1.0]}).write_parquet(columns)
    mapping = TableMapping(["accuracy"])
    for space, given in ((SPACE, None), (SPACE.kinds, mapping), (None, mapping)):
        with pytest.raises(DatasetError, match=r"t.parquet: a parquet table needs a search space"):
            load_table(columns, space, given)
    with pytest.raises(DatasetError, match=r"t.jsonl: JSON lines have no columns; expected no ma"):
        load_table(lines, SPACE, mapping)
    with pytest.raises(DatasetError, match="of two formats"):
        load_table([lines, columns], SPACE, mapping)


@pytest.mark.parametrize("name", ["t.json", "t.parquet", "t.jsonl.xz", "jsonl"])
def test_only_lines_are_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot be written; expected an ending of .jsonl"):
        save_table(TABLE, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
