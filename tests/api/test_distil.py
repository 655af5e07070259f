"""Models that were trained once more from what all of them answer together."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dagsmith import load_model, train_models
from dagsmith.distil import FOLDER, LABELS, better, kept_trainings, taught, teachable, winners
from dagsmith.ensemble import ensemble
from dagsmith.errors import RunError
from dagsmith.job import Job, search_directory
from dagsmith.pipeline import search_models
from dagsmith.progress import SilentReporter
from dagsmith.result import read_result
from dagsmith.settings import SearchSettings
from dagsmith.space import named_architecture
from dagsmith.supernet import RECIPES
from dagsmith.trainings import FIGURES, Training


@pytest.fixture(scope="module")
def job(finished_run: Path, tiny: SearchSettings) -> Job:
    return Job(tiny, search_directory(tiny, finished_run), SilentReporter())


def training(folder: Path, loss: float | None, seed: int = 0) -> Training:
    """A training that has this validation log loss; None is one that failed."""
    found = Training(
        named_architecture("lr", 2, 3), RECIPES["default"], seed, folder, folder / f"lr-{seed}"
    )
    return told(found, loss)


def told(found: Training, loss: float | None) -> Training:
    found.folder.mkdir(parents=True, exist_ok=True)
    figures = {"failure": "NaN"} if loss is None else {"valid": {"logloss": loss, "auc": 1 - loss}}
    (found.folder / FIGURES).write_text(json.dumps({"seed": found.seed, **figures}))
    return found


def test_every_winner_has_figures_of_both_ways(finished_run: Path) -> None:
    result = read_result(finished_run / "result.json")
    teacher = result["teacher"]
    assert teacher["share"] == 0.9
    assert teacher["members"] == 4
    for model in result["models"]:
        alone, pupil = model["ways"]["alone"], model["ways"]["distilled"]
        kept = pupil if model["distilled"] else alone
        assert (model["valid"], model["runs"]) == (kept["valid"], kept["runs"])
        assert alone["seeds"] == [0, 1]
        if model["distilled"]:
            assert pupil["valid"]["logloss"] < alone["valid"]["logloss"]
            assert pupil["seeds"] == [0, 1]
    # On this log of 2,100 rows everything learns more from the others than from its labels.
    assert all(model["distilled"] for model in result["models"])
    assert not any("ways" in entry for entry in [*result["truth"], *result["baselines"]])


def test_the_labels_are_those_of_all_winners_together(finished_run: Path, job: Job) -> None:
    labels = np.load(finished_run / FOLDER / LABELS)
    true = job.dataset.train.label
    assert labels.shape == true.shape
    # A tenth is the label: what remains are the teachers' answers.
    answers = (labels - 0.1 * true) / 0.9
    assert ((answers > -1e-6) & (answers < 1 + 1e-6)).all()
    assert 0 < answers.std() < 0.5
    teacher = read_result(finished_run / "result.json")["teacher"]
    trainings = [each for group in winners(job) for each in group]
    assert ensemble(trainings) == {name: teacher[name] for name in ("valid", "test")}


def test_the_kept_model_is_the_pupil(finished_run: Path) -> None:
    result = read_result(finished_run / "result.json")
    best = result["models"][0]
    document = json.loads((finished_run / "models" / "1" / "model.json").read_text())
    assert document["distilled"] is True
    run = next(run for run in best["runs"] if run["seed"] == document["seed"])
    assert document["test"] == run["test"]
    kept = (finished_run / "models" / "1" / "model.safetensors").read_bytes()
    folder = f"{best['key']}-{document['seed']}"
    assert kept == (finished_run / FOLDER / folder / "model.safetensors").read_bytes()
    assert load_model(finished_run / "models" / "1").document["distilled"] is True


def test_the_better_of_both_ways_is_kept(job: Job, tmp_path: Path) -> None:
    alone = [training(tmp_path / "alone", loss, seed) for seed, loss in enumerate((0.5, 0.4))]
    folder = tmp_path / "taught"
    pupils = [taught(each, folder) for each in alone]
    assert [pupil.labels for pupil in pupils] == [folder / LABELS] * 2
    # Not trained at all, or not with all seeds.
    assert kept_trainings(job, alone, folder) == alone
    told(pupils[0], 0.3)
    assert kept_trainings(job, alone, folder) == alone
    assert better(job, pupils[:1], alone[:1])
    told(pupils[1], 0.5)
    assert kept_trainings(job, alone, folder) == pupils
    told(pupils[1], 0.7)
    assert kept_trainings(job, alone, folder) == alone
    told(pupils[1], None)
    assert kept_trainings(job, alone, folder) == alone


def test_a_seed_that_failed_without_teachers_is_no_merit_of_theirs(
    job: Job, tmp_path: Path
) -> None:
    alone = [training(tmp_path / "alone", loss, seed) for seed, loss in enumerate((0.5, None))]
    pupils = [taught(each, tmp_path / "taught") for each in alone]
    told(pupils[0], 0.51), told(pupils[1], 0.2)
    assert not better(job, pupils, alone)
    assert not teachable([alone])
    assert teachable([alone, [training(tmp_path / "more", 0.5)]])


def search(finished_run: Path, settings: SearchSettings, out: Path) -> dict[str, Any]:
    """The search again from the race on, with other settings of what follows."""
    shutil.copytree(finished_run, out)
    shutil.rmtree(out / FOLDER)
    for stage in ("distil", "report"):
        (out / "stages" / f"{stage}.json").unlink()
    run = json.loads((out / "run.json").read_text())
    run["configuration"] = settings.to_dict()
    (out / "run.json").write_text(json.dumps(run))
    return search_models(settings, out)


def test_without_distillation(finished_run: Path, tiny: SearchSettings, tmp_path: Path) -> None:
    result = search(finished_run, replace(tiny, distil=0.0), tmp_path / "run")
    before = read_result(finished_run / "result.json")
    assert "teacher" not in result
    assert not (tmp_path / "run" / FOLDER).exists()
    ways = {model["key"]: model["ways"]["alone"]["runs"] for model in before["models"]}
    assert {model["key"]: model["runs"] for model in result["models"]} == ways
    assert not any("ways" in model for model in result["models"])
    document = json.loads((tmp_path / "run" / "models" / "1" / "model.json").read_text())
    assert document["distilled"] is False


def test_a_share_is_0_to_1(tiny: SearchSettings) -> None:
    with pytest.raises(RunError, match=r"distil is 1\.5; expected 0 \(do not\) to 1"):
        replace(tiny, distil=1.5)


def test_hand_made_models_learn_from_their_own_seeds(tmp_path: Path) -> None:
    settings = SearchSettings(
        rows=2000, embedding_dim=4, embedding_l2=0.01, scratch_epochs=1, scratch_seeds=2, jobs=1
    )
    plain = train_models(["fm", "dnn"], settings, tmp_path / "plain")
    assert not any("ways" in model for model in plain["models"])
    asked = replace(settings, distil=0.5, ensemble=True)
    result = train_models(["fm", "dnn"], asked, tmp_path / "taught")
    for model, other in zip(result["models"], plain["models"], strict=True):
        alone, before = (
            [(run["seed"], run["valid"], run["test"]) for run in runs]
            for runs in (model["ways"]["alone"]["runs"], other["runs"])
        )
        assert alone == before
        kept = model["ways"]["distilled" if model["distilled"] else "alone"]
        assert model["runs"] == kept["runs"]
        assert (tmp_path / "taught" / FOLDER / model["name"] / LABELS).is_file()
        folder = tmp_path / "taught" / "models" / model["name"]
        assert load_model(folder).document["distilled"] is model["distilled"]
    stage = json.loads((tmp_path / "taught" / "stages" / "distil.json").read_text())["output"]
    assert {name: each["members"] for name, each in stage["teachers"].items()} == {
        "fm": 2,
        "dnn": 2,
    }
