"""Sources of rows: files of every supported kind, or frames in memory, chunk by chunk."""

import glob
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from dagsmith.data import text
from dagsmith.data.errors import DatasetError
from dagsmith.data.formats import FileFormat, format_named, recognise
from dagsmith.space.errors import nearest

CHUNK_ROWS = 65_536
SAMPLE_ROWS = 100_000
_PARQUET = (".parquet", ".pq")

Paths = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Chunk:
    """Some rows of a source.

    Attributes:
        frame: Their columns: numbers, texts, or lists of texts.
        locate: Row of the frame -> where it stands in the source, for messages.
        consumed: Work done so far, in the unit of the source's ``size``.
        refused: Rows left out because of their number of columns.
    """

    frame: pl.DataFrame
    locate: Callable[[int], str]
    consumed: int
    refused: int = 0


class Source(ABC):
    """Rows that can be read several times, in the same order."""

    format: FileFormat

    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, derived ones included."""

    @abstractmethod
    def sample(self) -> pl.DataFrame:
        """The first rows (about ``SAMPLE_ROWS``) with guessed types, to infer a schema from."""

    @abstractmethod
    def chunks(self, types: Mapping[str, bool], *, skip_bad: bool) -> Iterator[Chunk]:
        """All rows.

        Args:
            types: Columns to read -> whether they are numbers.
            skip_bad: Leave out rows with a wrong number of columns instead of raising.
        """

    @abstractmethod
    def require(self, names: Sequence[str]) -> None:
        """Check that all these columns are there.

        Raises:
            DatasetError: For the first one that is not.
        """

    @abstractmethod
    def identity(self) -> list[dict[str, Any]]:
        """What tells this source from another one, as JSON."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What messages call it."""

    @abstractmethod
    def size(self) -> int | None:
        """The work of reading it all, in the unit of ``Chunk.consumed``, where known."""


