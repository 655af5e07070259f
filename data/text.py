"""Delimited text files as typed chunks of rows, in bounded memory, with exact line numbers."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagsmith.data.errors import DatasetError

CHUNK_BYTES = 8 * 2**20
LONGEST_RECORD_BYTES = 64 * 2**20
_ZST_MAGIC = b"\x28\xb5\x2f\xfd"
_NEWLINE, _RETURN, _QUOTE = 10, 13, 34


@dataclass(frozen=True)
class TextLayout:
    """How to cut a text file into columns.

    Attributes:
        separator: Between the columns, one character.
        columns: Names; None: the first line has them.
        quoted: Whether double quotes may enclose separators and line ends.
    """

    separator: str
    columns: tuple[str, ...] | None = None
    quoted: bool = True


@dataclass(frozen=True)
class TextChunk:
    """Some whole records of a text file.

    Attributes:
        data: The records' bytes, blank and refused records left out.
        lines: Line number of each record in the file, from 1.
        consumed: Bytes of the file read so far.
        refused: Number of records left out because of their number of columns.
    """

    data: bytes
    lines: NDArray[np.int64]
    consumed: int
    refused: int


def header(path: Path, layout: TextLayout) -> tuple[str, ...]:
    """Names of the columns of a text file.

    Raises:
        DatasetError: If the file is empty or a name occurs twice.
    """
    if layout.columns is not None:
        return layout.columns
    names = _split(first_line(path), layout)
    for name in names:
        if names.count(name) > 1:
            raise DatasetError(f"{path}, line 1: column {name!r} occurs twice")
    return tuple(names)


def first_line(path: Path) -> str:
    """The first line of a text file without its end.

    Raises:
        DatasetError: If the file is empty or not UTF-8, its first line is blank, or its lines end
            with a carriage return alone.
    """
    block = b""
    for data, _ in _blocks(path):
        block += data
        if b"\n" in data or b"\r" in block[:-1]:
            break
    block = block.removeprefix(b"\xef\xbb\xbf")
    if not block:
        raise DatasetError(f"{path}: the file is empty")
    line = block.split(b"\n", 1)[0].rstrip(b"\r")
    if not line.strip(b" "):
        raise DatasetError(
            f"{path}, line 1: the line is blank; expected names of columns, or a row"
        )
    if b"\r" in line:
        raise DatasetError(
            f"{path}: the line ends are carriage returns (\\r); expected \\n or \\r\\n"
        )
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise DatasetError(f"{path}, line 1: not UTF-8 text") from None


def guess_layout(path: Path) -> TextLayout:
    """Cut by tab, comma, semicolon or bar: the file's ending or the most frequent one."""
    name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
    line = first_line(path)
    if name.endswith((".tsv", ".tab")):
        return TextLayout("\t")
    return TextLayout(max("\t,;|", key=lambda separator: (line.count(separator), separator == ",")))


def chunks(path: Path, layout: TextLayout, *, skip_bad: bool) -> Iterator[TextChunk]:
    """Cut a text file into chunks of whole records with the right number of columns.

    Args:
        path: Plain, ``.gz`` or ``.zst`` file.
        layout: How it is cut.
        skip_bad: Leave out a record with too few or too many columns instead of raising.

    Yields:
        Chunks of about ``CHUNK_BYTES``.

    Raises:
        DatasetError: For a record with another number of columns, naming its line.
    """
    width = len(header(path, layout))
    line = 1
    drop_first = layout.columns is None
    for data, consumed in _whole_records(path, layout.quoted):
        chunk = _check(path, data, line, consumed, width, layout, drop_first, skip_bad)
        line += data.count(b"\n")
        drop_first = False
        yield chunk


def parse(
    path: Path,
    chunk: TextChunk,
    layout: TextLayout,
    names: tuple[str, ...],
    types: Mapping[str, bool],
) -> pl.DataFrame:
    """Turn a chunk into columns.

    Args:
        path: For messages.
        chunk: What ``chunks`` yielded.
        layout: How the file is cut.
        names: All columns of the file.
        types: Columns to keep -> whether they are numbers (else texts).

    Returns:
        Float64 and String columns. Where a cell of a number column is no number, the whole
        column comes as text, so that the caller can name the cell.
    """
    kept = [place for place, name in enumerate(names) if name in types]

    def read(numbers: bool) -> pl.DataFrame:
        return pl.read_csv(
            chunk.data,
            has_header=False,
            separator=layout.separator,
            quote_char='"' if layout.quoted else None,
            schema={
                name: pl.Float64 if numbers and types.get(name, False) else pl.String
                for name in names
            },
            columns=kept,
            raise_if_empty=False,
        )

    try:
        try:
            return read(numbers=True)
        except pl.exceptions.ComputeError:
            return read(numbers=False)
    except pl.exceptions.ComputeError as error:
        raise parse_error(path, chunk, layout, names, error) from None


def parse_error(
    path: Path, chunk: TextChunk, layout: TextLayout, names: tuple[str, ...], error: Exception
) -> DatasetError:
    """What Polars says of a chunk; of a text that is not UTF-8, where it stands.

    Args:
        path: For the message.
        chunk: What ``chunks`` yielded.
        layout: How the file is cut.
        names: All columns of the file.
        error: What Polars raised.
    """
    reason = str(error).splitlines()[0]
    try:
        if "utf-8" in reason:
            chunk.data.decode()
    except UnicodeDecodeError as found:
        record, column = _place(chunk.data[: found.start], layout)
        return DatasetError(
            f"{path}, line {chunk.lines[record]}: column {names[column]!r} is not UTF-8 text"
            " (convert the file, perhaps from Latin-1)"
        )
    return DatasetError(f"{path}, lines {chunk.lines[0]} to {chunk.lines[-1]}: {reason}")


