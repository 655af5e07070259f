"""`dagsmith train`, on a small synthetic log."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import torch

from dagsmith import evaluate, load_model, train_models
from dagsmith.cli import main
from dagsmith.data import Dataset, synthetic_click_log
from dagsmith.errors import RunError
from dagsmith.settings import SearchSettings
from dagsmith.space import Architecture, ArchitectureError, named_architecture
from dagsmith.supernet import CheckpointError, click_metrics, predict, train_scratch
from dagsmith.train_models import table

CPU = torch.device("cpu")

SETTINGS = SearchSettings(
    rows=2000,
    embedding_dim=4,
    embedding_l2=0.01,
    scratch_epochs=1,
    scratch_seeds=2,
    ensemble=True,
    dropout=0.1,
    jobs=1,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tower as an architecture's file, for the features of the synthetic log."""
    path = tmp_path_factory.mktemp("files") / "small.json"
    net = named_architecture("dnn", 6, 10, embedding_dim=4, dropout=0.0, hidden=(8,))
    path.write_text(net.to_json(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("train") / "run"
    train_models(["fm", str(file)], SETTINGS, out)
    return out


def test_figures_are_those_of_the_trainings(run: Path, file: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    assert [model["name"] for model in result["models"]] == ["fm", "small"]
    for model in result["models"]:
        assert model["seeds"] == [0, 1]
        for metric in ("auc", "logloss"):
            values = [found["test"][metric] for found in model["runs"]]
            assert model["test"][metric] == pytest.approx(fmean(values))
            assert model["deviation"][metric] == pytest.approx(np.std(values, ddof=1))
        assert all(found["rows_per_second"] > 0 for found in model["runs"])
        assert all(found["epochs"] == found["best_epoch"] == 1 for found in model["runs"])
    small = result["models"][1]
    assert small["parameters"] == (6 + 4 * 10 + 1) * 8 + 8 + 1
    expected = Architecture.from_json(file.read_text())
    assert Architecture.from_dict(small["architecture"]).key == expected.key
    assert small["recipe"]["dropout"] == 0.1
    lines = table(result).splitlines()
    assert [line.split()[0] for line in lines] == ["model", "fm", "ensemble", "small", "ensemble"]
    assert f"{small['test']['auc']:.4f} +- " in lines[3]


def test_a_calibrated_model_serves_what_was_measured(file: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, calibrate=True, scratch_seeds=1, ensemble=False)
    (found,) = train_models([str(file)], settings, tmp_path / "run")["models"]
    model = load_model(tmp_path / "run" / "models" / "small")
    assert model.networks[0].platt is not None
    assert found["recipe"]["calibrate"]
    store = Dataset.open(tmp_path / "run" / "data")
    measured = click_metrics(store.test.label, predict(model.networks[0], store.test, CPU))
    assert measured["logloss"] == pytest.approx(found["test"]["logloss"])


def test_an_ensemble_is_the_mean_of_its_members(run: Path) -> None:
    """Two members that agree less than perfectly: their mean is no worse than they are, by log
    loss, which is convex."""
    result = json.loads((run / "result.json").read_text())
    for model in result["models"]:
        losses = [found["test"]["logloss"] for found in model["runs"]]
        assert model["ensemble"]["test"]["logloss"] < fmean(losses)


def test_an_ensemble_serves_as_one_model(run: Path, tmp_path: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    found = next(model for model in result["models"] if model["name"] == "fm")
    joined = load_model(run / "models" / "fm-ensemble")
    assert len(joined.networks) == len(found["seeds"]) == 2
    assert joined.document["seeds"] == found["seeds"]
    assert joined.document["test"] == found["ensemble"]["test"]
    assert joined.document["flops"] == 2 * found["flops"]
    assert "seeds 0, 1" in repr(joined)
    frame = next(synthetic_click_log(3000))[0].tail(400)
    # Every member alone, put where a single model stands.
    alone = []
    for file in ("model.safetensors", "model-2.safetensors"):
        folder = tmp_path / file
        shutil.copytree(run / "models" / "fm", folder)
        shutil.copyfile(run / "models" / "fm-ensemble" / file, folder / "model.safetensors")
        alone.append(load_model(folder).predict(frame))
    assert not np.allclose(alone[0], alone[1])
    np.testing.assert_allclose(joined.predict(frame), np.mean(alone, axis=0), rtol=1e-6)
    path = tmp_path / "rows.parquet"
    frame.write_parquet(path)
    scores = evaluate(run / "models" / "fm-ensemble", path)
    label = frame["label"].to_numpy()
    assert scores["logloss"] == pytest.approx(
        click_metrics(label, joined.predict(frame))["logloss"]
    )
    (run / "models" / "fm-ensemble" / "model-2.safetensors").rename(tmp_path / "gone")
    try:
        with pytest.raises(CheckpointError, match=r"model-2\.safetensors"):
            load_model(run / "models" / "fm-ensemble")
    finally:
        (tmp_path / "gone").rename(run / "models" / "fm-ensemble" / "model-2.safetensors")


def test_models_are_kept_ready_to_serve(run: Path) -> None:
    model = load_model(run / "models" / "fm")
    result = json.loads((run / "result.json").read_text())
    losses = [found["valid"]["logloss"] for found in result["models"][0]["runs"]]
    assert model.document["seed"] == int(np.argmin(losses))
    columns = {field.name: ["unseen"] for field in model.encoders.fields}
    numbers = {name: [0.5] for name in model.encoders.dense_features}
    assert 0 < float(model.predict({**columns, **numbers})[0]) < 1


def test_the_same_arguments_go_on_and_others_are_refused(run: Path, file: Path) -> None:
    before = (run / "result.json").read_bytes()
    train_models(["fm", str(file)], SETTINGS, run)
    assert (run / "result.json").read_bytes() == before
    with pytest.raises(RunError, match="made with models="):
        train_models(["fm"], SETTINGS, run)
    with pytest.raises(RunError, match=r"made with dropout=0\.1"):
        train_models(["fm", str(file)], replace(SETTINGS, dropout=0.2), run)


def test_an_interrupted_run_goes_on(
    run: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def second_stops(*arguments: object, **settings: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train_scratch(*arguments, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr("dagsmith.trainings.train_scratch", second_stops)
    with pytest.raises(KeyboardInterrupt):
        train_models(["fm", str(file)], SETTINGS, tmp_path / "run")
    found = train_models(["fm", str(file)], SETTINGS, tmp_path / "run")
    assert len(calls) == 5
    whole = json.loads((run / "result.json").read_text())
    for one, other in zip(whole["models"], found["models"], strict=True):
        assert one["test"] == other["test"]
        assert one["ensemble"] == other["ensemble"]


def test_the_normalisation_of_towers_is_an_option(tmp_path: Path) -> None:
    settings = replace(SETTINGS, norm="layer", ensemble=False, scratch_seeds=1, rows=1000)
    found = train_models(["dnn"], settings, tmp_path / "run")["models"][0]
    nodes = Architecture.from_dict(found["architecture"]).nodes
    assert {node["norm"] for node in nodes if node.kind == "layer"} == {"layer"}


def test_mistakes_are_told_in_one_line(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "dcn2", "--out", str(tmp_path / "a")]) == 1
    assert (
        "no model is called 'dcn2' (and a file ends in .json); did you mean"
        in capsys.readouterr().err
    )
    assert main(["train", "fm", "--trials", "3", "--out", str(tmp_path / "a")]) == 2
    assert "unknown option --trials" in capsys.readouterr().err
    assert main(["train", "fm", "--dropout", "1.5", "--out", str(tmp_path / "a")]) == 1
    assert "dropout is 1.5; expected 0 or more, below 1" in capsys.readouterr().err
    with pytest.raises(RunError, match="fm, fm; expected different names"):
        train_models(["fm", "fm"], SETTINGS, tmp_path / "a")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(ArchitectureError, match=r"bad\.json: not an architecture"):
        train_models([str(tmp_path / "bad.json")], SETTINGS, tmp_path / "a")
    other = named_architecture("dnn", 6, 9, embedding_dim=4)
    (tmp_path / "other.json").write_text(other.to_json())
    with pytest.raises(RunError, match="'other': sparse_input has rows 9; the data have 10"):
        train_models([str(tmp_path / "other.json")], SETTINGS, tmp_path / "b")


def test_the_penalty_of_each_model_is_chosen_on_the_data(tmp_path: Path) -> None:
    settings = replace(SETTINGS, embedding_l2=None, ensemble=False, scratch_seeds=1, rows=1000)
    found = train_models(["fm", "lr"], settings, tmp_path / "run")
    recipe = json.loads((tmp_path / "run" / "stages" / "recipe.json").read_text())["output"]
    for model in found["models"]:
        losses = recipe["probes"][model["name"]]
        assert f"{model['recipe']['embedding_l2']:g}" == min(losses, key=losses.get)
        assert "ensemble" not in model
        assert model["deviation"] == {"auc": None, "logloss": None}
