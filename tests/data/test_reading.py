from pathlib import Path

import polars as pl
import pytest

from dagsmith.data import DatasetError, reading
from dagsmith.data.reading import FileSource, FrameSource, find_files


def test_files_are_found_by_folder_pattern_and_list(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "_meta", ".hidden"):
        (tmp_path / name).write_text("x\n")
    both = [tmp_path / "a.csv", tmp_path / "b.csv"]
    assert find_files(tmp_path) == both
    assert find_files(str(tmp_path / "*.csv")) == both
    assert find_files([tmp_path / "b.csv", str(tmp_path / "a.*")]) == both[::-1]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("x\n")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"no such file; did you mean 'train.csv'"):
        find_files(tmp_path / "trian.csv")
    with pytest.raises(DatasetError, match="no file matches"):
        find_files(str(tmp_path / "*.tsv"))
    with pytest.raises(DatasetError, match="the folder has no files"):
        find_files(tmp_path / "empty")
    with pytest.raises(DatasetError, match="no source file was given"):
        find_files([])


def test_several_files_follow_each_other_by_column_name(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("label,a\n0,x\n1,y\n")
    (tmp_path / "2.csv").write_text("a,label,more\nz,1,9\n")
    pl.DataFrame({"a": ["w"], "label": [0]}).write_parquet(tmp_path / "3.parquet")
    source = FileSource(tmp_path)
    chunks = list(source.chunks({"label": False, "a": False}, skip_bad=False))
    assert [row for chunk in chunks for row in chunk.frame["a"]] == ["x", "y", "z", "w"]
    assert chunks[1].locate(0) == f"{tmp_path / '2.csv'}, line 2"
    assert chunks[2].locate(0) == f"{tmp_path / '3.parquet'}, row 1"
    assert chunks[-1].consumed == source.size()
    with pytest.raises(DatasetError, match=r"1.csv: there is no column 'more'"):
        source.require(["more"])


def test_parquet_rows_keep_their_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK_ROWS", 7)
    path = tmp_path / "t.parquet"
    pl.DataFrame({"label": range(50)}).write_parquet(path, row_group_size=11)
    first = 0
    for chunk in FileSource(path).chunks({"label": False}, skip_bad=False):
        assert chunk.frame["label"].to_list() == list(range(first, first + len(chunk.frame)))
        assert chunk.locate(0) == f"{path}, row {first + 1}"
        first += len(chunk.frame)
    assert first == 50


def test_a_file_that_only_claims_to_be_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    path.write_text("label,a\n")
    with pytest.raises(DatasetError, match="not a parquet file") as caught:
        FileSource(path)
    assert "\n" not in str(caught.value)


def test_a_text_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b'label,b,a\n0,x,"caf,\n"\n\n1,y,caf\xe9\n0,\xe9,z\n')
    source = FileSource(path)
    with pytest.raises(DatasetError, match=r"t.csv, line 5: column 'a' is not UTF-8 text"):
        source.sample()
    with pytest.raises(DatasetError, match=r"t.csv, line 5: column 'a' is not UTF-8 text"):
        list(source.chunks({"label": True, "a": False, "b": False}, skip_bad=False))


def test_a_source_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("label,a\n")
    with pytest.raises(DatasetError, match="the file has no rows"):
        FileSource(path).sample()
    with pytest.raises(DatasetError, match="the source has no rows"):
        FrameSource(lambda: [], {}).sample()


def test_frames_are_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK_ROWS", 2)
    frames = [pl.DataFrame({"a": [1, 2, 3]}), pl.DataFrame({"a": [4]})]
    source = FrameSource(lambda: frames, {"name": "mine"}, 4)
    chunks = list(source.chunks({"a": False}, skip_bad=False))
    assert [chunk.frame["a"].to_list() for chunk in chunks] == [[1, 2], [3], [4]]
    assert [chunk.locate(0) for chunk in chunks] == ["row 1", "row 3", "row 4"]
    assert source.identity() == [{"name": "mine"}]
    with pytest.raises(DatasetError, match="there is no column 'b'"):
        source.require(["b"])
