"""What names the partition of a row: its day, or what a column of splits says."""

import numpy as np
import polars as pl

from dagsmith.data import rows
from dagsmith.data.splits import ColumnSplit, TimeSplit

_DATE_LENGTH = len("2024-01-31")


def key_texts(
    column: pl.Series, rule: TimeSplit | ColumnSplit
) -> tuple[pl.Series, rows.Problem | None]:
    """The key of each row as text, and the rows that have none.

    Args:
        column: The one that the rule names.
        rule: What to make of it.
    """
    period = rule.period if isinstance(rule, TimeSplit) else None
    prefix = rule.prefix if isinstance(rule, TimeSplit) else None
    if period is not None:
        values, problem = rows.exact_numbers(column, ())
        if problem is not None:
            return column, problem
        days = np.floor(values / period)
        known = np.isfinite(days)
        keys = pl.Series(np.where(known, days, 0).astype(np.int64)).cast(pl.String)
        keys = keys.set(pl.Series(~known), None)
    else:
        keys = _texts(column, by_date=isinstance(rule, TimeSplit) and prefix is None)
        if prefix is not None:
            keys = keys.str.slice(0, prefix)
    absent = keys.is_null().to_numpy()
    if absent.any():
        return keys, rows.Problem(
            absent, lambda row: f"column {column.name!r}, by which the rows are split, is missing"
        )
    if isinstance(rule, TimeSplit) and period is None and prefix is None:
        return _days(keys)
    return keys, None


def _texts(column: pl.Series, by_date: bool) -> pl.Series:
    if column.dtype.is_float():
        whole = column.cast(pl.Int64, strict=False)
        column = whole if bool((whole == column).all()) else column
    elif by_date and isinstance(column.dtype, pl.Datetime):
        column = column.dt.date()
    return rows.texts(column, ())


def _days(texts: pl.Series) -> tuple[pl.Series, rows.Problem | None]:
    """Numbers as they are, and the dates of texts that begin with one."""
    numbers = texts.str.strip_chars().cast(pl.Float64, strict=False).is_finite().fill_null(False)
    if numbers.all():
        return texts, None
    heads = texts.str.strip_chars_start().str.slice(0, _DATE_LENGTH)
    dates = heads.str.to_date("%Y-%m-%d", strict=False)
    dates = dates.set(heads.str.len_bytes() < _DATE_LENGTH, None)
    bad = (dates.is_null() & ~numbers).to_numpy()
    keys = texts.zip_with(numbers, dates.cast(pl.String))
    if not bad.any():
        return keys, None

    def message(row: int) -> str:
        return (
            f"column {texts.name!r}, by which the rows are split, is {texts[row]!r}; expected an"
            " ISO date such as 2024-01-31, or a number (a prefix takes texts in their own order)"
        )

    return keys, rows.Problem(bad, message)