def _split(line: str, layout: TextLayout) -> list[str]:
    if not layout.quoted:
        return line.split(layout.separator)
    return next(csv.reader(io.StringIO(line), delimiter=layout.separator))


def _blocks(path: Path) -> Iterator[tuple[bytes, int]]:
    """Decompressed bytes, and the bytes of the file consumed so far."""
    size = path.stat().st_size
    if path.suffix == ".zst":
        # Polars streams zst in bounded memory; the standard library cannot before 3.14.
        seen = 0
        with path.open("rb") as raw:
            if raw.read(4) != _ZST_MAGIC:
                raise DatasetError(f"{path}: damaged zst file: it does not begin as one")
        try:
            for frame in pl.scan_lines(path).collect_batches(chunk_size=65_536):
                if len(frame):
                    data = frame["line"].str.join("\n").item().encode() + b"\n"
                    seen += len(data)
                    yield data, min(size, seen // 4)
        except (pl.exceptions.PolarsError, OSError) as error:
            reason = str(error).splitlines()[0]
            what = "not UTF-8 text" if "utf8" in reason else f"damaged zst file: {reason}"
            raise DatasetError(f"{path}: {what}") from None
        return
    with path.open("rb") as raw:
        source: BinaryIO | gzip.GzipFile = (
            gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
        )
        while True:
            try:
                data = source.read(CHUNK_BYTES)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise DatasetError(f"{path}: damaged gz file: {error}") from None
            if not data:
                return
            yield data, raw.tell()


def _whole_records(path: Path, quoted: bool) -> Iterator[tuple[bytes, int]]:
    carried = b""
    consumed = 0
    first = True
    for block, consumed in _blocks(path):
        data = carried + (block.removeprefix(b"\xef\xbb\xbf") if first else block)
        first = False
        cut = _last_end(data, quoted)
        carried = data[cut:]
        if len(carried) > LONGEST_RECORD_BYTES:
            raise DatasetError(f"{path}: a record of more than 64 MiB; is a quote left open?")
        if cut:
            yield data[:cut], consumed
    if carried:
        yield carried, consumed


def _last_end(data: bytes, quoted: bool) -> int:
    """Position after the last line end outside quotes."""
    if not quoted or b'"' not in data:
        return data.rfind(b"\n") + 1
    buffer = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero((buffer == _NEWLINE) & ~_inside_quotes(buffer))
    return int(ends[-1]) + 1 if len(ends) else 0


def _place(before: bytes, layout: TextLayout) -> tuple[int, int]:
    """Record and column in which a chunk stands after so many bytes."""
    buffer = np.frombuffer(before, dtype=np.uint8)
    outside = ~_inside_quotes(buffer) if layout.quoted else np.ones(len(buffer), dtype=np.bool_)
    ends = np.flatnonzero((buffer == _NEWLINE) & outside)
    start = int(ends[-1]) + 1 if len(ends) else 0
    separators = (buffer == ord(layout.separator)) & outside
    return len(ends), int(separators[start:].sum())


def _inside_quotes(buffer: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (np.cumsum(buffer == _QUOTE, dtype=np.uint8) & 1).astype(np.bool_)


def _check(
    path: Path,
    data: bytes,
    line: int,
    consumed: int,
    width: int,
    layout: TextLayout,
    drop_first: bool,
    skip_bad: bool,
) -> TextChunk:
    """Number the records of a chunk and take out blank and ragged ones."""
    buffer = np.frombuffer(data, dtype=np.uint8)
    is_end, is_separator = buffer == _NEWLINE, buffer == ord(layout.separator)
    quotes = layout.quoted and b'"' in data
    if quotes:
        outside = ~_inside_quotes(buffer)
        is_end, is_separator = is_end & outside, is_separator & outside
    ends = np.flatnonzero(is_end)
    if len(ends) == 0 or ends[-1] != len(data) - 1:
        ends = np.append(ends, len(data))
    starts = np.concatenate([[0], ends[:-1] + 1])
    separators = np.flatnonzero(is_separator)
    found = _columns(separators, starts, ends, width)
    blank = (ends - starts == 0) | ((ends - starts == 1) & (buffer[starts % len(data)] == _RETURN))
    ragged = (found != width) & ~blank
    good = ~(blank | ragged)
    if drop_first:
        ragged[0] = good[0] = False
    if quotes:
        lines = line + np.searchsorted(np.flatnonzero(buffer == _NEWLINE), starts)
    else:
        lines = line + np.arange(len(starts))
    if not skip_bad and ragged.any():
        bad = int(np.argmax(ragged))
        raise DatasetError(
            f"{path}, line {lines[bad]}: {found[bad]} columns where {width} are expected"
            " (on_error='skip' leaves such rows out)"
        )
    if not good.all():
        data = _keep(data, starts, good)
    return TextChunk(data, lines[good], consumed, int(ragged.sum()))


def _columns(
    separators: NDArray[np.intp], starts: NDArray[np.intp], ends: NDArray[np.intp], width: int
) -> NDArray[np.intp]:
    """Number of columns of each record; the even case, which is nearly all, without a search."""
    if len(separators) == len(starts) * (width - 1):
        table = separators.reshape(len(starts), width - 1)
        if width == 1 or ((table[:, 0] >= starts) & (table[:, -1] < ends)).all():
            return np.full(len(starts), width)
    return np.searchsorted(separators, ends) - np.searchsorted(separators, starts) + 1


def _keep(data: bytes, starts: NDArray[np.intp], good: NDArray[np.bool_]) -> bytes:
    """The bytes of the good records, copied in runs."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    bounds = np.append(starts, len(data))
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return b"".join(data[bounds[begin] : bounds[end]] for begin, end in pairs)
