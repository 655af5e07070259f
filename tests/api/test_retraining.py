import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import optuna
import pytest

from dagsmith.cli import main
from dagsmith.data import Evaluation
from dagsmith.errors import StoreBusyError, StoreError
from dagsmith.learned import held_out
from dagsmith.predictor import GNNSettings, TrainingSettings
from dagsmith.predictor_store import PredictorStore
from dagsmith.retraining import RetrainSettings, retrain
from dagsmith.search import Objective, make_sampler, open_study, run_search
from dagsmith.search.labels import read_labels
from dagsmith.space import Architecture, nasrec_small

SPACE = nasrec_small(4, 5, blocks=2, widths=(16, 32, 64), rows=(16, 32))
QUICK = RetrainSettings(
    least=6,
    share=0.3,
    blocks=2,
    predictor=GNNSettings(
        members=2, dim=8, rounds=1, training=TrainingSettings(epochs=30, batch=8)
    ),
)

# Each child retrains, and is killed before its k-th step that makes something durable.
PROGRAM = """
import os, runpy, signal, sys
import optuna
folder, study_file, store = sys.argv[1:]
tests = runpy.run_path(folder + "/test_retraining.py")
from dagsmith.predictor_store import PredictorStore
from dagsmith.search.storage import open_storage, open_studies

def work():
    studies = open_studies(open_storage(study_file), ["a"])
    return tests["retrain"](studies, store, settings=tests["QUICK"])

def deadly(function, left):
    def called(*arguments, **named):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)
    return called

steps = 0
while True:
    child = os.fork()
    if not child:
        left = [steps]
        for name in ("fsync", "replace", "rename"):
            setattr(os, name, deadly(getattr(os, name), left))
        outcome = work()
        os._exit(0 if outcome.verdict == "promoted" else 9)
    _, status = os.waitpid(child, 0)
    seen = PredictorStore(store)
    skipped = []
    versions = seen.versions(skipped.append)
    champion = seen.champion(skipped.append)
    assert not skipped, skipped
    for version in versions:
        version.load()
    if os.WIFEXITED(status):
        # A promotion that the killed child had already made leaves nothing new to learn.
        assert os.WEXITSTATUS(status) in (0, 9), status
        break
    steps += 1
    print(steps, len(versions), champion and champion.number, flush=True)
assert champion is not None
print("killed", steps)
"""


class SmoothTable:
    """Wider and deeper is better, with diminishing returns, and a little noise of its own."""

    fidelity = "table"

    def __init__(self, noise: float = 0.001) -> None:
        self._noise = noise

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        return [self._one(architecture) for architecture in architectures]

    def _one(self, architecture: Architecture) -> Evaluation:
        widths = [float(node.values.get("width") or 1) for node in architecture.nodes]
        luck = np.random.default_rng(int(architecture.key[:8], 16)).normal()
        value = 0.6 - 0.02 * np.log(sum(widths)) - 0.004 * len(widths) + self._noise * luck
        return Evaluation(architecture, {"logloss": float(value)}, fidelity="table")


def searched(
    storage: str | Path | optuna.storages.BaseStorage,
    trials: int,
    name: str = "a",
    noise: float = 0.001,
    *,
    seed: int | None = None,
    data: str | None = None,
) -> optuna.Study:
    context = {} if data is None else {"data": data}
    study = open_study(storage, name, SPACE, (Objective("logloss", "minimize"),), context=context)
    run_search(
        study,
        SPACE,
        SmoothTable(noise),
        sampler=lambda seed: make_sampler("random", SPACE, seed),
        trials=trials,
        initial=20,
        seed=ord(name) if seed is None else seed,
    )
    return study


@pytest.fixture
def memory() -> optuna.storages.BaseStorage:
    return optuna.storages.InMemoryStorage()


def test_the_first_must_beat_chance_and_the_next_the_first(
    tmp_path: Path, memory: optuna.storages.BaseStorage
) -> None:
    first = retrain([searched(memory, 90)], tmp_path / "store", settings=QUICK)
    assert (first.verdict, first.champion, first.challenger) == ("promoted", 1, 1)
    assert first.split is not None
    assert first.split.champion == 0.0
    assert first.record is None
    again = retrain([searched(memory, 90)], tmp_path / "store", settings=QUICK)
    assert (again.verdict, again.champion, again.challenger) == ("not enough data", 1, None)
    assert again.reason == "0 new architectures since version 1; expected 6"
    second = retrain([searched(memory, 180)], tmp_path / "store", settings=QUICK)
    assert second.challenger == 2
    assert second.record is not None
    assert second.split is not None
    assert second.split.n > first.split.n
    assert (second.verdict == "promoted") == (second.champion == 2)
    assert second.gain is not None
    assert second.low is not None
    assert (second.low > 0) >= (second.verdict == "promoted")
    assert len(PredictorStore(tmp_path / "store").versions()) == 2


