import csv
import gzip
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagsmith.data import DatasetError, text
from dagsmith.data.text import TextLayout

cells = st.text(st.sampled_from('ab ,"\n\t;é'), max_size=4)


def read(
    path: Path, layout: TextLayout, skip_bad: bool = False
) -> tuple[list[list[str]], list[int]]:
    names = text.header(path, layout)
    values: list[list[str]] = []
    lines: list[int] = []
    for chunk in text.chunks(path, layout, skip_bad=skip_bad):
        if len(chunk.lines):
            frame = text.parse(path, chunk, layout, names, dict.fromkeys(names, False))
            values += [["" if v is None else v for v in row] for row in frame.rows()]
            lines += chunk.lines.tolist()
    assert len(values) == len(lines)
    return values, lines


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    table=st.lists(st.tuples(cells, cells, cells.map(lambda cell: "x" + cell)), min_size=1),
    chunk=st.integers(1, 40),
)
def test_quoted_tables_come_back_whatever_the_chunks(
    table: list[tuple[str, str, str]], chunk: int, tmp_path: Path
) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["a", "b", "c"])
    writer.writerows(table)
    path = tmp_path / "table.csv"
    path.write_bytes(buffer.getvalue().encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "CHUNK_BYTES", chunk)
        values, _ = read(path, TextLayout(","))
    assert values == [list(row) for row in table]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_are_numbered_as_an_editor_does(tmp_path: Path, end: str, last: bool) -> None:
    path = tmp_path / "t.csv"
    content = end.join(["a,b", "1,2", "", '"x', 'y",4', "5,6"]) + (end if last else "")
    path.write_bytes(content.encode())
    values, lines = read(path, TextLayout(","))
    assert [row[1] for row in values] == ["2", "4", "6"]
    assert lines == [2, 4, 6]


@pytest.mark.parametrize("bad", ["7", "7,8,9", '7,8,"9,10"'])
def test_a_ragged_line_is_named_or_left_out(
    tmp_path: Path, bad: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "CHUNK_BYTES", 9)
    path = tmp_path / "t.csv"
    path.write_text(f"a,b\n1,2\n3,4\n{bad}\n5,6\n")
    with pytest.raises(DatasetError, match=r"t.csv, line 4: \d columns where 2 are expected"):
        read(path, TextLayout(","))
    values, lines = read(path, TextLayout(","), skip_bad=True)
    assert values == [["1", "2"], ["3", "4"], ["5", "6"]]
    assert lines == [2, 3, 5]


def test_two_ragged_lines_that_even_out_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1\n2,3,4\n")
    with pytest.raises(DatasetError, match="line 2: 1 columns"):
        read(path, TextLayout(","))


def test_separators_within_quotes_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b\n"1,2,3","say ""no"""\n')
    assert read(path, TextLayout(","))[0] == [["1,2,3", 'say "no"']]


def test_a_quote_is_a_sign_where_the_format_says_so(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text('5" screen\tx\n')
    assert read(path, TextLayout("\t", ("a", "b"), quoted=False))[0] == [['5" screen', "x"]]


@pytest.mark.parametrize(
    ("name", "line", "separator"),
    [
        ("x.tsv", "a,b\tc", "\t"),
        ("x.tsv.gz", "a,b", "\t"),
        ("x.csv", "a;b;c,d", ";"),
        ("x.txt", "a|b", "|"),
        ("x.csv", "a", ","),
    ],
)
def test_the_separator_is_guessed(tmp_path: Path, name: str, line: str, separator: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(line.encode()) if name.endswith("gz") else line.encode())
    assert text.guess_layout(path).separator == separator


def test_a_mark_of_the_byte_order_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b\n1,2\n")
    assert text.header(path, TextLayout(",")) == ("a", "b")
    assert read(path, TextLayout(","))[0] == [["1", "2"]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "the file is empty"),
        ("t.csv", b"a,a\n", "column 'a' occurs twice"),
        ("t.csv", b"a,\xff\n", "line 1: not UTF-8 text"),
        ("t.csv", b"a,b\n1,\xff\n", "line 2: column 'b' is not UTF-8 text"),
        ("t.csv", b"a,b\n1,2\n\xff,3\n", "line 3: column 'a' is not UTF-8 text"),
        ("t.csv", b"\r\na,b\n1,2\n", "line 1: the line is blank"),
        ("t.csv", b"  \na,b\n1,2\n", "line 1: the line is blank"),
        ("t.csv", b"a,b\r1,2\r", r"the line ends are carriage returns \(\\r\); expected \\n"),
        ("t.csv.gz", b"no gzip", "damaged gz file"),
        (
            "t.csv.gz",
            gzip.compress(b"a,b\n" + bytes(range(32, 127)) * 9, mtime=0)[:40],
            "damaged gz file",
        ),
        (
            "t.csv.zst",
            b"(\xb5/\xfd$\x13\x99\x00\x00label,a\n0,x\n1,caf\xe9\n\xb7d|e",
            "not UTF-8 text",
        ),
        ("t.csv.zst", b"no zst at all", "damaged zst file"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message) as caught:
        read(path, TextLayout(","))
    assert "\n" not in str(caught.value)


def test_a_gz_file_damaged_in_the_middle_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b\n" + "".join(f"{i},{i * i}\n" for i in range(9999)).encode())
    path = tmp_path / "t.csv.gz"
    path.write_bytes(whole[:2000] + bytes([255 - byte for byte in whole[2000:2100]]) + whole[2100:])
    with pytest.raises(DatasetError, match=r"t.csv.gz: damaged gz file"):
        read(path, TextLayout(","))


def test_a_truncated_zst_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.zst"
    pl.DataFrame({"a": range(999)}).write_csv(path, compression="zstd")
    assert len(read(path, TextLayout(","))[0]) == 999
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DatasetError, match="damaged zst file"):
        read(path, TextLayout(","))


def test_a_quote_left_open_does_not_eat_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "CHUNK_BYTES", 10)
    monkeypatch.setattr(text, "LONGEST_RECORD_BYTES", 50)
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,"2\n' + "3,4\n" * 30)
    with pytest.raises(DatasetError, match="is a quote left open"):
        read(path, TextLayout(","))
