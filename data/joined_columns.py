"""Columns of one or several parquet files, put side by side by a key."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagsmith.data.errors import DatasetError
from dagsmith.data.reading import FileSource
from dagsmith.space.errors import nearest


@dataclass(frozen=True)
class Column:
    """One column of a joined table.

    Attributes:
        values: In the order of the first file's rows, ``[rows]``.
        file: The file that has it.
        places: Row of each value in that file, -1 where it has none, ``[rows]``.
    """

    values: pl.Series
    file: Path
    places: NDArray[np.int64]

    def locate(self, row: int) -> str:
        """Where a value stands, for messages."""
        place = int(self.places[row])
        if place < 0:
            return f"{self.file}, which has no row for row {row + 1} of the first file"
        return f"{self.file}, row {place + 1}"


def read_columns(
    files: Sequence[Path], names: Iterable[str], key: str | None
) -> tuple[int, dict[str, Column]]:
    """Read the named columns.

    The first file says which rows there are. Each row of another file belongs to the row of the
    first one with the same key; a row that no other file has is null in its columns.

    Args:
        files: Parquet files.
        names: The columns.
        key: The column to join by; several files need one.

    Returns:
        Number of rows, and the columns by name.

    Raises:
        DatasetError: For a file that is no parquet file or has no rows, a column that is missing
            or in two files, and a key that is missing, repeated, or not in the first file.
    """
    sources = {file: FileSource(file, "table") for file in dict.fromkeys(files)}
    if len(sources) > 1 and key is None:
        raise DatasetError(
            f"{len(sources)} files to join; expected a mapping with the key that they share"
        )
    if len(sources) > 1 and key is not None:
        for source in sources.values():
            source.require([key])
    wanted: dict[Path, list[str]] = {file: [] for file in sources}
    for name in dict.fromkeys(names):
        wanted[_holder(sources, name, key)].append(name)
    first = files[0]
    frames = {
        file: _read(source, [*wanted[file], *([key] if key and len(sources) > 1 else [])])
        for file, source in sources.items()
    }
    rows = len(frames[first])
    places = {first: np.arange(rows)}
    if key is not None and len(sources) > 1:
        keys = {file: _keys(file, frame[key]) for file, frame in frames.items()}
        places |= {
            file: _places(key, (first, keys[first]), (file, keys[file]))
            for file in sources
            if file != first
        }
    columns: dict[str, Column] = {}
    for file, held in wanted.items():
        index = pl.Series(places[file]).set(pl.Series(places[file] < 0), None)
        for name in held:
            columns[name] = Column(frames[file][name].gather(index), file, places[file])
    return rows, columns


def _holder(sources: dict[Path, FileSource], name: str, key: str | None) -> Path:
    """The file that has a column."""
    holders = [file for file, source in sources.items() if name in source.columns()]
    if len(holders) > 1 and name != key:
        raise DatasetError(
            f"column {name!r} is in {holders[0]} and in {holders[1]}; expected it in one file only"
        )
    if not holders:
        known = {column for source in sources.values() for column in source.columns()}
        shown = " and ".join(str(file) for file in sources)
        raise DatasetError(f"{shown}: there is no column {name!r}; {nearest(name, known)}")
    return holders[0]


def _read(source: FileSource, names: Sequence[str]) -> pl.DataFrame:
    # One column at least, or the number of rows would be lost.
    chosen = list(dict.fromkeys(names)) or list(source.columns()[:1])
    chunks = source.chunks(dict.fromkeys(chosen, False), skip_bad=False)
    frames = [chunk.frame for chunk in chunks]
    if not sum(len(frame) for frame in frames):
        raise DatasetError(f"{source.files[0]}: the file has no rows")
    return pl.concat(frames)


def _keys(file: Path, keys: pl.Series) -> pl.Series:
    """The keys of a file, checked to tell its rows apart."""
    if keys.dtype.is_nested():
        raise DatasetError(
            f"{file}: the key {keys.name!r} is of type {keys.dtype}; expected numbers or texts"
        )
    if keys.null_count():
        row = int(keys.is_null().arg_max() or 0)
        raise DatasetError(f"{file}, row {row + 1}: the key {keys.name!r} is missing")
    repeated = keys.is_duplicated()
    if repeated.any():
        value = keys[int(repeated.arg_max() or 0)]
        one, other = (keys == value).arg_true()[:2].to_list()
        raise DatasetError(
            f"{file}, row {other + 1}: the key {keys.name!r} is {value!r} as in row {one + 1}; "
            "expected a different one in every row"
        )
    # Files may store the same whole numbers in different widths.
    return keys.cast(pl.Int64) if keys.dtype.is_integer() else keys


def _places(
    key: str, first: tuple[Path, pl.Series], other: tuple[Path, pl.Series]
) -> NDArray[np.int64]:
    """For each row of the first file, its row in the other one, or -1."""
    if first[1].dtype != other[1].dtype:
        raise DatasetError(
            f"the key {key!r} is of type {first[1].dtype} in {first[0]} and of type "
            f"{other[1].dtype} in {other[0]}; expected the same"
        )
    unknown = ~other[1].is_in(first[1].implode())
    if unknown.any():
        row = int(unknown.arg_max() or 0)
        raise DatasetError(
            f"{other[0]}, row {row + 1}: the key {key!r} is {other[1][row]!r}, which {first[0]} "
            "lacks; expected the file with all architectures first"
        )
    frame = other[1].to_frame().with_row_index("place")
    joined = first[1].to_frame().join(frame, on=key, how="left", maintain_order="left")
    return joined["place"].cast(pl.Int64).fill_null(-1).to_numpy()