def test_a_challenger_that_learned_noise_is_kept_from_the_throne(
    tmp_path: Path, memory: optuna.storages.BaseStorage
) -> None:
    study = searched(memory, 90)
    assert retrain([study], tmp_path, settings=QUICK).verdict == "promoted"
    # What follows is nothing but noise: there is nothing in it to be better with.
    noise = searched(memory, 60, "b", noise=1.0)
    outcome = retrain([study, noise], tmp_path, settings=QUICK)
    assert outcome.verdict == "kept"
    assert outcome.champion == 1
    assert outcome.challenger == 2
    assert PredictorStore(tmp_path).versions()[1].provenance["verdict"] == "kept"
    # And from noise alone no first champion is made.
    alone = retrain([noise], tmp_path / "other", settings=QUICK)
    assert (alone.verdict, alone.champion) == ("kept", None)


def test_nobody_ever_learns_the_untouched_split(
    tmp_path: Path, memory: optuna.storages.BaseStorage
) -> None:
    study = searched(memory, 90)
    retrain([study], tmp_path, settings=QUICK)
    retrain([searched(memory, 120)], tmp_path, settings=QUICK)
    rows = read_labels([study]).rows
    assert 0.15 < np.mean([held_out(row.key, QUICK.share) for row in rows]) < 0.45
    for version in PredictorStore(tmp_path).versions():
        trained = set(version.provenance["trials"]["a"])
        untouched = {row.trial for row in rows if held_out(row.key, QUICK.share)}
        assert trained
        assert not trained & untouched
        assert untouched >= set(version.provenance["untouched"]["a"])


def test_too_little_data_makes_no_version(
    tmp_path: Path, memory: optuna.storages.BaseStorage
) -> None:
    outcome = retrain([searched(memory, 10)], tmp_path / "store", settings=QUICK)
    assert (outcome.verdict, outcome.champion) == ("not enough data", None)
    assert "fall into the untouched split; expected 6" in outcome.reason
    assert PredictorStore(tmp_path / "store").versions() == []


def test_a_version_tells_where_it_came_from(
    tmp_path: Path, memory: optuna.storages.BaseStorage
) -> None:
    retrain([searched(memory, 90)], tmp_path, settings=QUICK)
    made = PredictorStore(tmp_path).versions()[0].provenance
    assert made["objective"] == "logloss:minimize"
    assert made["fidelity"] == "table"
    assert made["seed"] == 0
    assert made["split"]["n"] == len(made["untouched"]["a"])
    assert len(made["trials"]["a"]) + len(made["untouched"]["a"]) == 90
    assert made["code"].count("+") == 1
    assert made["made"].startswith("20")
    assert len(made["learned"]) == len(made["trials"]["a"])
    assert made["made_for"][0]["study"] == "a"
    assert made["made_for"][0]["space"] == SPACE.name
    assert made["made_for"][0]["objectives"] == ["logloss:minimize"]


def test_a_store_for_another_objective_is_refused(
    tmp_path: Path, memory: optuna.storages.BaseStorage
) -> None:
    study = searched(memory, 90)
    retrain([study], tmp_path, settings=QUICK)
    store = PredictorStore(tmp_path)
    document = json.loads((tmp_path / "store.json").read_text())
    (tmp_path / "store.json").write_text(json.dumps(document | {"direction": "maximize"}))
    searched(memory, 120)
    with pytest.raises(StoreError, match="made with direction 'maximize', not 'minimize'"):
        retrain([study], store, settings=QUICK)


def forget(file: Path, *keys: str) -> None:
    """Leave a document as an earlier version of dagsmith wrote it."""
    document = json.loads(file.read_text())
    file.write_text(json.dumps({k: v for k, v in document.items() if k not in keys}))


@pytest.mark.parametrize("keys", ["kept", "of an earlier version"])
def test_trials_are_known_by_their_architectures_and_not_by_study_and_number(
    tmp_path: Path, memory: optuna.storages.BaseStorage, keys: str
) -> None:
    first = searched(memory, 90)
    assert retrain([first], tmp_path, settings=QUICK).champion == 1
    if keys != "kept":
        forget(tmp_path / "versions" / "000001" / "provenance.json", "learned")
    again = retrain([first], tmp_path, settings=QUICK)
    assert again.reason == "0 new architectures since version 1; expected 6"
    # Another run: a storage of its own, the same name, other architectures.
    other = searched(optuna.storages.InMemoryStorage(), 60, seed=7)
    learned = {row.key for row in read_labels([first]).rows}
    new = {row.key for row in read_labels([other]).rows} - learned
    new = {key for key in new if not held_out(key, QUICK.share)}
    assert len(new) > 30
    outcome = retrain([other], tmp_path, settings=QUICK)
    assert outcome.challenger == 2
    assert outcome.record is not None
    assert outcome.record.n == len(new)


