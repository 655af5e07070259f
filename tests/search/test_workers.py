import socket
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from dagsmith.search import Objective, open_study
from dagsmith.search.workers import gone, release_dead_trials, worker_name
from dagsmith.space import SearchSpace


def running(worker: str) -> optuna.trial.FrozenTrial:
    return optuna.create_trial(
        state=TrialState.RUNNING, user_attrs={"worker": worker, "round": 2, "key": worker}
    )


def test_only_the_dead_of_this_machine_are_released() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = socket.gethostname()
    own = worker_name()
    dead = [f"{host}:{ended.pid}:aaaaaaaa", own.rpartition(":")[0] + ":another1"]
    alive = [own, f"{host}:1:aaaaaaaa", "elsewhere:1:aaaaaaaa", "", "no worker"]
    study = optuna.create_study()
    study.add_trials([running(worker) for worker in dead + alive])
    released = release_dead_trials(study)
    assert [trial.user_attrs["worker"] for trial in released] == dead
    states = [trial.state for trial in study.trials]
    assert states == [TrialState.FAIL] * 2 + [TrialState.RUNNING] * 5
    assert "process" in study.trials[0].user_attrs["interrupted"]
    assert not release_dead_trials(study)


@pytest.mark.parametrize("storage", ["sqlite", "journal"])
def test_two_workers_may_release_the_same_trial(
    storage: str, tmp_path: Path, space: SearchSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective, url = Objective("logloss", "minimize"), f"{storage}:///{tmp_path}/study.{storage}"
    study, other = (open_study(url, "a", space, (objective,)) for _ in range(2))
    dead = worker_name().rpartition(":")[0] + ":another1"
    study.add_trials([running(dead), running(dead)])
    asked: list[str] = []

    def outrun(worker: str) -> bool:
        asked.append(worker)
        if len(asked) == 1:
            # The other worker releases both between this one's look and its deed.
            assert len(release_dead_trials(other)) == 2
        return gone(worker)

    monkeypatch.setattr("dagsmith.search.workers.gone", outrun)
    assert len(release_dead_trials(study)) == 2
    assert asked == [dead] * 4
    for trial in study.trials:
        assert trial.state == TrialState.FAIL
        assert "process" in trial.user_attrs["interrupted"]
    for each in (study, other):
        backend = getattr(each._storage, "_backend", None)
        if isinstance(backend, optuna.storages.RDBStorage):
            backend.remove_session()
            backend.engine.dispose()
