from pathlib import Path

import polars as pl
import pytest

from dagsmith.data import ColumnSplit, DatasetError, Label, Schema, TimeSplit
from dagsmith.data.raw_rows import RawRows, column_types, read_rows
from dagsmith.data.reading import FrameSource
from dagsmith.data.schema import CategoricalFeature, DenseFeature, MultiValuedFeature
from dagsmith.data.splits import SplitRule

SCHEMA = Schema(
    Label("y"), (CategoricalFeature("c"), DenseFeature("d", "none"), MultiValuedFeature("m"))
)
FRAME = pl.DataFrame(
    {
        "y": [0, 1, 1, 0, 1, 0],
        "d": [1.0, 2.0, None, 4.0, 5.0, 6.0],
        "c": ["a", "b", "a", None, "b", "q"],
        "m": ["x|y", "x", "", "y", "z", "x"],
        "day": [3, 1, 1, 2, 3, 2],
    }
)


def silent(stage: str, done: int, total: int | None) -> None:
    pass


def read(rule: SplitRule, folder: Path, frame: pl.DataFrame = FRAME) -> RawRows:
    source = FrameSource(lambda: frame.iter_slices(4), {})
    return read_rows(
        {"train": source}, SCHEMA, rule, folder / "spill.bin", skip_bad=False, progress=silent
    )


def test_rows_are_counted_by_key_and_label(tmp_path: Path) -> None:
    raw = read(TimeSplit("day"), tmp_path)
    assert raw.keys == ["3", "1", "2"]
    assert raw.counts.tolist() == [[1, 1], [0, 2], [2, 0]]
    assert [len(block.label) for block in raw.spill] == [4, 2]


def test_a_row_without_a_day_is_refused(tmp_path: Path) -> None:
    late = FRAME.with_columns(day=pl.when(pl.col("d") > 5).then(None).otherwise("day"))
    with pytest.raises(DatasetError, match="row 6: column 'day', by which the rows are split, is"):
        read(TimeSplit("day"), tmp_path, late)


@pytest.mark.parametrize(
    ("column", "rule", "keys"),
    [
        (pl.Series([1.0, 2.0]), TimeSplit("k"), ["1", "2"]),
        (pl.Series([1.5, 2.0]), TimeSplit("k"), ["1.5", "2"]),
        (pl.Series([86_399, 86_400]), TimeSplit("k", period=86_400), ["0", "1"]),
        (pl.Series(["14102123", "14102200"]), TimeSplit("k", prefix=6), ["141021", "141022"]),
        (pl.Series([14102123, 14102200]), TimeSplit("k", prefix=6), ["141021", "141022"]),
        (pl.Series(["train", "test"]), ColumnSplit("k"), ["train", "test"]),
    ],
)
def test_keys_of_every_type(
    column: pl.Series, rule: SplitRule, keys: list[str], tmp_path: Path
) -> None:
    raw = read(rule, tmp_path, FRAME.head(2).with_columns(k=column))
    assert raw.keys == keys


def test_the_columns_that_are_read() -> None:
    assert column_types(SCHEMA, TimeSplit("day", period=7)) == {
        **{"y": False, "c": False, "d": True, "m": False},
        "day": True,
    }