def test_what_was_measured_again_is_not_new(
    tmp_path: Path, memory: optuna.storages.BaseStorage
) -> None:
    first = searched(memory, 90)
    retrain([first], tmp_path, settings=QUICK)
    again = searched(memory, 90, "b", noise=0.003, seed=ord("a"))
    labels = [{row.key: row.value for row in read_labels([study]).rows} for study in (first, again)]
    assert labels[0].keys() == labels[1].keys()
    assert labels[0] != labels[1]
    outcome = retrain([first, again], tmp_path, settings=QUICK)
    assert outcome.reason == "0 new architectures since version 1; expected 6"


def test_a_store_is_for_the_data_that_its_studies_were_measured_on(
    tmp_path: Path, memory: optuna.storages.BaseStorage
) -> None:
    first = searched(memory, 90, data="day 1")
    retrain([first], tmp_path, settings=QUICK)
    assert PredictorStore(tmp_path).versions()[0].provenance["made_for"][0]["data"] == "day 1"
    for name, data, said in (("b", "day 2", "'day 2'"), ("c", None, "'nothing recorded'")):
        # However little there is of it: that is not what is wrong with it.
        for trials in (10, 60):
            other = searched(memory, trials, name, data=data)
            with pytest.raises(StoreError, match=f"was made with data 'day 1', not {said}; use an"):
                retrain([other], tmp_path, settings=QUICK)
    assert len(PredictorStore(tmp_path).versions()) == 1


def test_a_store_of_an_earlier_version_takes_the_data_of_the_next_studies(
    tmp_path: Path, memory: optuna.storages.BaseStorage
) -> None:
    retrain([searched(memory, 90, data="day 1")], tmp_path, settings=QUICK)
    forget(tmp_path / "store.json", "context")
    told: list[str] = []
    more = searched(memory, 120, data="day 1")
    assert retrain([more], tmp_path, settings=QUICK, say=told.append).challenger == 2
    assert any("does not say on what was measured" in line for line in told)
    assert PredictorStore(tmp_path).purpose == {
        "objective": "logloss",
        "direction": "minimize",
        "fidelity": "table",
        "share": QUICK.share,
        "context": {"data": "day 1"},
    }
    with pytest.raises(StoreError, match="was made with data 'day 1', not 'day 2'"):
        retrain([searched(memory, 30, "b", data="day 2")], tmp_path, settings=QUICK)


def test_damaged_versions_are_named_and_the_champion_stays(
    tmp_path: Path, memory: optuna.storages.BaseStorage
) -> None:
    study = searched(memory, 90)
    retrain([study], tmp_path, settings=QUICK)
    (tmp_path / "versions" / "000005").mkdir()
    outcome = retrain([study], tmp_path, settings=QUICK)
    assert outcome.champion == 1
    assert len(outcome.skipped) == 1
    assert "000005/provenance.json" in outcome.skipped[0]


def test_two_at_the_same_time_are_one(tmp_path: Path, memory: optuna.storages.BaseStorage) -> None:
    study = searched(memory, 30)
    with PredictorStore(tmp_path).lock(), pytest.raises(StoreBusyError):
        retrain([study], tmp_path, settings=QUICK)


