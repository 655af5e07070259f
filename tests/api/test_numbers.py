"""How the numbers of a log enter: tried where nobody says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagsmith.data import Dataset
from dagsmith.errors import RunError
from dagsmith.job import Job, search_directory
from dagsmith.model import load_model
from dagsmith.pipeline import search_models
from dagsmith.progress import SilentReporter
from dagsmith.settings import SearchSettings
from dagsmith.stages import stage_data

ROWS = 4000
SHORT = SearchSettings(
    data="log.parquet",
    label="click",
    scratch_epochs=2,
    embedding_l2=0.003,
    embedding_dim=4,
    trials=2,
    few_epochs=1,
    top=1,
    truth=1,
    scratch_seeds=1,
    no_handmade=True,
    no_baselines=True,
    jobs=1,
)


class Listening(SilentReporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def log(path: Path, chance: np.ndarray, numbers: dict[str, np.ndarray]) -> str:
    click = np.random.default_rng(9).random(len(chance)) < chance
    pl.DataFrame({"click": click.astype(np.int8), **numbers}).write_parquet(path)
    return str(path)


def prepared(settings: SearchSettings, out: Path) -> tuple[Dataset, str]:
    told = Listening()
    job = Job(settings, search_directory(settings, out), told)
    job.directory.run("data", lambda: stage_data(job))
    return job.dataset, next((line for line in told.lines if line.startswith("numbers")), "")


def test_a_smooth_signal_is_kept_as_a_number_and_a_jagged_one_in_buckets(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(ROWS, 8))
    smooth = 1 / (1 + np.exp(-4 * x.sum(axis=1)))
    numbers = {f"x{i}": x[:, i] for i in range(8)}
    data = log(tmp_path / "smooth.parquet", smooth, numbers)
    dataset, said = prepared(replace(SHORT, data=data), tmp_path / "smooth")
    assert said.startswith("numbers: both, by the validation log loss of a DNN (both ")
    assert (len(dataset.dense_features), len(dataset.fields)) == (8, 8)
    # One of many levels is a click or it is not, without any order: nothing that a line follows.
    levels = np.random.default_rng(1).permutation(np.arange(ROWS) % 40)
    jagged = np.random.default_rng(2).permutation(np.repeat([0.03, 0.97], 20))[levels]
    data = log(tmp_path / "jagged.parquet", jagged, {"x": levels + 0.5})
    dataset, said = prepared(replace(SHORT, data=data, scratch_epochs=8), tmp_path / "jagged")
    assert said.startswith("numbers: ")
    assert [field.name for field in dataset.fields] == ["x"]
    assert float(said.rpartition(" ")[2].rstrip(")")) < 0.4


@pytest.mark.parametrize(("numbers", "dense", "fields"), [("buckets", 0, 2), ("both", 1, 2)])
def test_what_is_asked_for_is_not_tried(
    tmp_path: Path, numbers: str, dense: int, fields: int
) -> None:
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=ROWS), "city": rng.integers(0, 9, ROWS)}
    data = log(tmp_path / "log.parquet", np.full(ROWS, 0.5), columns)
    dataset, said = prepared(replace(SHORT, data=data, numbers=numbers), tmp_path / "run")
    assert said == ""
    assert (len(dataset.dense_features), len(dataset.fields)) == (dense, fields)
    with pytest.raises(RunError, match="numbers is 'bucket'; did you mean 'buckets'"):
        replace(SHORT, numbers="bucket")


def test_a_log_of_numbers_alone_is_searched_and_served(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(ROWS, 2))
    chance = 1 / (1 + np.exp(-3 * x[:, 0]))
    data = log(tmp_path / "log.parquet", chance, {"x": x[:, 0], "noise": x[:, 1]})
    result = search_models(replace(SHORT, data=data), tmp_path / "run")
    assert result["models"][0]["test"]["logloss"] < 0.65
    scores = load_model(tmp_path / "run" / "models" / "1").predict(
        {"x": [-2.0, 2.0], "noise": [0.0, 0.0]}
    )
    assert scores[0] < scores[1]
