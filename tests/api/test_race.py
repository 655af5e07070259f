"""The race: its plan, and a whole search in ctr-plus, where hand-made models run with the found.

There candidates are trained alone, by default.
"""

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagsmith import load_model
from dagsmith.job import Job
from dagsmith.pipeline import search_models
from dagsmith.progress import SilentReporter
from dagsmith.race import Heat, plan_heats
from dagsmith.result import read_result
from dagsmith.run_directory import RunDirectory, read_configuration
from dagsmith.search import StudyError
from dagsmith.settings import SearchSettings
from dagsmith.space import HANDMADE
from dagsmith.stages import stage_data
from dagsmith.training import BASELINES, search_probes


@given(st.integers(1, 60), st.integers(1, 8), st.integers(1, 100), st.integers(1, 100))
def test_heats_grow_longer_and_smaller_and_end_with_a_full_training(
    contenders: int, winners: int, epochs: int, shortest: int
) -> None:
    heats = plan_heats(contenders, winners, epochs, shortest)
    assert heats[0].places == contenders
    assert heats[-1].epochs == epochs
    assert all(before.epochs < after.epochs for before, after in pairwise(heats))
    for before, after in pairwise(heats):
        assert after.places == max(winners, math.ceil(before.places / 4))
    # It does not cost more than training all in full would.
    if contenders >= 2 * winners and shortest * 4 <= epochs:
        assert sum(h.epochs * h.places for h in heats) <= contenders * epochs


def test_where_all_win_there_is_one_heat() -> None:
    assert plan_heats(3, 3, 8, 2) == (Heat(8, 3),)
    assert plan_heats(9, 3, 1, 1) == (Heat(1, 9),)
    assert plan_heats(40, 2, 16, 1) == (Heat(1, 40), Heat(4, 10), Heat(16, 3))


