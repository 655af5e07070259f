from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.data import DatasetError, reading
from dagsmith.data.joined_columns import read_columns


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    pl.DataFrame(
        {"id": pl.Series([3, 1, 2], dtype=pl.Int64), "a": ["x", "y", "z"], "both": [0, 0, 0]}
    ).write_parquet(one)
    pl.DataFrame(
        {"id": pl.Series([1, 3], dtype=pl.Int8), "b": [1.5, 3.5], "both": [0, 0]}
    ).write_parquet(two)
    return [one, two]


def test_rows_are_matched_by_key(files: list[Path]) -> None:
    rows, columns = read_columns(files, ["a", "b", "id"], "id")
    assert rows == 3
    assert columns["a"].values.to_list() == ["x", "y", "z"]
    assert columns["b"].values.to_list() == [3.5, 1.5, None]
    assert columns["id"].values.to_list() == [3, 1, 2]
    assert [columns["b"].locate(row) for row in range(3)] == [
        f"{files[1]}, row 2",
        f"{files[1]}, row 1",
        f"{files[1]}, which has no row for row 3 of the first file",
    ]
    assert columns["a"].locate(2) == f"{files[0]}, row 3"


def test_one_file_needs_no_key(files: list[Path]) -> None:
    rows, columns = read_columns(files[:1], ["both"], None)
    assert (rows, list(columns)) == (3, ["both"])
    rows, columns = read_columns(files[:1], [], None)
    assert (rows, columns) == (3, {})
    assert read_columns([files[0], files[0]], ["a"], None)[0] == 3


@given(st.permutations(range(20)), st.integers(0, 20))
@settings(max_examples=20)
def test_joining_undoes_a_permutation(order: list[int], kept: int) -> None:
    with TemporaryDirectory() as folder:
        one, two = Path(folder) / "1.parquet", Path(folder) / "2.parquet"
        pl.DataFrame({"id": [f"n{i}" for i in range(20)]}).write_parquet(one)
        chosen = order[: max(kept, 1)]
        pl.DataFrame({"id": [f"n{i}" for i in chosen], "value": chosen}).write_parquet(two)
        _, columns = read_columns([one, two], ["value"], "id")
    expected = [number if number in chosen else None for number in range(20)]
    assert columns["value"].values.to_list() == expected
    places = columns["value"].places
    assert [chosen[place] for place in places if place >= 0] == sorted(chosen)
    assert places.dtype == np.int64


def test_many_row_groups_stay_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK_ROWS", 7)
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": range(50)}).write_parquet(path, row_group_size=11)
    rows, columns = read_columns([path], ["a"], None)
    assert columns["a"].values.to_list() == list(range(rows)) == list(range(50))


def test_columns_that_are_missing_or_in_two_files(files: list[Path]) -> None:
    with pytest.raises(DatasetError, match=r"one.parquet: there is no column 'bot'.*'both'"):
        read_columns(files[:1], ["bot"], None)
    with pytest.raises(DatasetError, match=r"one.parquet and .*two.parquet: .* 'A'; .*'a'"):
        read_columns(files, ["A"], "id")
    with pytest.raises(DatasetError, match=r"'both' is in .*one.parquet and in .*two.parquet"):
        read_columns(files, ["both"], "id")


def test_keys_that_do_not_join(files: list[Path], tmp_path: Path) -> None:
    def second(**columns: list[object]) -> list[Path]:
        pl.DataFrame(columns, strict=False).write_parquet(tmp_path / "other.parquet")
        return [files[0], tmp_path / "other.parquet"]

    with pytest.raises(DatasetError, match="2 files to join; expected a mapping with the key"):
        read_columns(files, ["a"], None)
    with pytest.raises(DatasetError, match=r"other.parquet: there is no column 'id'"):
        read_columns(second(idx=[1]), ["a"], "id")
    with pytest.raises(DatasetError, match=r"other.parquet, row 3: the key 'id' is 1 as in row 2"):
        read_columns(second(id=[3, 1, 1]), ["a"], "id")
    with pytest.raises(DatasetError, match=r"other.parquet, row 2: the key 'id' is missing"):
        read_columns(second(id=[3, None]), ["a"], "id")
    with pytest.raises(
        DatasetError, match=r"other.parquet, row 2: .* is 9, which .*one.parquet la"
    ):
        read_columns(second(id=[3, 9]), ["a"], "id")
    with pytest.raises(DatasetError, match=r"'id' is of type Int64 in .* and of type String in"):
        read_columns(second(id=["3"]), ["a"], "id")
    with pytest.raises(DatasetError, match=r"the key 'id' is of type List"):
        read_columns(second(id=[[3]]), ["a"], "id")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("a\n1\n")
    with pytest.raises(DatasetError, match=r"t.parquet: not a parquet file"):
        read_columns([tmp_path / "t.parquet"], ["a"], None)
    pl.DataFrame({"a": []}, {"a": pl.Int8}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DatasetError, match=r"t.parquet: the file has no rows"):
        read_columns([tmp_path / "t.parquet"], ["a"], None)
