from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagsmith.cli import main
from dagsmith.data_command import prepare_log
from dagsmith.settings import TRAIN_SETTINGS, SearchSettings


def silent(stage: str, done: int, total: int | None) -> None:
    pass


def test_stamps_of_a_log_are_split_by_days(tmp_path: Path) -> None:
    stamps = 1_700_000_000 // 86_400 * 86_400 + np.arange(0, 5 * 86_400, 3600)
    frame = pl.DataFrame({"click": stamps // 3600 % 2, "ts": stamps}).with_columns(c=pl.lit("x"))
    frame.write_csv(tmp_path / "log.csv")
    settings = SearchSettings(
        data=str(tmp_path / "log.csv"), time_column="ts", time_period=86_400, numbers="both"
    )
    dataset = prepare_log(settings, tmp_path / "out", silent, "both")
    assert [len(dataset.splits[name]) for name in ("train", "valid", "test")] == [72, 24, 24]
    assert "time_period" in TRAIN_SETTINGS


@pytest.mark.parametrize("words", [["search"], ["train", "dcnv2"]], ids=lambda words: str(words[0]))
@pytest.mark.parametrize("stored", [False, True])
def test_a_log_without_categories_is_told_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], stored: bool
) -> None:
    rng = np.random.default_rng(0)
    columns = {"click": rng.integers(0, 2, 200), "x": rng.random(200), "y": rng.random(200)}
    pl.DataFrame(columns).write_csv(tmp_path / "log.csv")
    data = [str(tmp_path / "log.csv"), "--numbers", "dense"]
    if stored:
        main(["data", "prepare", *data, "--out", str(tmp_path / "store")])
        data = [str(tmp_path / "store")]
    assert main([*words, "--data", *data, "--out", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.endswith(
        ": no categorical feature, and models need one; prepare the log with --numbers buckets, or"
        " both"
    )


@pytest.mark.parametrize("option", ["--time-period=86400", "--time-prefix=8"])
def test_what_makes_a_day_is_nothing_without_a_column(
    capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert main(["data", "prepare", "log.csv", "--out", "store", option]) == 2
    assert "not for a split without --time-column" in capsys.readouterr().err