class FileSource(Source):
    """Rows of one or several files of one format.

    Args:
        paths: A file, a folder, a glob pattern, or a list of these.
        format: A name from ``FORMATS``, or ``auto``.
        users: For ``kdd2012``, the file with gender and age of the users.
        labelled: Whether files without a header have the label, which is their first column.
    """

    def __init__(
        self,
        paths: Paths,
        format: str = "auto",
        users: str | Path | None = None,
        labelled: bool = True,
    ) -> None:
        self._labelled = labelled
        self.files = find_files(paths)
        self.format = self._recognise() if format == "auto" else format_named(format)
        self._users = _read_users(Path(users)) if users is not None else None
        if self._users is not None and self.format.name != "kdd2012":
            raise DatasetError("a file of users belongs to the format 'kdd2012'")
        self._layouts = {file: self._layout(file) for file in self.files if not _is_parquet(file)}
        self._names = {file: self._header(file) for file in self.files}

    def columns(self) -> tuple[str, ...]:
        """Names of the columns, derived ones included."""
        names = dict.fromkeys(self._names[self.files[0]])
        for name, (_, needs) in self.format.derived.items():
            if all(need in names for need in needs):
                names[name] = None
        if self._users is not None:
            names.update(dict.fromkeys(self._users.columns[1:]))
        return tuple(names)

    def sample(self) -> pl.DataFrame:
        """The first rows with guessed types."""
        file = self.files[0]
        try:
            frame = self._first_rows(file)
        except pl.exceptions.PolarsError as error:
            raise DatasetError(f"{file}: {str(error).splitlines()[0]}") from None
        return self._complete(frame)

    def chunks(self, types: Mapping[str, bool], *, skip_bad: bool) -> Iterator[Chunk]:
        """All rows, file by file; see ``Source.chunks``."""
        self.require(list(types))
        before = 0
        wanted = self._wanted(list(types))
        for file in self.files:
            numbers = {name: types.get(name, False) for name in wanted}
            read = self._parquet_chunks if _is_parquet(file) else self._text_chunks
            for chunk in read(file, numbers, skip_bad):
                yield Chunk(
                    self._complete(chunk.frame),
                    chunk.locate,
                    before + chunk.consumed,
                    chunk.refused,
                )
            before += file.stat().st_size

    def require(self, names: Sequence[str]) -> None:
        """Check that every file has these columns; see ``Source.require``."""
        for file in self.files:
            for name in self._wanted(names):
                if name not in self._names[file]:
                    close = nearest(name, self._names[file])
                    raise DatasetError(f"{file}: there is no column {name!r}; {close}")

    def identity(self) -> list[dict[str, Any]]:
        """Name, size, time and content of every file."""
        return [
            {
                "name": file.name,
                "size": file.stat().st_size,
                "modified_ns": file.stat().st_mtime_ns,
                "sha256": file_digest(file),
            }
            for file in self.files
        ]

    @property
    def title(self) -> str:
        """The first file, and how many there are beside it."""
        more = len(self.files) - 1
        return f"{self.files[0]}" + (f" and {more} more" if more else "")

    def size(self) -> int | None:
        """Bytes of all files."""
        return sum(file.stat().st_size for file in self.files)

    def _first_rows(self, file: Path) -> pl.DataFrame:
        if _is_parquet(file):
            return pl.scan_parquet(file).head(SAMPLE_ROWS).collect()
        layout = self._layouts[file]
        chunk = next(text.chunks(file, layout, skip_bad=True), None)
        if chunk is None or not chunk.data:
            raise DatasetError(f"{file}: the file has no rows")
        names = self._names[file]
        try:
            return pl.read_csv(
                chunk.data,
                has_header=False,
                separator=layout.separator,
                quote_char='"' if layout.quoted else None,
                new_columns=list(names),
                infer_schema_length=SAMPLE_ROWS,
                n_rows=SAMPLE_ROWS,
            )
        except pl.exceptions.ComputeError as error:
            raise text.parse_error(file, chunk, layout, names, error) from None

    def _wanted(self, names: Sequence[str]) -> list[str]:
        """Columns to read from the files in order to have the named ones."""
        joined = [] if self._users is None else self._users.columns[1:]
        wanted = [name for name in self.format.sources(names) if name not in joined]
        if self._users is not None and "user_id" not in wanted:
            wanted.append("user_id")
        return wanted

    def _recognise(self) -> FileFormat:
        file = self.files[0]
        if _is_parquet(file):
            return recognise(_parquet_columns(file), 0, False)
        line = text.first_line(file)
        cells = line.split("\t")
        if len(cells) == 40 and cells[0] in ("0", "1"):
            return recognise(None, len(cells), True)
        return recognise(text.header(file, text.guess_layout(file)), 0, False)

    def _layout(self, file: Path) -> text.TextLayout:
        separator = self.format.separator or text.guess_layout(file).separator
        cells = text.first_line(file).split(separator)
        columns = self.format.columns
        if columns is not None and columns[0] in cells and set(cells) <= set(columns):
            columns = None  # a file with a header, against the format's habit
        elif columns is not None and not self._labelled and len(cells) == len(columns) - 1:
            columns = columns[1:]
        elif self.format.plain_columns is not None and all(cell.isdecimal() for cell in cells):
            columns = self.format.plain_columns
        return text.TextLayout(separator, columns, self.format.quoted)

    def _header(self, file: Path) -> tuple[str, ...]:
        return (
            _parquet_columns(file) if _is_parquet(file) else text.header(file, self._layouts[file])
        )

    def _complete(self, frame: pl.DataFrame) -> pl.DataFrame:
        frame = self.format.derive(frame)
        if self._users is None:
            return frame
        keys = frame["user_id"].cast(pl.Int64, strict=False)
        joined = frame.select(user=keys).join(
            self._users, left_on="user", right_on="user_id", how="left", maintain_order="left"
        )
        return frame.with_columns(joined.drop("user"))

    def _text_chunks(
        self, file: Path, numbers: Mapping[str, bool], skip_bad: bool
    ) -> Iterator[Chunk]:
        layout, names = self._layouts[file], self._names[file]
        for piece in text.chunks(file, layout, skip_bad=skip_bad):
            if not len(piece.lines):
                continue
            frame = text.parse(file, piece, layout, names, numbers)
            if len(frame) != len(piece.lines):
                raise DatasetError(
                    f"{file}, lines {piece.lines[0]} to {piece.lines[-1]}: quotes do not match"
                )
            lines = piece.lines
            yield Chunk(
                frame,
                lambda row, lines=lines: f"{file}, line {lines[row]}",  # type: ignore[misc]
                piece.consumed,
                piece.refused,
            )

    def _parquet_chunks(
        self, file: Path, numbers: Mapping[str, bool], skip_bad: bool
    ) -> Iterator[Chunk]:
        try:
            scan = pl.scan_parquet(file).select(list(numbers))
            rows = int(pl.scan_parquet(file).select(pl.len()).collect().item())
            first = 0
            for frame in scan.collect_batches(chunk_size=CHUNK_ROWS, maintain_order=True):
                yield Chunk(
                    frame,
                    lambda row, first=first: f"{file}, row {first + row + 1}",  # type: ignore[misc]
                    file.stat().st_size * (first + len(frame)) // max(1, rows),
                )
                first += len(frame)
        except pl.exceptions.PolarsError as error:
            raise DatasetError(f"{file}: {str(error).splitlines()[0]}") from None


