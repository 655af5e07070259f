"""From a chunk of a source to checked raw values: numbers, texts, labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagsmith.data.errors import DatasetError
from dagsmith.data.schema import Label, MultiValuedFeature
from dagsmith.data.spelling import float_texts

_TRUTH = {"true": "1", "false": "0"}


@dataclass(frozen=True)
class Problem:
    """Rows that cannot be used.

    Attributes:
        bad: Which, ``[rows]``.
        message: Row -> what is wrong with it.
    """

    bad: NDArray[np.bool_]
    message: Callable[[int], str]


def label_values(column: pl.Series, label: Label) -> tuple[NDArray[np.float32], Problem | None]:
    """Labels as 0 and 1, and the rows where that fails."""
    numbers = _as_float64(column)
    if column.dtype == pl.String and numbers.null_count() > column.null_count():
        numbers = _as_float64(column.str.to_lowercase().replace(_TRUTH))
    values = numbers.fill_null(float("nan")).to_numpy()
    if label.at_least is not None:
        bad = np.isnan(values)
        clicks = (values >= label.at_least).astype(np.float32)
        expected = "a number is expected"
    else:
        bad = ~((values == 0) | (values == 1))
        clicks = values.astype(np.float32)
        expected = "0 or 1 is expected"
    if not bad.any():
        return clicks, None

    def message(row: int) -> str:
        found = column[row]
        shown = "is missing" if found in (None, "") else f"is {found!r}"
        return f"label {label.column!r} {shown}, {expected}"

    return clicks, Problem(bad, message)


def numbers(
    column: pl.Series, missing: Sequence[str]
) -> tuple[NDArray[np.float32], Problem | None]:
    """A column as float32 with NaN for what is missing or infinite, and the rows that fail.

    These have a text, or a number that float32 does not hold.
    """
    exact, problem = exact_numbers(column, missing)
    with np.errstate(over="ignore"):
        values = exact.astype(np.float32)
    infinite = np.isinf(values)
    if infinite.any():
        beyond = infinite & np.isfinite(exact)
        if beyond.any():
            problem = _beyond(column.name, exact, beyond, problem)
        values[infinite] = np.nan
    return values, problem


def _beyond(
    name: str, exact: NDArray[np.float64], beyond: NDArray[np.bool_], other: Problem | None
) -> Problem:
    """Numbers out of range, joined with what else is wrong."""

    def message(row: int) -> str:
        if other is not None and other.bad[row]:
            return other.message(row)
        largest = float(np.finfo(np.float32).max)
        return f"column {name!r} is {exact[row]:g}, a number within ±{largest:.1e} is expected"

    return Problem(beyond if other is None else beyond | other.bad, message)


def exact_numbers(
    column: pl.Series, missing: Sequence[str]
) -> tuple[NDArray[np.float64], Problem | None]:
    """A column as float64 with NaN for what is missing, and the rows with a text."""
    problem = None
    if column.dtype == pl.String:
        column = texts(column, missing)
        parsed = column.str.strip_chars().cast(pl.Float64, strict=False)
        bad = (parsed.is_null() & column.is_not_null()).to_numpy()
        if bad.any():
            source = column

            def message(row: int) -> str:
                return (
                    f"column {source.name!r} is {source[row]!r}, a number is expected"
                    " (or name this text in the schema's 'missing')"
                )

            problem = Problem(bad, message)
        column = parsed
    elif not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise DatasetError(
            f"column {column.name!r} is of type {column.dtype}, numbers are expected"
        )
    return _as_float64(column).fill_null(float("nan")).to_numpy(), problem


def texts(column: pl.Series, missing: Sequence[str]) -> pl.Series:
    """A column as texts, null where the value is missing (null, NaN, empty, or so named).

    Texts stay as they are written; who compares them does so by `plain_texts`.
    """
    if column.dtype.is_float() or column.dtype.is_decimal():
        column = float_texts(column.cast(pl.Float64))
    elif column.dtype != pl.String:
        if column.dtype.is_nested():
            raise DatasetError(
                f"column {column.name!r} is of type {column.dtype}: declare it multi-valued"
            )
        try:
            column = column.cast(pl.String)
        except pl.exceptions.PolarsError:
            raise DatasetError(
                f"column {column.name!r} of type {column.dtype} has values that are no text"
            ) from None
    absent = column == ""
    if missing:
        absent = absent | column.is_in(list(missing))
    if absent.any():
        column = column.set(absent.fill_null(False), None)
    return column


@dataclass(frozen=True)
class Tokens:
    """The values of a multi-valued column, one after the other.

    Attributes:
        values: Texts without null, ``[tokens]``.
        rows: Row of each.
        places: Position of each within its row, below the feature's ``max_length``.
    """

    values: pl.Series
    rows: NDArray[np.intp]
    places: NDArray[np.intp]

    def padded(self, ids: NDArray[np.int32], rows: int, max_length: int) -> NDArray[np.int32]:
        """Ids of the tokens as a table ``[max_length, rows]``, 0 where there is none."""
        table = np.zeros((max_length, rows), dtype=np.int32)
        table[self.places, self.rows] = ids
        return table


def tokens(column: pl.Series, feature: MultiValuedFeature, missing: Sequence[str]) -> Tokens:
    """Cut a multi-valued column into its values; empty ones do not count."""
    if isinstance(column.dtype, pl.Array):
        column = column.arr.to_list()
    if not isinstance(column.dtype, pl.List):
        column = texts(column, missing).str.split(feature.separator)
    lengths = column.list.len().fill_null(0).to_numpy().astype(np.intp)
    rows = np.repeat(np.arange(len(column)), lengths)
    filled = column.filter(pl.Series(lengths > 0))
    values = texts(filled.explode(), missing) if len(filled) else pl.Series([], dtype=pl.String)
    present = values.is_not_null()
    if not present.all():
        values, rows = values.filter(present), rows[present.to_numpy()]
    counts = np.bincount(rows, minlength=len(column))
    places = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = places < feature.max_length
    if not kept.all():
        values, rows, places = values.filter(pl.Series(kept)), rows[kept], places[kept]
    return Tokens(values, rows, places)


def refuse(problems: Sequence[Problem | None], locate: Callable[[int], str]) -> None:
    """Raise for the first row that any of the problems names."""
    found = [problem for problem in problems if problem is not None]
    if found:
        row, problem = min(((int(np.argmax(p.bad)), p) for p in found), key=lambda pair: pair[0])
        raise DatasetError(f"{locate(row)}: {problem.message(row)}")


def usable(problems: Sequence[Problem | None]) -> NDArray[np.bool_] | None:
    """Which rows no problem names; None where there is no problem."""
    found = [problem.bad for problem in problems if problem is not None]
    return ~np.logical_or.reduce(found) if found else None


def _as_float64(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    return column.cast(pl.Float64, strict=False)
