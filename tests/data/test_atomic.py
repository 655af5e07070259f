import errno
import os
from pathlib import Path

import pytest

from dagsmith.data import DatasetError
from dagsmith.data.atomic import only_one, publish, working_folder


@pytest.mark.parametrize("name", ["out", "a[b]*", ".hidden"])
def test_a_folder_appears_when_it_is_complete(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    left = tmp_path / f".{name}.partial-killed"
    (left / "train").mkdir(parents=True)
    for content in ("first", "second"):
        with only_one(out), working_folder(out) as folder:
            assert not left.exists()
            (folder / "file.txt").write_text(content)
            assert not out.exists() or (out / "file.txt").read_text() == "first"
            publish(folder, out)
        assert (out / "file.txt").read_text() == content
    assert list(tmp_path.iterdir()) == [out]
    assert out.stat().st_mode & 0o777 == 0o755


def test_parents_are_made_and_an_error_keeps_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    with only_one(out), working_folder(out) as folder:
        publish(folder, out)
    with pytest.raises(ZeroDivisionError), only_one(out), working_folder(out) as folder:
        _ = 1 / 0
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_in_one_line(tmp_path: Path, number: int) -> None:
    with pytest.raises(DatasetError, match="no space left"), working_folder(tmp_path / "out"):
        raise OSError(number, os.strerror(number))
    with pytest.raises(PermissionError), working_folder(tmp_path / "out"):
        raise OSError(errno.EACCES, "other errors are not hidden")
    assert list(tmp_path.iterdir()) == []


def test_a_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatasetError, match="cannot be made"), only_one(tmp_path / "file" / "out"):
        pass
