"""A real storage that goes away in the middle of a search: restarted, moved, or gone for good."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from dagsmith.search import Objective, StudyError, make_sampler, open_study, run_search
from dagsmith.search.storage import open_storage
from dagsmith.space import SearchSpace

TRIALS = 14

PROGRAM = """
import runpy, sys, time
folder, url, notes, patience = sys.argv[1:]
here = runpy.run_path(folder + "/conftest.py")
import dagsmith.search.patience as patient, dagsmith.search.storage as storage
storage.HEARTBEAT_SECONDS, storage.GRACE_SECONDS = 1, 60
patient.PAUSE_S, patient.PATIENCE_S = 0.2, float(patience)
from dagsmith.search import Objective, StudyError, make_sampler, open_study, run_search
def after(call):
    time.sleep(0.2)
    with open(notes, "a") as file:
        file.write(table.calls[-1] + "\\n")
space, table = here["small_space"](), here["TableEvaluator"](after=after)
study = open_study(url, "a", space, (Objective("logloss", "minimize"),))
try:
    run_search(
        study, space, table, sampler=lambda seed: make_sampler("random", space, seed),
        trials=14, initial=8, batch=8,
    )
except StudyError as error:
    sys.exit(f"StudyError: {error}")
"""


@dataclass
class Store:
    """A storage that can be taken away and put back."""

    url: str
    take_away: Callable[[], None]
    put_back: Callable[[], None]


@pytest.fixture(params=["sqlite", "journal", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql")
        server: Any = request.getfixturevalue("postgres_server")
        return Store(url, server.stop, server.start)
    file, elsewhere = tmp_path / "study", tmp_path / "elsewhere"

    def take() -> None:
        file.replace(elsewhere)

    def put() -> None:
        elsewhere.replace(file)

    return Store(f"{request.param}:///{file}", take, put)


@dataclass
class Search:
    """A search in a process of its own."""

    store: Store
    notes: Path

    def start(self, patience: float) -> subprocess.Popen:
        arguments = [str(Path(__file__).parent), self.store.url, str(self.notes), str(patience)]
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    def evaluated(self) -> list[str]:
        return self.notes.read_text().split() if self.notes.exists() else []

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + 300
        while len(self.evaluated()) < count:
            assert time.monotonic() < deadline, f"no {count} evaluations within 300 s"
            time.sleep(0.05)

    @contextmanager
    def study(self) -> Iterator[optuna.Study]:
        storage = open_storage(self.store.url, create=False)
        yield optuna.load_study(study_name="a", storage=storage)
        if isinstance(storage, optuna.storages.RDBStorage):
            # A connection that is forgotten open is a warning, and later an error, of Python.
            storage.remove_session()
            storage.engine.dispose()

    def complete(self) -> list[str]:
        with self.study() as study:
            trials = study.get_trials(states=(TrialState.COMPLETE,))
            return [trial.user_attrs["key"] for trial in trials]


@pytest.fixture
def search(store: Store, tmp_path: Path) -> Search:
    return Search(store, tmp_path / "notes.txt")


def test_a_search_waits_for_its_storage_and_goes_on(search: Search) -> None:
    process = search.start(patience=120)
    search.wait_for(4)
    search.store.take_away()
    time.sleep(2.0)
    # At most the evaluation that was under way is finished, and waits to be written.
    assert len(search.evaluated()) < TRIALS
    assert process.poll() is None
    search.store.put_back()
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said[-3000:]
    # The threads that beat are as patient as the search.
    assert "Traceback" not in said
    keys = search.complete()
    assert len(keys) == len(set(keys)) == TRIALS
    assert sorted(search.evaluated()) == sorted(keys)


def test_a_search_whose_storage_stays_away_stops_with_everything_saved(search: Search) -> None:
    process = search.start(patience=1)
    search.wait_for(4)
    search.store.take_away()
    _, said = process.communicate(timeout=300)
    search.store.put_back()
    assert process.returncode == 1
    assert said.strip().splitlines()[-1].startswith("StudyError: the storage was lost (")
    assert "Traceback" not in said
    before = search.evaluated()
    # All but the one whose result could not be written.
    kept = search.complete()
    assert len(set(kept)) == len(kept)
    assert set(kept) <= set(before)
    assert len(kept) >= len(before) - 1


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_file_that_was_moved_is_not_made_anew(
    kind: str,
    tmp_path: Path,
    space: SearchSpace,
    evaluator: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, elsewhere = tmp_path / "study", tmp_path / "elsewhere"
    for name in ("PATIENCE_S", "PAUSE_S"):
        monkeypatch.setattr(f"dagsmith.search.patience.{name}", 0.0)

    def move(call: int) -> None:
        if call == 5:
            file.replace(elsewhere)

    storage = open_storage(f"{kind}:///{file}")
    study = open_study(storage, "a", space, (Objective("logloss", "minimize"),))
    with pytest.raises(StudyError, match=rf"lost \(.*{file} was moved away or replaced"):
        run_search(
            study,
            space,
            evaluator(after=move),
            sampler=lambda seed: make_sampler("random", space, seed),
            trials=8,
        )
    assert not file.exists()
    assert elsewhere.stat().st_size > 0
    if isinstance(storage, optuna.storages.RDBStorage):
        storage.remove_session()
        storage.engine.dispose()


@pytest.mark.parametrize("url", ["nothing.db", "sqlite:///nothing.db", "journal:///nothing.db"])
def test_who_only_reads_makes_no_file(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match=r"cannot open storage .*nothing\.db: there is no such"):
        open_storage(url, create=False)
    assert not list(tmp_path.iterdir())
