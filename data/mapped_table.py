"""From parquet files and a mapping of their columns to a table of evaluated architectures."""

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagsmith.data.column_mapping import GROUPS, GenotypeColumns, SlotColumn, TableMapping
from dagsmith.data.errors import DatasetError
from dagsmith.data.joined_columns import Column, read_columns
from dagsmith.data.tables import EvaluatedTable
from dagsmith.space import ArchitectureError, Genotypes, SearchSpace, Slot, SpaceError, Value
from dagsmith.space.errors import nearest

_SHOWN = 12


def read_mapped_table(
    files: Sequence[Path], space: SearchSpace, mapping: TableMapping
) -> EvaluatedTable:
    """Read parquet files whose columns the mapping explains.

    Raises:
        DatasetError: See ``load_table``.
    """
    slots = mapping.slots
    if not isinstance(slots, GenotypeColumns):
        slots = _slot_columns(space, slots or {})
        told = [slot.column for slot in slots.values()]
    else:
        told = list(slots.columns)
    groups = {group: mapping.named(group) for group in GROUPS}
    measured = [column for named in groups.values() for column in named.values()]
    rows, columns = read_columns(files, [*told, *measured], mapping.key)
    try:
        if isinstance(slots, GenotypeColumns):
            genotypes = slots.genotypes({name: _known(columns[name]) for name in slots.columns})
        else:
            genotypes = _by_slot(space, slots, columns, rows)
        genotypes = space.check(genotypes)
        if len(genotypes) != rows:
            raise SpaceError(f"{len(genotypes)} genotypes for {rows} rows")
        population = space.decode_many(genotypes)
    except (SpaceError, ArchitectureError) as error:
        raise DatasetError(f"{files[0]}: {error}") from None
    metrics, costs, fidelities = (
        {name: _numbers(columns[column]) for name, column in groups[group].items()}
        for group in GROUPS
    )
    return EvaluatedTable(population, metrics, costs, fidelities)


def read_genotypes(file: Path, space: SearchSpace) -> Genotypes:
    """The genotypes of a parquet file whose columns have the slots' names, ``[rows, slots]``.

    Raises:
        DatasetError: See ``load_table``.
    """
    slots = _slot_columns(space, {})
    rows, columns = read_columns([file], [slot.column for slot in slots.values()], None)
    return _by_slot(space, slots, columns, rows)


def _slot_columns(
    space: SearchSpace, declared: Mapping[str, str | SlotColumn]
) -> dict[str, SlotColumn]:
    """The column of every slot that has a choice, by the slot's name."""
    slots = {slot.name: slot for slot in space.slots}
    for name in declared:
        if name not in slots:
            raise DatasetError(f"space {space.name!r} has no slot {name!r}; {nearest(name, slots)}")
    found: dict[str, SlotColumn] = {}
    for name, slot in slots.items():
        if name in declared or len(slot.choices) > 1:
            told = declared.get(name, name)
            column = told if isinstance(told, SlotColumn) else SlotColumn(told)
            for code, choice in (column.codes or {}).items():
                if choice not in slot.choices:
                    close = nearest(str(choice), map(str, slot.choices))
                    raise DatasetError(
                        f"slot {name!r} has no choice {choice!r}, which {code!r} of column "
                        f"{column.column!r} is to mean; {close}"
                    )
            found[name] = column
    return found


def _by_slot(
    space: SearchSpace,
    slots: Mapping[str, SlotColumn],
    columns: Mapping[str, Column],
    rows: int,
) -> Genotypes:
    genotypes = np.zeros((rows, len(space.slots)), np.int16)
    for index, slot in enumerate(space.slots):
        if slot.name in slots:
            told = slots[slot.name]
            genotypes[:, index] = _genes(columns[told.column], slot, told.codes)
    return genotypes


def _genes(column: Column, slot: Slot, codes: Mapping[Any, Value] | None) -> NDArray[np.int16]:
    """The index of the choice that each value of a column means, ``[rows]``."""
    values = _plain(column)
    meaning = dict(zip(slot.choices, slot.choices, strict=True)) if codes is None else codes
    index = {value: slot.choices.index(choice) for value, choice in meaning.items()}
    distinct = values.unique()
    found = pl.Series([index.get(value, -1) for value in distinct.to_list()], dtype=pl.Int16)
    genes = values.replace_strict(distinct, found, return_dtype=pl.Int16).to_numpy()
    wrong = np.flatnonzero(genes < 0)
    if wrong.size:
        row = int(wrong[0])
        raise DatasetError(
            f"{column.locate(row)}: column {values.name!r} is {values[row]!r}; "
            f"slot {slot.name!r} expects one of {_listed(meaning)}"
        )
    return genes


def _listed(meaning: Mapping[Any, Value]) -> str:
    shown = [
        str(value) if value is choice else f"{value} ({choice})"
        for value, choice in islice(meaning.items(), _SHOWN)
    ]
    return ", ".join(shown) + (", ..." if len(meaning) > _SHOWN else "")


def _known(column: Column) -> NDArray[np.generic]:
    """The values of a column that a function reads, none of which may be missing."""
    values = _plain(column)
    if values.null_count():
        row = int(values.is_null().arg_max() or 0)
        raise DatasetError(f"{column.locate(row)}: column {values.name!r} is missing")
    return values.to_numpy()


def _numbers(column: Column) -> NDArray[np.float64]:
    """A column of measurements, NaN where there is none."""
    values = _plain(column)
    if not (values.dtype.is_numeric() or values.dtype in (pl.Boolean, pl.Null)):
        raise DatasetError(
            f"{column.file}: column {values.name!r} is of type {values.dtype}; expected numbers"
        )
    numbers = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    infinite = np.flatnonzero(np.isinf(numbers))
    if infinite.size:
        row = int(infinite[0])
        raise DatasetError(
            f"{column.locate(row)}: column {values.name!r} is {numbers[row]}; expected a finite "
            "number, or null where it was not measured"
        )
    return numbers


def _plain(column: Column) -> pl.Series:
    if column.values.dtype.is_nested():
        raise DatasetError(
            f"{column.file}: column {column.values.name!r} is of type {column.values.dtype}; "
            "expected one value per row"
        )
    return column.values
