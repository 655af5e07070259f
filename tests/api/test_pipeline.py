"""The whole way on a small synthetic log: its outcome, its interruptions, its repetition."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from dagsmith.data import DatasetError, RatioSplit, prepare, prepare_synthetic
from dagsmith.errors import RunError, StoreError
from dagsmith.pipeline import STAGES, rewrite_report, search_models
from dagsmith.progress import SilentReporter
from dagsmith.result import read_result
from dagsmith.search import StudyError
from dagsmith.settings import SearchSettings
from dagsmith.supernet import CheckpointError, TrainingError, train_scratch


class Interrupting(SilentReporter):
    """Presses Ctrl-C when `stage` has reported progress `after` times."""

    def __init__(self, stage: str, after: int) -> None:
        self.stage, self.after, self.now = stage, after, ""

    def begin(self, stage: str) -> None:
        self.now = stage

    def update(self, done: float, total: float, note: str = "") -> None:
        if self.now == self.stage:
            self.after -= 1
            if self.after <= 0:
                raise KeyboardInterrupt


class Listening(SilentReporter):
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.notes: list[str] = []

    def update(self, done: float, total: float, note: str = "") -> None:
        self.notes.append(note)

    def say(self, text: str) -> None:
        self.lines.append(text)


def outcome(path: Path) -> dict[str, Any]:
    """The result without what may differ between two runs of the same settings: times."""
    result = read_result(path / "result.json")
    for key in ("created", "seconds"):
        del result[key]
    for group in ("models", "truth", "baselines"):
        for entry in result[group]:
            runs = [entry["runs"], *(way["runs"] for way in entry.get("ways", {}).values())]
            for run in (run for each in runs for run in each):
                del run["seconds"], run["rows_per_second"]
    return result


def test_a_search_leaves_result_report_and_models(finished_run: Path, tiny: SearchSettings) -> None:
    result = read_result(finished_run / "result.json")
    assert set(result["seconds"]) == {*STAGES, "total"}
    assert result["search"]["complete"] == tiny.trials
    assert [model["rank"] for model in result["models"]] == [1, 2]
    losses = [model["valid"]["logloss"] for model in result["models"]]
    assert losses == sorted(losses)
    assert [len(model["seeds"]) for model in result["models"]] == [2, 2]
    assert [len(entry["seeds"]) for entry in result["truth"]] == [1, 1]
    # All ran the short heat; the best there, finalists or not, went on.
    heat = [
        [entry["heat"]["valid"]["logloss"] for entry in result[group]]
        for group in ("models", "truth")
    ]
    assert max(heat[0]) <= min(heat[1])
    assert {entry["heat"]["epochs"] for entry in result["models"]} == {2}
    assert [entry["runs"][0]["epochs"] for entry in result["truth"]] == [2, 2]
    assert sum(entry["finalist"] for group in ("models", "truth") for entry in result[group]) == 2
    assert {entry["name"] for entry in result["baselines"]} == {
        "dnn",
        "deepfm",
        "dcnv2",
        "finalmlp",
    }
    rows = {(row["joint"], row["metric"]): row for row in result["rank_correlation"]}
    assert rows["supernet-scratch", "kendall_tau"]["n"] == 4
    # Everything that was proposed after the random round carries a prediction.
    assert rows["predictor-supernet", "kendall_tau"]["n"] == tiny.trials - 4
    assert 0 < result["dataset"]["bayes_logloss"] < losses[0]
    names = sorted(path.name for path in (finished_run / "models" / "1").iterdir())
    assert names == ["architecture.json", "encoders", "model.json", "model.safetensors"]
    assert (finished_run / "report.html").stat().st_size > 1_000_000


def test_the_front_is_a_front(finished_run: Path) -> None:
    front = read_result(finished_run / "result.json")["pareto_front"]
    losses = [point["supernet"]["logloss"] for point in front]
    flops = [point["flops"] for point in front]
    assert losses == sorted(losses)
    assert flops == sorted(flops, reverse=True)
    assert len(set(flops)) == len(flops)


def test_a_second_run_says_that_it_is_done(finished_run: Path, tiny: SearchSettings) -> None:
    before = (finished_run / "result.json").read_bytes()
    told = Listening()
    result = search_models(tiny, finished_run, told)
    assert "is done" in told.lines[-1]
    assert result == json.loads(before)
    assert (finished_run / "result.json").read_bytes() == before


def test_interrupted_at_every_stage_it_ends_with_the_same_result(
    finished_run: Path, tiny: SearchSettings, tmp_path: Path
) -> None:
    # Interrupted in the middle where a stage reports often enough, else at its first report.
    for stage, after in {
        "data": 1,
        "recipe": 1,
        "supernet": 4,
        "search": 6,
        "scratch": 7,
        "distil": 6,
        "baselines": 10,
    }.items():
        with pytest.raises(KeyboardInterrupt):
            search_models(tiny, tmp_path / "run", Interrupting(stage, after))
    told = Listening()
    search_models(tiny, tmp_path / "run", told)
    assert [line for line in told.lines if "finished before" in line] == [
        f"{stage}: finished before"
        for stage in ("data", "recipe", "supernet", "predictor", "search", "scratch", "distil")
    ]
    assert outcome(tmp_path / "run") == outcome(finished_run)


def test_other_settings_are_refused_in_the_same_directory(
    finished_run: Path, tiny: SearchSettings
) -> None:
    with pytest.raises(RunError, match="made with trials=10, not 11"):
        search_models(replace(tiny, trials=11), finished_run)


def test_the_report_is_written_again_from_what_is_there(finished_run: Path, tmp_path: Path) -> None:
    shutil.copytree(finished_run, tmp_path / "run")
    before = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    (tmp_path / "run" / "report.html").unlink()
    rewrite_report(tmp_path / "run")
    assert (tmp_path / "run" / "report.html").read_text(encoding="utf-8") == before


@pytest.mark.parametrize("harm", ["gone", "empty", "another", "less"])
def test_a_report_is_not_overwritten_from_a_study_that_is_lost(
    finished_run: Path, tmp_path: Path, tiny: SearchSettings, harm: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    report, file = (run / "report.html").read_bytes(), run / "study.db"
    # A log beside the file would be taken for that of the next one.
    for part in run.glob("study.db*"):
        part.unlink()
    if harm == "empty":
        file.touch()
    if harm in ("another", "less"):
        study = optuna.create_study(
            storage=f"sqlite:///{file}",
            study_name="other" if harm == "another" else tiny.study,
            directions=["minimize"] * 2,
        )
        whole = optuna.load_study(
            study_name=tiny.study, storage=f"sqlite:///{finished_run / 'study.db'}"
        )
        study.add_trials(whole.get_trials()[:-1])
    messages = {
        "gone": "there is no such file",
        "empty": "has no study 'dagsmith'; there is none",
        "another": "has no study 'dagsmith'; did you mean|has no study 'dagsmith'; expected one of",
        "less": f"it has {tiny.trials - 1} finished trials, the result {tiny.trials}",
    }
    with pytest.raises(RunError, match=r"study 'dagsmith' in .*study\.db: ") as caught:
        rewrite_report(run)
    assert re.search(messages[harm], str(caught.value))
    assert (run / "report.html").read_bytes() == report
    assert file.exists() == (harm != "gone")


def test_a_run_whose_result_is_gone_is_not_reported(tmp_path: Path, finished_run: Path) -> None:
    shutil.copytree(finished_run, tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    with pytest.raises(ValueError, match="has the search finished"):
        rewrite_report(tmp_path / "run")


def test_a_prepared_store_is_used_where_it_lies_and_must_stay_the_same(
    tiny: SearchSettings, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    prepare_synthetic(store, rows=3000)
    settings = replace(tiny, rows=None, data=str(store))
    with pytest.raises(KeyboardInterrupt):
        search_models(settings, tmp_path / "run", Interrupting("supernet", 2))
    assert not (tmp_path / "run" / "data").exists()
    prepare_synthetic(store, rows=4000, overwrite=True)
    with pytest.raises(RunError, match="is another data set"):
        search_models(settings, tmp_path / "run")


def test_what_a_prepared_store_has_decided_cannot_be_asked_for(
    tiny: SearchSettings, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    prepare_synthetic(store, rows=3000)
    settings = replace(tiny, rows=None, data=str(store), drop=("c0",), min_count=5)
    with pytest.raises(RunError, match=r"drop, min_count: not for .*store, a prepared store"):
        search_models(settings, tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limit": ("fops=3",)}, "no cost 'fops' to limit; did you mean 'flops'"),
        ({"technology": "nothere.json"}, "nothere.json: no such technology file"),
        ({"objectives": "logloss,gauc"}, "objective 'gauc' is not measured by a search"),
        ({"objectives": "logloss,mine:maximize"}, "objective 'mine' is not measured"),
    ],
)
def test_a_mistake_is_found_before_anything_is_done(
    tiny: SearchSettings, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        search_models(replace(tiny, **change), tmp_path / "run")
    assert not (tmp_path / "run" / "stages").exists()


def test_a_study_of_another_search_is_refused_before_the_supernet(
    tiny: SearchSettings, tmp_path: Path, finished_run: Path
) -> None:
    storage = f"sqlite:///{finished_run / 'study.db'}"
    told = Interrupting("supernet", 1)
    changes: tuple[tuple[dict[str, Any], str], ...] = (
        ({"blocks": 3}, "slots"),
        ({"rows": 4000}, "data"),
        ({"objectives": "auc"}, "objectives"),
        ({"space": "nasrec-full"}, "space"),
        ({"embedding_l2": 0.7}, "embedding_l2"),
        ({"supernet_epochs": 7}, "supernet_epochs"),
    )
    for change, named in changes:
        settings = replace(tiny, storage=storage, **change)
        with pytest.raises(StudyError, match=named):
            search_models(settings, tmp_path / named, told)


def test_a_predictor_store_that_is_not_there_is_refused_before_anything_is_done(
    tiny: SearchSettings, tmp_path: Path
) -> None:
    told = Interrupting("data", 1)
    misspelt = replace(tiny, predictor_store=str(tmp_path / "stroe"))
    with pytest.raises(StoreError, match="stroe: there is no such folder"):
        search_models(misspelt, tmp_path / "run", told)
    # Its correction may take the place, and goes on to the data.
    (tmp_path / "store").mkdir()
    corrected = replace(tiny, predictor_store=str(tmp_path / "store"))
    with pytest.raises(KeyboardInterrupt):
        search_models(corrected, tmp_path / "run", told)


def test_a_store_without_test_rows_is_refused(tiny: SearchSettings, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("click,user\n" + "".join(f"{i % 2},{i % 7}\n" for i in range(200)))
    prepare(log, tmp_path / "store", label="click", split=RatioSplit(0.9, 0.1, 0.0))
    settings = replace(tiny, rows=None, data=str(tmp_path / "store"))
    with pytest.raises(DatasetError, match="no split 'test'"):
        search_models(settings, tmp_path / "run")


@pytest.mark.parametrize("content", [b"garbage", b""])
def test_a_foreign_checkpoint_is_named(
    tiny: SearchSettings, tmp_path: Path, finished_run: Path, content: bytes
) -> None:
    shutil.copytree(finished_run, tmp_path / "run")
    for stage in ("supernet", "report"):
        (tmp_path / "run" / "stages" / f"{stage}.json").unlink()
    (tmp_path / "run" / "supernet.training.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"supernet\.training\.safetensors") as caught:
        search_models(tiny, tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_a_training_that_fails_is_told_and_the_others_go_on(
    tiny: SearchSettings, tmp_path: Path, finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished_run, tmp_path / "run")
    for stage in ("scratch", "report"):
        (tmp_path / "run" / "stages" / f"{stage}.json").unlink()
    shutil.rmtree(tmp_path / "run" / "scratch")
    calls: list[int] = []

    def failing(*arguments: Any, **settings: Any) -> Any:
        # Of the second seed there are finalists only.
        calls.append(settings["seed"])
        if calls.count(1) == 1 and settings["seed"] == 1:
            raise TrainingError("training loss is nan at step 3")
        return train_scratch(*arguments, **settings)

    monkeypatch.setattr("dagsmith.trainings.train_scratch", failing)
    told = Listening()
    result = search_models(tiny, tmp_path / "run", told)
    assert any("training loss is nan at step 3" in line for line in told.lines)
    assert sorted(len(m["ways"]["alone"]["seeds"]) for m in result["models"]) == [1, 2]


def test_a_search_ends_by_the_clock(
    tiny: SearchSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the search spent before it was started again counts.
    monkeypatch.setattr("dagsmith.run_directory.RunDirectory.seconds", lambda *_: 59.9)
    told = Listening()
    short = replace(
        tiny, search_minutes=1, trials=1000, truth=1, scratch_seeds=1, no_baselines=True
    )
    result = search_models(short, tmp_path / "run", told)
    evaluated = result["search"]["complete"]
    assert 0 < evaluated < 1000
    assert f"search: {evaluated} of 1000 trials within 1 minutes" in told.lines
    assert "0:00 at the most" in told.notes
    assert len(result["models"]) == min(2, evaluated)


def test_if_nothing_can_be_trained_the_job_says_so(
    tiny: SearchSettings, tmp_path: Path, finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished_run, tmp_path / "run")
    for stage in ("scratch", "report"):
        (tmp_path / "run" / "stages" / f"{stage}.json").unlink()
    shutil.rmtree(tmp_path / "run" / "scratch")

    def failing(*arguments: Any, **settings: Any) -> Any:
        raise TrainingError("training loss is nan at step 0")

    monkeypatch.setattr("dagsmith.trainings.train_scratch", failing)
    with pytest.raises(RunError, match="no architecture could be trained"):
        search_models(tiny, tmp_path / "run")
