"""Reading and writing tables of evaluated architectures."""

from pathlib import Path

from dagsmith.data.column_mapping import TableMapping
from dagsmith.data.errors import DatasetError
from dagsmith.data.mapped_table import read_mapped_table
from dagsmith.data.reading import Paths, find_files
from dagsmith.data.table_lines import read_lines, write_lines
from dagsmith.data.tables import EvaluatedTable
from dagsmith.space import SearchSpace, Vocabulary

_PARQUET = (".parquet", ".pq")
_LINES = (".jsonl", ".jsonl.gz", ".jsonl.zst")


def load_table(
    paths: Paths,
    space: SearchSpace | Vocabulary | None = None,
    mapping: TableMapping | None = None,
) -> EvaluatedTable:
    """Read a table of evaluated architectures.

    From parquet, a mapping says which columns give the slots of the space and which are
    measurements; several files are joined by the mapping's key. The first one says which rows
    there are: what another file does not measure of them is NaN, and a row that only another
    file has is an error.

    From JSON lines (``.jsonl``, ``.jsonl.gz``, ``.jsonl.zst``), every line has an architecture as
    ``Architecture.to_dict`` writes it and its measurements; several files follow each other::

        {"architecture": {...}, "metrics": {"accuracy": 0.93}, "costs": {"flops": 2.1e6}}

    Null and NaN stand for what was not measured.

    Args:
        paths: A file, a folder, a glob pattern, or a list of these.
        space: The search space of a parquet table; for JSON lines the component kinds, which are
            inferred (``infer_kinds``) where nothing is given.
        mapping: For parquet, what the columns mean.

    Raises:
        DatasetError: For a file that is missing, damaged or of another format, a column, slot or
            key that is missing (the nearest one is named), a value that no choice of its slot
            has, an infinite or non-numeric measurement, a repeated join key, a line that is no
            JSON, and an architecture with a cycle or of other kinds. File, row or line, and what
            was expected are named.
    """
    files = find_files(paths)
    for file in files:
        if not file.name.endswith((*_PARQUET, *_LINES)):
            raise DatasetError(
                f"{file}: not a table; expected a file that ends in "
                f"{', '.join((*_PARQUET, *_LINES))}"
            )
    parquet = [file for file in files if file.name.endswith(_PARQUET)]
    if parquet and len(parquet) < len(files):
        raise DatasetError(f"{files[0]} and others are of two formats; expected one of them")
    if not parquet:
        if mapping is not None:
            raise DatasetError(f"{files[0]}: JSON lines have no columns; expected no mapping")
        return read_lines(files, space.kinds if isinstance(space, SearchSpace) else space)
    if not isinstance(space, SearchSpace) or mapping is None:
        raise DatasetError(
            f"{files[0]}: a parquet table needs a search space and a mapping of its columns"
        )
    return read_mapped_table(files, space, mapping)


def save_table(table: EvaluatedTable, path: str | Path) -> None:
    """Write a table as JSON lines, all of it or nothing: under a temporary name, then renamed.

    ``load_table`` reads it back. The file does not hold the declared component kinds: give them
    (``table.kinds``), or those that occur in it are inferred. Names of nodes are kept in the file
    but are no part of a table.

    Args:
        table: What to write.
        path: A file that ends in ``.jsonl``, ``.jsonl.gz`` or ``.jsonl.zst``.

    Raises:
        DatasetError: For another ending.
    """
    path = Path(path)
    if not path.name.endswith(_LINES):
        raise DatasetError(f"{path}: cannot be written; expected an ending of {', '.join(_LINES)}")
    write_lines(table, path)
