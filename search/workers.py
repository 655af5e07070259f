"""Who evaluates a trial, and whether that process still lives."""

import os
import socket
import uuid
import warnings
from contextlib import suppress

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from dagsmith.search.quiet import quiet
from dagsmith.search.record import INTERRUPTED, ROUND, WORKER

_SESSION = uuid.uuid4().hex[:8]


def worker_name() -> str:
    """``host:process:session`` of this process; the session tells it from an older namesake."""
    return f"{socket.gethostname()}:{os.getpid()}:{_SESSION}"


def release_dead_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Fail the running trials whose process is gone, so that their architectures are free again.

    A process on this machine is looked up; one on another machine is gone when its heartbeat is.

    Returns:
        The trials of the search loop that were failed.
    """
    running = (TrialState.RUNNING,)
    before = study.get_trials(deepcopy=False, states=running)
    with warnings.catch_warnings(), quiet("optuna"):
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
    for trial in study.get_trials(deepcopy=False, states=running):
        if gone(str(trial.user_attrs.get(WORKER, ""))):
            interrupt(study._storage, trial._trial_id, "the process that evaluated it ended")
    alive = {trial.number for trial in study.get_trials(deepcopy=False, states=running)}
    return [t for t in before if t.number not in alive and ROUND in t.user_attrs]


def interrupt(storage: BaseStorage, trial_id: int, reason: str) -> None:
    """End a trial of which nothing became known; its architecture is free again."""
    # Another worker may take the same one for dead, and be quicker.
    with suppress(UpdateFinishedTrialError):
        storage.set_trial_user_attr(trial_id, INTERRUPTED, reason)
        storage.set_trial_state_values(trial_id, state=TrialState.FAIL)


def gone(worker: str) -> bool:
    """Whether a worker of this machine has ended; of one on another machine nothing is known."""
    host, _, rest = worker.partition(":")
    process, _, session = rest.partition(":")
    if host != socket.gethostname() or not process.isdigit():
        return False
    if int(process) == os.getpid():
        return session != _SESSION
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        # It lives, and belongs to another user.
        return False
    return False
