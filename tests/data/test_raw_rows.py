from pathlib import Path

import polars as pl
import pytest

from dagsmith.data import DatasetError, Label, Schema, TimeSplit, raw_rows
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


def test_a_time_stamp_per_row_is_no_partition_per_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_rows, "MOST_DAYS", 5)
    stamps = FRAME.with_columns(day=1_700_000_000 + 86_400 * pl.int_range(6))
    with pytest.raises(DatasetError, match="'day' has more than 5 different values; give a period"):
        read(TimeSplit("day"), tmp_path, stamps)
    with pytest.raises(DatasetError, match="give a longer period"):
        read(TimeSplit("day", period=60), tmp_path, stamps)
    assert len(read(TimeSplit("day", period=2 * 86_400), tmp_path, stamps).keys) == 4


def test_the_columns_that_are_read() -> None:
    assert column_types(SCHEMA, TimeSplit("day", period=7)) == {
        **{"y": False, "c": False, "d": True, "m": False},
        "day": True,
    }
