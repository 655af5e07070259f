from datetime import date, datetime

import polars as pl
import pytest

from dagsmith.data import ColumnSplit, TimeSplit
from dagsmith.data.split_keys import key_texts

BY_TIME = TimeSplit("k")


@pytest.mark.parametrize(
    ("column", "rule", "keys"),
    [
        (pl.Series([1.0, 2.0]), BY_TIME, ["1", "2"]),
        (pl.Series([86_399, 86_400]), TimeSplit("k", period=86_400), ["0", "1"]),
        (pl.Series([" 86399", "86400 "]), TimeSplit("k", period=86_400), ["0", "1"]),
        (pl.Series(["14102123", "14102200"]), TimeSplit("k", prefix=6), ["141021", "141022"]),
        (pl.Series([14102123, 14102200]), TimeSplit("k", prefix=6), ["141021", "141022"]),
        (pl.Series(["week 05", "week 06"]), TimeSplit("k", prefix=7), ["week 05", "week 06"]),
        (pl.Series(["141021", "-3.5"]), BY_TIME, ["141021", "-3.5"]),
        (pl.Series([date(2024, 1, 31)]), BY_TIME, ["2024-01-31"]),
        (pl.Series([datetime(2024, 1, 31, 23)]), BY_TIME, ["2024-01-31"]),
        (
            pl.Series(["2024-01-31", "2024-01-31 23:59:59", " 2024-02-01T00:00:00.5+01:00"]),
            BY_TIME,
            ["2024-01-31", "2024-01-31", "2024-02-01"],
        ),
        (pl.Series(["train", "test"]), ColumnSplit("k"), ["train", "test"]),
    ],
)
def test_keys_of_every_type(
    column: pl.Series, rule: TimeSplit | ColumnSplit, keys: list[str]
) -> None:
    found, problem = key_texts(column, rule)
    assert problem is None
    assert found.to_list() == keys


@pytest.mark.parametrize(
    "value", ["8/1/2024", "2024-1-5", "2024-13-01", "31.01.2024", "2024-W05", "Monday", "nan"]
)
def test_a_text_whose_order_need_not_be_that_of_time_is_a_problem(value: str) -> None:
    _, problem = key_texts(pl.Series("k", ["2024-01-31", value]), BY_TIME)
    assert problem is not None
    assert problem.bad.tolist() == [False, True]
    assert f"is {value!r}; expected an ISO date such as 2024-01-31, or a number" in (
        problem.message(1)
    )


@pytest.mark.parametrize(
    ("column", "rule"),
    [
        (pl.Series("k", ["2024-01-31", None]), BY_TIME),
        (pl.Series("k", ["train", ""]), ColumnSplit("k")),
        (pl.Series("k", [1.0, float("inf")]), TimeSplit("k", period=1)),
    ],
)
def test_a_row_without_a_key_is_a_problem(column: pl.Series, rule: TimeSplit | ColumnSplit) -> None:
    _, problem = key_texts(column, rule)
    assert problem is not None
    assert problem.bad.tolist() == [False, True]
    assert problem.message(1) == "column 'k', by which the rows are split, is missing"
