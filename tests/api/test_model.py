import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import dagsmith
from dagsmith.cli import main
from dagsmith.data import DatasetError, synthetic_click_log
from dagsmith.errors import ModelError
from dagsmith.model import Model, evaluate, load_model
from dagsmith.result import read_result
from dagsmith.supernet import click_metrics


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    """The rows of the run's log, and those that it used as test rows."""
    return next(synthetic_click_log(3000))[0]


def test_the_served_model_gives_the_figures_of_its_training(
    finished_run: Path, frame: pl.DataFrame
) -> None:
    model = load_model(finished_run / "models" / "1")
    test = frame.tail(450)
    figures = evaluate_frame(model, test)
    assert figures["logloss"] == pytest.approx(model.document["test"]["logloss"], abs=1e-6)
    assert figures["auc"] == pytest.approx(model.document["test"]["auc"], abs=1e-6)


def evaluate_frame(model: Model, frame: pl.DataFrame) -> Mapping[str, float]:
    return click_metrics(frame["label"].to_numpy(), model.predict(frame))


def test_the_model_kept_is_that_of_the_result(finished_run: Path) -> None:
    best = read_result(finished_run / "result.json")["models"][0]
    model = dagsmith.load_model(finished_run / best["path"])
    assert model.architecture.key == best["key"]
    runs = {run["seed"]: run for run in best["runs"]}
    kept = runs[model.document["seed"]]
    assert kept["valid"]["logloss"] == min(run["valid"]["logloss"] for run in runs.values())
    assert best["key"][:12] in repr(model)


def test_unknown_categories_and_missing_values_are_served(
    finished_run: Path, frame: pl.DataFrame
) -> None:
    model = load_model(finished_run / "models" / "1")
    rows = frame.head(3).with_columns(pl.Series("c0", [10**8, 10**8 + 1, None]))
    probability = model.predict(rows)
    assert np.isfinite(probability).all()
    # Two unknown categories are the same to the model, but for the other columns.
    other = rows.head(1).with_columns(c0=pl.lit(12345678, rows.schema["c0"]))
    same = pl.concat([rows.head(1), other])
    first, second = model.predict(same)
    # Rows of one batch may be summed in different orders.
    assert first == pytest.approx(second, abs=1e-6)


def test_columns_in_any_form_and_order_give_the_same(
    finished_run: Path, frame: pl.DataFrame
) -> None:
    model = load_model(finished_run / "models" / "1")
    rows = frame.head(5)
    expected = model.predict(rows)
    shuffled = {name: rows[name].to_list() for name in sorted(rows.columns, reverse=True)}
    np.testing.assert_allclose(model.predict(shuffled), expected, rtol=1e-6)
    assert model.predict(rows.head(0)).shape == (0,)


def test_rows_that_do_not_fit_are_named(finished_run: Path, frame: pl.DataFrame) -> None:
    model = load_model(finished_run / "models" / "1")
    with pytest.raises(DatasetError, match="'c3'"):
        model.predict(frame.head(2).drop("c3"))
    with pytest.raises(ModelError, match="make no table"):
        model.predict({"c0": [1, 2], "c1": [1]})


def test_evaluate_scores_a_file(
    finished_run: Path, frame: pl.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.parquet"
    frame.tail(450).write_parquet(path)
    out = tmp_path / "scores.parquet"
    words = ["evaluate", str(finished_run / "models" / "1"), str(path), "--predictions", str(out)]
    assert main(words) == 0
    scores = json.loads(capsys.readouterr().out)
    model = load_model(finished_run / "models" / "1")
    assert scores["rows"] == 450
    assert scores["auc"] == pytest.approx(model.document["test"]["auc"], abs=1e-6)
    expected = model.predict(frame.tail(450))
    np.testing.assert_allclose(pl.read_parquet(out)["probability"], expected, rtol=1e-6)


def test_one_class_has_no_auc_and_says_so(
    finished_run: Path, frame: pl.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "clicks.parquet"
    frame.filter(pl.col("label") == 1).head(20).write_parquet(path)
    scores = evaluate(finished_run / "models" / "1", path)
    assert scores["auc"] is None
    assert "AUC is undefined" in scores["reasons"]["auc"]
    assert scores["logloss"] > 0


def test_a_file_without_labels_is_scored_without_metrics(
    finished_run: Path, frame: pl.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "unlabelled.csv"
    frame.drop("label").head(30).write_csv(path)
    assert set(evaluate(finished_run / "models" / "1", path)) == {"rows", "unknown"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.json", b"{", "not JSON"),
        ("model.json", b'{"format": "else"}', "not a model of format"),
        ("model.json", None, "missing"),
        ("architecture.json", b'{"format": "else"}', "not an architecture"),
        (
            "architecture.json",
            b'{"format": "dagsmith.architecture/1", "nodes": [{"kind": "head", "attributes": {}},'
            b' {"kind": "head", "attributes": {}}], "edges": [[0, 1, "dense"], [1, 0, "dense"]]}',
            "cycle",
        ),
        ("model.safetensors", None, "model.safetensors"),
        ("model.safetensors", b"garbage!", "no readable checkpoint"),
    ],
)
def test_a_damaged_model_is_one_clear_error(
    finished_run: Path, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    shutil.copytree(finished_run / "models" / "1", tmp_path / "model")
    if content is None:
        (tmp_path / "model" / name).unlink()
    else:
        (tmp_path / "model" / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_model(tmp_path / "model")
    assert "\n" not in str(caught.value)


def test_weights_of_another_model_are_refused(finished_run: Path, tmp_path: Path) -> None:
    shutil.copytree(finished_run / "models" / "1", tmp_path / "model")
    shutil.copyfile(
        finished_run / "models" / "2" / "model.safetensors",
        tmp_path / "model" / "model.safetensors",
    )
    with pytest.raises(ModelError, match="weights of architecture"):
        load_model(tmp_path / "model")


def test_truncated_weights_are_refused(finished_run: Path, tmp_path: Path) -> None:
    shutil.copytree(finished_run / "models" / "1", tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match="no readable checkpoint"):
        load_model(tmp_path / "model")
