"""One category, one text: values as other types and other libraries spell them.

Where some values of a column are missing, whole numbers are often kept as floats, and written as
``5.0``; truths are written as ``True`` or ``true``. Whoever compares categories compares them by
these texts.
"""

import polars as pl

_WHOLE = 2.0**53
"""Up to here floats hold every whole number."""
_LONGEST_TRUTH = len("False")


def float_texts(column: pl.Series) -> pl.Series:
    """Floats as texts, whole ones as whole numbers, NaN as null.

    Example:
        >>> float_texts(pl.Series([5.0, 0.5, None])).to_list()
        ['5', '0.5', None]
    """
    present = column.fill_nan(None)
    whole = (present == present.floor()) & (present.abs() <= _WHOLE)
    numbers = present.cast(pl.Int64, strict=False).cast(pl.String)
    return pl.select(
        pl.when(whole).then(numbers).otherwise(present.cast(pl.String)).alias(column.name)
    ).to_series()


def plain_texts(column: pl.Series) -> pl.Series:
    """Texts, those of whole floats and of truths as integers and booleans have them.

    Example:
        >>> plain_texts(pl.Series(["5.0", "2.1.0", "True", None])).to_list()
        ['5', '2.1.0', 'true', None]
    """
    if column.str.ends_with(".0").any():
        column = column.str.replace(r"^(-?\d+)\.0$", "$1")
    shortest = column.str.len_bytes().min()
    if isinstance(shortest, int) and shortest <= _LONGEST_TRUTH:
        truths = column.is_in(["True", "False"])
        if truths.any():
            column = column.str.to_lowercase().zip_with(truths.fill_null(False), column)
    return column
