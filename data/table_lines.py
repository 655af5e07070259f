"""Evaluated architectures as JSON lines: one graph with its measurements on each.

A line is ``{"architecture": {...}, "metrics": {"accuracy": 0.93}}``, with ``costs`` and
``fidelities`` like ``metrics`` where there are any; null stands for what was not measured.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import numpy as np
import polars as pl

from dagsmith.data.column_mapping import GROUPS
from dagsmith.data.errors import DatasetError
from dagsmith.data.kind_inference import infer_kinds
from dagsmith.data.tables import Columns, EvaluatedTable
from dagsmith.data.text import TextLayout, chunks
from dagsmith.space import Architecture, ArchitectureError, Population, Vocabulary
from dagsmith.space.errors import nearest

# One column: the separator is a character that no JSON has.
_WHOLE_LINES = TextLayout("\x1f", ("line",), quoted=False)
# What a population can hold as an attribute.
_LARGEST = float(np.finfo(np.float32).max)
_COMPRESSIONS: dict[str, Literal["gzip", "zstd"]] = {".gz": "gzip", ".zst": "zstd"}


def read_lines(files: Sequence[Path], kinds: Vocabulary | None) -> EvaluatedTable:
    """Read files of JSON lines, plain, ``.gz`` or ``.zst``; blank lines do not count.

    Args:
        files: The files, one after the other.
        kinds: The component kinds; None infers them from all lines.

    Raises:
        DatasetError: For the first line that is off, or if there is none.
    """
    architectures: list[Architecture] = []
    places: list[str] = []
    measured: list[dict[str, dict[str, float]]] = []
    for place, record in records(files):
        try:
            architecture, numbers = _parsed(record)
        except (ArchitectureError, DatasetError) as error:
            raise DatasetError(f"{place}: {error}") from None
        architectures.append(architecture)
        places.append(place)
        measured.append(numbers)
    if not architectures:
        raise DatasetError(f"{files[0]}: the file has no lines")
    try:
        if kinds is None:
            kinds = infer_kinds(architectures, places.__getitem__)
    except ArchitectureError as error:
        raise DatasetError(str(error)) from None
    for place, architecture in zip(places, architectures, strict=True):
        try:
            architecture.validate(kinds)
        except ArchitectureError as error:
            raise DatasetError(f"{place}: {error}") from None
    population = Population.from_architectures(architectures, kinds)
    try:
        return EvaluatedTable(population, *(_columns(measured, group) for group in GROUPS))
    except DatasetError as error:
        raise DatasetError(f"{files[0]}: {error}") from None


def write_lines(table: EvaluatedTable, path: Path) -> None:
    """Write one line per row, under a temporary name that is then changed; see ``save_table``."""
    groups = {group: getattr(table, group) for group in GROUPS}
    lines: list[str] = []
    for row in range(len(table)):
        document: dict[str, Any] = {"architecture": table.population.architecture(row).to_dict()}
        for group, columns in groups.items():
            if columns or group == "metrics":
                numbers = {name: float(values[row]) for name, values in columns.items()}
                document[group] = {
                    name: None if math.isnan(number) else number for name, number in numbers.items()
                }
        lines.append(json.dumps(document, separators=(",", ":")))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with temporary.open("wb") as file:
            # Polars, because the standard library has no zst before 3.14.
            pl.DataFrame({"line": lines}, {"line": pl.String}).write_csv(
                file,
                include_header=False,
                quote_style="never",
                compression=_COMPRESSIONS.get(path.suffix, "uncompressed"),
            )
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def records(files: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Every line that is not blank, and where it stands."""
    for file in files:
        for chunk in chunks(file, _WHOLE_LINES, skip_bad=False):
            records = chunk.data.removesuffix(b"\n").split(b"\n") if len(chunk.lines) else []
            for line, record in zip(chunk.lines.tolist(), records, strict=True):
                yield f"{file}, line {line}", record


def _parsed(record: bytes) -> tuple[Architecture, dict[str, dict[str, float]]]:
    """The architecture of a line, and its numbers by group and name."""
    try:
        document = json.loads(record.decode())
    except UnicodeDecodeError:
        raise DatasetError("not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise DatasetError(f"not JSON: {error.msg} at column {error.colno}") from None
    except ValueError as error:  # a number of more digits than Python reads
        raise DatasetError(f"not JSON: {error}") from None
    except RecursionError:
        raise DatasetError("not a table's line: it is nested too deeply") from None
    if not isinstance(document, dict):
        raise DatasetError(
            f"the line is a {type(document).__name__}; expected an object with 'architecture' and "
            "'metrics'"
        )
    for name in document:
        if name not in ("architecture", *GROUPS):
            raise DatasetError(f"unknown key {name!r}; {nearest(name, ('architecture', *GROUPS))}")
    for name in ("architecture", "metrics"):
        if name not in document:
            raise DatasetError(f"the key {name!r} is missing")
    numbers = {group: _numbers(group, document.get(group, {})) for group in GROUPS}
    try:
        architecture = Architecture.from_dict(document["architecture"])
    except OverflowError:  # an edge between nodes of infinite number
        raise DatasetError("damaged architecture document: a number is infinite") from None
    for node in architecture.nodes:
        for name, value in node.attributes:
            if not isinstance(value, str) and not abs(value) <= _LARGEST:
                raise DatasetError(
                    f"attribute {name!r} of a node of kind {node.kind!r} is out of range; "
                    f"expected a number within {_LARGEST:.3g}"
                )
    return architecture, numbers


def _numbers(group: str, document: object) -> dict[str, float]:
    if not isinstance(document, Mapping):
        raise DatasetError(f"{group!r} is {document!r}; expected an object of numbers")
    return {name: _number(group, name, value) for name, value in document.items()}


def _number(group: str, name: str, value: object) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DatasetError(f"{group} {name!r} is {value!r}; expected a number or null")
    try:
        number = float(value)
    except OverflowError:  # a whole number of more than 308 digits
        number = math.inf
    if math.isinf(number):
        raise DatasetError(
            f"{group} {name!r} is infinite; expected a finite number, or null where it was not "
            "measured"
        )
    return number


def _columns(measured: Sequence[Mapping[str, Mapping[str, float]]], group: str) -> Columns:
    """The numbers of a group as columns, in the order of their first appearance."""
    names = dict.fromkeys(name for numbers in measured for name in numbers[group])
    return {
        name: np.array([numbers[group].get(name, math.nan) for numbers in measured])
        for name in names
    }
