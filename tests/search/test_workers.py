import socket
import subprocess
import sys

import optuna
from optuna.trial import TrialState

from dagsmith.search.workers import release_dead_trials, worker_name


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