@pytest.fixture(scope="module")
def plus_run(tiny: SearchSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search in ctr-plus whose study holds little more than the hand-made models."""
    path = tmp_path_factory.mktemp("plus") / "run"
    settings = replace(
        tiny,
        space="ctr-plus",
        transfer=("none",),
        blocks=1,
        trials=13,
        truth=1,
        initial=2,
        scratch_epochs=4,
        embedding_l2=0.1,
        evaluator="short-training",
        short_rows=2000,
        ensemble=True,
        no_baselines=True,
    )
    search_models(settings, path)
    return path


def test_hand_made_models_of_the_space_run_and_none_is_better_than_the_winner(
    plus_run: Path,
) -> None:
    result = read_result(plus_run / "result.json")
    entries = [*result["models"], *result["truth"]]
    assert {entry["name"] for entry in entries if "name" in entry} == set(HANDMADE)
    heats = {entry["key"]: entry["heat"] for entry in entries}
    assert len(heats) == len(entries)
    assert {heat["epochs"] for heat in heats.values()} == {1}
    # Of all that were trained in full with the first seed, the winners are best on validation.
    full = [entry for entry in entries if entry["runs"][0]["epochs"] > 1]
    assert 2 <= len(full) < len(entries)
    losses = [entry["runs"][0]["valid"]["logloss"] for entry in full]
    assert sorted(losses)[:2] == sorted(
        entry["runs"][0]["valid"]["logloss"] for entry in result["models"]
    )
    rows = {(row["joint"], row["metric"]): row for row in result["rank_correlation"]}
    assert rows["supernet-scratch", "kendall_tau"]["n"] == len(entries)


def test_candidates_are_trained_shortly_from_the_embeddings_of_a_baseline(plus_run: Path) -> None:
    result = read_result(plus_run / "result.json")
    assert result["search"]["evaluator"] == "short-training"
    output = json.loads((plus_run / "stages" / "supernet.json").read_text())["output"]
    assert output == {"model": "finalmlp", "path": "baselines/finalmlp-0"}
    assert not (plus_run / "supernet.safetensors").exists()
    study = optuna.load_study(study_name="dagsmith", storage=f"sqlite:///{plus_run / 'study.db'}")
    assert {trial.user_attrs["fidelity"] for trial in study.trials} == {"short-training"}


def test_candidates_are_subnets_that_are_trained_on(tiny: SearchSettings, tmp_path: Path) -> None:
    result = search_models(
        replace(tiny, evaluator="fine-tuning", short_rows=1000, distil=0.0, no_baselines=True),
        tmp_path / "run",
    )
    assert (tmp_path / "run" / "supernet.safetensors").exists()
    assert result["search"]["evaluator"] == "fine-tuning"
    study = optuna.load_study(
        study_name="dagsmith", storage=f"sqlite:///{tmp_path / 'run' / 'study.db'}"
    )
    assert {trial.user_attrs["fidelity"] for trial in study.trials} == {"fine-tuning"}


def test_on_a_small_log_the_search_is_the_first_heat(tiny: SearchSettings, tmp_path: Path) -> None:
    settings = replace(
        tiny,
        space="ctr-plus",
        objectives="logloss",
        blocks=1,
        trials=13,
        initial=2,
        truth=1,
        scratch_epochs=3,
        few_epochs=1,
        embedding_l2=0.1,
        no_baselines=True,
    )
    result = search_models(settings, tmp_path / "run")
    assert result["search"]["evaluator"] == "few-epochs"
    # Its predictor begins with the table of its space, and its budget is what people have made.
    assert result["search"]["learned_before"] == ["frappe-ctr-plus"]
    assert (tmp_path / "run" / "predictor-start.safetensors").exists()
    most = result["search"]["limits"]["flops"]
    named = [e for e in [*result["models"], *result["truth"]] if "name" in e]
    assert 0 < max(entry["flops"] for entry in named) <= most
    report = (tmp_path / "run" / "report.html").read_text()
    assert "with a predictor that knew frappe-ctr-plus" in report
    assert not (tmp_path / "run" / "supernet.safetensors").exists()
    entries = [*result["models"], *result["truth"]]
    # One heat, in full, with seeds that the search has not seen.
    assert {entry["runs"][0]["epochs"] for entry in entries} <= {2, 3}
    study = optuna.load_study(
        study_name="dagsmith", storage=f"sqlite:///{tmp_path / 'run' / 'study.db'}"
    )
    assert {trial.user_attrs["fidelity"] for trial in study.trials} == {"few-epochs"}
    # Of the hand-made models that are no finalists, those that did best there run.
    output = json.loads((tmp_path / "run" / "stages" / "scratch.json").read_text())["output"]
    others = [
        trial
        for trial in study.trials[: len(HANDMADE)]
        if trial.number not in output["finalists"] and trial.values
    ]
    ran = {entry["trial"] for entry in entries if "name" in entry} - set(output["finalists"])
    losses = sorted(trial.values[0] for trial in others)
    assert sorted(study.trials[number].values[0] for number in ran) == losses[:2]
    seeds = {trial.user_attrs["seed"] for trial in study.trials}
    assert not seeds & set(result["models"][0]["seeds"])


def test_on_a_large_log_candidates_are_trained_shortly(
    tiny: SearchSettings, plus_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SearchSettings.from_dict(read_configuration(plus_run))
    job = Job(
        replace(settings, evaluator="auto"),
        RunDirectory(plus_run, settings.to_dict()),
        SilentReporter(),
    )
    assert job.evaluator == "few-epochs"
    monkeypatch.setattr("dagsmith.job.SMALL_LOG", len(job.dataset.train) - 1)
    assert job.evaluator == "short-training"


def test_the_scores_of_another_evaluator_are_refused(
    plus_run: Path, tiny: SearchSettings, tmp_path: Path
) -> None:
    settings = replace(
        tiny,
        space="ctr-plus",
        transfer=("none",),
        blocks=1,
        evaluator="supernet",
        storage=f"sqlite:///{plus_run / 'study.db'}",
        objectives="logloss,flops",
        embedding_l2=0.1,
        supernet_epochs=1,
        trials=14,
    )
    with pytest.raises(StudyError, match="evaluator"):
        search_models(settings, tmp_path / "run")


def test_without_baselines_a_good_model_still_tells_the_penalty(
    tiny: SearchSettings, tmp_path: Path
) -> None:
    found = {}
    for space, alone in (("ctr-plus", True), ("nasrec-small", True), ("ctr-plus", False)):
        settings = replace(tiny, rows=1000, space=space, no_baselines=alone)
        path = tmp_path / f"{space}-{alone}"
        job = Job(settings, RunDirectory(path, settings.to_dict()), SilentReporter())
        job.directory.run("data", lambda job=job: stage_data(job))  # type: ignore[misc]
        found[space, alone] = list(search_probes(job))
    assert found["ctr-plus", True] == ["searched", "finalmlp"]
    assert found["nasrec-small", True] == ["searched", "dnn"]
    assert found["ctr-plus", False] == ["searched", *BASELINES]


def test_the_hand_made_models_are_evaluated_first(plus_run: Path) -> None:
    result = read_result(plus_run / "result.json")
    places = {entry.get("name"): entry["trial"] for entry in result["truth"] + result["models"]}
    assert [places[name] for name in HANDMADE] == list(range(len(HANDMADE)))


def test_what_won_is_kept_ready_to_serve(plus_run: Path) -> None:
    result = read_result(plus_run / "result.json")
    for entry in result["models"]:
        model = load_model(plus_run / entry["path"])
        assert model.architecture.key == entry["key"]
        recipe = json.loads((plus_run / entry["path"] / "model.json").read_text())["recipe"]
        assert recipe["epochs"] == 4
        joined = load_model(plus_run / f"{entry['path']}-ensemble")
        assert joined.document["seeds"] == entry["seeds"]
        assert joined.document["test"] == entry["ensemble"]["test"]
        assert len(joined.networks) == 2
    folders = {path.name for path in (plus_run / "models").iterdir()}
    assert folders == {"1", "1-ensemble", "2", "2-ensemble"}


def test_without_hand_made_models_the_search_begins_at_random(
    tiny: SearchSettings, tmp_path: Path
) -> None:
    settings = replace(
        tiny,
        space="ctr-plus",
        transfer=("none",),
        trials=3,
        initial=2,
        truth=1,
        top=1,
        scratch_seeds=1,
        scratch_epochs=1,
        no_handmade=True,
        no_baselines=True,
        embedding_l2=0.1,
        evaluator="supernet",
        supernet_epochs=1,
    )
    result = search_models(settings, tmp_path / "run")
    assert not any("name" in entry for entry in [*result["models"], *result["truth"]])
    assert len(result["models"] + result["truth"]) == 2
