from pathlib import Path

import numpy as np
import polars as pl

from dagsmith.data import Label, Schema, TimeSplit
from dagsmith.data.pipeline import fit, write
from dagsmith.data.raw_rows import RawRows, read_rows
from dagsmith.data.reading import FrameSource
from dagsmith.data.schema import CategoricalFeature, DenseFeature, MultiValuedFeature
from dagsmith.data.splits import SplitRule, plan_split

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


def test_rows_are_written_day_by_day(tmp_path: Path) -> None:
    rule = TimeSplit("day")
    raw = read(rule, tmp_path)
    plan = plan_split(rule, raw.keys, raw.counts)
    fitted = fit(raw, SCHEMA, plan, silent)
    written = write(raw, plan, fitted, tmp_path, silent)
    assert written.splits == {"train": 2, "valid": 2, "test": 2}
    assert [part["name"] for part in written.partitions] == ["day=1", "day=2", "day=3"]
    assert np.load(tmp_path / "train" / "dense.npy").tolist() == [[2], [0]]
    assert np.load(tmp_path / "train" / "sparse.npy")[:, :2].tolist() == [[3, 2], [2, 0]]
    assert np.load(tmp_path / "valid" / "sparse.npy")[:, :2].tolist() == [[0, 1], [1, 2]]
    assert written.unknown["valid"] == {"c": 0.5, "m": 0.5}