class FrameSource(Source):
    """Rows of frames in memory, or made on the fly.

    Args:
        frames: Called for each reading; yields frames with the same columns.
        identity: What tells these rows from others, as JSON.
        rows: How many rows there are, where known.
        format: Named format of the columns.
    """

    def __init__(
        self,
        frames: Callable[[], Iterable[pl.DataFrame]],
        identity: Mapping[str, Any],
        rows: int | None = None,
        format: str = "table",
    ) -> None:
        self._frames = frames
        self._identity = dict(identity)
        self._rows = rows
        self.format = format_named(format)

    def columns(self) -> tuple[str, ...]:
        """Names of the columns, derived ones included."""
        return tuple(self.sample().columns)

    def sample(self) -> pl.DataFrame:
        """The first frame."""
        for frame in self._frames():
            return self.format.derive(frame.head(SAMPLE_ROWS))
        raise DatasetError("the source has no rows")

    def chunks(self, types: Mapping[str, bool], *, skip_bad: bool) -> Iterator[Chunk]:
        """All rows; see ``Source.chunks``."""
        self.require(list(types))
        first = 0
        for whole in self._frames():
            derived = self.format.derive(whole)
            for frame in derived.select(list(types)).iter_slices(CHUNK_ROWS):
                yield Chunk(
                    frame,
                    lambda row, first=first: f"row {first + row + 1}",  # type: ignore[misc]
                    first + len(frame),
                )
                first += len(frame)

    def require(self, names: Sequence[str]) -> None:
        """Check that the first frame has these columns; see ``Source.require``."""
        for name in names:
            if name not in self.columns():
                raise DatasetError(f"there is no column {name!r}; {nearest(name, self.columns())}")

    def identity(self) -> list[dict[str, Any]]:
        """What the constructor was given."""
        return [self._identity]

    @property
    def title(self) -> str:
        """A frame has no name."""
        return "the frame"

    def size(self) -> int | None:
        """Number of rows."""
        return self._rows


def find_files(paths: Paths) -> list[Path]:
    """The files that a path, a folder, a glob pattern or a list of these stands for.

    A folder stands for the files in it whose names do not start with a dot or an underscore,
    sorted by name, and so does a pattern.

    Raises:
        DatasetError: If nothing is there.
    """
    if not isinstance(paths, str | Path):
        files = [file for path in paths for file in find_files(path)]
        if not files:
            raise DatasetError("no source file was given")
        return files
    path = Path(paths)
    if path.is_file():
        return [path]
    if path.is_dir():
        files = sorted(f for f in path.iterdir() if f.is_file() and f.name[0] not in "._")
        if not files:
            raise DatasetError(f"{path}: the folder has no files")
        return files
    if glob.has_magic(str(path)):
        files = sorted(f for f in map(Path, glob.glob(str(path), recursive=True)) if f.is_file())  # noqa: PTH207
        if not files:
            raise DatasetError(f"{path}: no file matches")
        return files
    siblings = [f.name for f in path.parent.iterdir()] if path.parent.is_dir() else []
    close = f"; {nearest(path.name, siblings)}" if siblings else ""
    raise DatasetError(f"{path}: no such file{close}")


def file_digest(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_parquet(file: Path) -> bool:
    return file.suffix.lower() in _PARQUET


def _parquet_columns(file: Path) -> tuple[str, ...]:
    try:
        return tuple(pl.read_parquet_schema(file))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DatasetError(f"{file}: not a parquet file: {str(error).splitlines()[0]}") from None


def _read_users(file: Path) -> pl.DataFrame:
    """KDD Cup 2012's ``userid_profile.txt``: user, gender, age, without a header."""
    (found,) = find_files(file)
    names = ("user_id", "gender", "age")
    try:
        return pl.read_csv(
            found,
            has_header=False,
            separator="\t",
            schema={"user_id": pl.Int64, "gender": pl.Int8, "age": pl.Int8},
        ).unique("user_id", keep="first", maintain_order=True)
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(
            f"{found}: three columns {', '.join(names)} expected: {reason}"
        ) from None