def test_killed_at_any_step_it_leaves_a_whole_store(tmp_path: Path) -> None:
    searched(tmp_path / "study.db", 90)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            PROGRAM,
            str(Path(__file__).parent),
            str(tmp_path / "study.db"),
            str(tmp_path / "store"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    # store.json, the weights, the folder and champion.json: each is synced and renamed.
    assert int(done.stdout.split()[-1]) >= 8


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(words)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_the_command_says_by_its_exit_code_what_came_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, store = str(tmp_path / "study.db"), str(tmp_path / "store")
    words = ["predictor", "retrain", "--storage", storage, "--store", store, "--study"]
    monkeypatch.setattr("dagsmith.retraining.RetrainSettings", quick_settings)
    searched(storage, 90)
    searched(storage, 60, "b", noise=1.0)
    status, out, _ = run(capsys, *words, "a", "--least", "6")
    assert (status, json.loads(out)["verdict"]) == (0, "promoted")
    assert out.count("\n") == 1
    status, out, _ = run(capsys, *words, "a", "--least", "6")
    assert (status, json.loads(out)["verdict"]) == (4, "not enough data")
    status, out, _ = run(capsys, *words, "a", "--study", "b", "--least", "6")
    assert (status, json.loads(out)["verdict"]) == (3, "kept")
    with PredictorStore(store).lock():
        status, out, _ = run(capsys, *words, "a")
    assert (status, json.loads(out)["verdict"]) == (5, "busy")
    status, out, err = run(capsys, *words, "c")
    assert (status, out) == (1, "")
    assert err == "error: the storage has no study 'c'; expected one of a, b\n"
    assert run(capsys, *words)[0] == 2

    status, out, err = run(capsys, "predictor", "history", "--store", store)
    assert status == 0
    assert [line[:3] for line in out.splitlines()] == ["* 1", "  2"]
    assert "never champion" in out
    status, out, _ = run(capsys, "predictor", "history", "--store", store, "--json")
    assert [json.loads(line)["champion"] for line in out.splitlines()] == [True, False]
    status, out, _ = run(capsys, "predictor", "rollback", "--store", store, "--to", "2")
    assert (status, json.loads(out)["champion"]) == (0, 2)
    assert run(capsys, "predictor", "rollback", "--store", store)[0] == 0
    assert run(capsys, "predictor", "retrian")[2].endswith("did you mean 'retrain'?\n")


def quick_settings() -> RetrainSettings:
    return QUICK


def test_a_file_is_ranked_best_first(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    memory: optuna.storages.BaseStorage,
) -> None:
    retrain([searched(memory, 90)], tmp_path / "store", settings=QUICK)
    some = [SPACE.decode(g) for g in SPACE.sample(30, np.random.default_rng(9))]
    lines = [
        a.to_json() if index % 2 else json.dumps({"architecture": a.to_dict(), "metrics": {}})
        for index, a in enumerate(some)
    ]
    lines.insert(3, "")
    file = tmp_path / "archs.jsonl"
    file.write_text("\n".join(lines) + "\n")
    words = ["predictor", "score", str(file), "--store", str(tmp_path / "store")]
    status, out, _ = run(capsys, *words)
    assert status == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert sorted(row["line"] for row in rows) == [1, 2, 3, *range(5, 32)]
    assert [row["rank"] for row in rows] == list(range(1, 31))
    champion = PredictorStore(tmp_path / "store").versions()[0].load()
    expected = champion.predict(some).mean
    assert [row["mean"] for row in rows] == pytest.approx(sorted(expected))
    best = rows[0]["line"] - 1 - (rows[0]["line"] > 4)
    assert best == int(np.argmin(expected))
    assert all(row["low"] <= row["high"] for row in rows)
    status, out, _ = run(capsys, *words, "--top", "3")
    assert len(out.splitlines()) == 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "archs.jsonl, line 2: "),
        ("[]", "line 2: not an architecture"),
        ('{"architecture": {"format": "x"}}', "line 2: not an architecture: format 'x'"),
        (
            '{"format":"dagsmith.architecture/1","nodes":[{"kind":"moon","attributes":{}}],'
            '"edges":[]}',
            "line 2: node 0 (moon): unknown component kind 'moon'",
        ),
    ],
)
def test_a_line_that_is_no_architecture_is_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    champions: Callable[[], Path],
    line: str,
    message: str,
) -> None:
    file = tmp_path / "archs.jsonl"
    good = SPACE.decode(SPACE.sample(1, np.random.default_rng(0))[0]).to_json()
    file.write_text(f"{good}\n{line}\n")
    status, out, err = run(capsys, "predictor", "score", str(file), "--store", str(champions()))
    assert (status, out) == (1, "")
    assert message in err


def test_what_cannot_be_scored_gets_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], champions: Callable[[], Path]
) -> None:
    store = str(champions())
    file = tmp_path / "archs.jsonl"
    words = ["predictor", "score", str(file), "--store"]
    assert "no such file" in run(capsys, *words, store)[2]
    file.write_text("\n")
    assert "has no lines" in run(capsys, *words, store)[2]
    assert "has no version 7; it has 1" in run(capsys, *words, store, "--version", "7")[2]
    assert "top is 0" in run(capsys, *words, store, "--top", "0")[2]
    assert "has no champion; run" in run(capsys, *words, str(tmp_path / "none"))[2]


@pytest.fixture(scope="module")
def champions(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    folder = tmp_path_factory.mktemp("champions") / "store"
    retrain([searched(optuna.storages.InMemoryStorage(), 90)], folder, settings=QUICK)
    return lambda: folder


@pytest.mark.parametrize("url", ["sqlite:///none.db", "journal:///none.db", "none.db"])
def test_a_storage_that_is_not_there_is_one_error_and_no_empty_file(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["predictor", "retrain", "--storage", url, "--study", "a", "--store", "store"]
    assert main(words) != 0
    said = capsys.readouterr()
    assert "none.db: there is no such file" in said.err + said.out
    assert (said.err + said.out).count("\n") == 1
    assert not list(tmp_path.iterdir())
