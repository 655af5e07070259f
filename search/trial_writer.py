"""Trials as the search loop writes them: one when an evaluation begins, completed when it ends."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Thread
from typing import Any

import optuna
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.trial import FrozenTrial, TrialState

from dagsmith.data.evaluations import Evaluation
from dagsmith.search.errors import SearchError
from dagsmith.search.objectives import Objective
from dagsmith.search.patience import LOST
from dagsmith.search.record import (
    ARCHITECTURE,
    COST,
    FAILURE,
    FIDELITY,
    INTERRUPTED,
    KEY,
    METRIC,
    SECONDS,
    SEED,
    WORKER,
)
from dagsmith.search.workers import interrupt, worker_name
from dagsmith.space import Architecture, SearchSpace
from dagsmith.space.component import Value
from dagsmith.space.errors import nearest


@dataclass(frozen=True)
class Candidate:
    """A proposal that is ready to become a trial.

    Args:
        key: its canonical key.
        architecture: what to evaluate.
        params: its slots.
        attributes: user attributes known before the evaluation.
        costs: its costs, as far as they are known without one.
        notes: system attributes that Optuna's sampler wants on the trial.
    """

    key: str
    architecture: Architecture
    params: Mapping[str, Value]
    attributes: Mapping[str, Any]
    costs: Mapping[str, float]
    notes: Mapping[str, Any]


class TrialWriter:
    """Writes trials with few transactions: one that begins with all parameters, few that end.

    Optuna's public calls make one transaction per parameter; a trial made from a template is one
    for all. A trial stays RUNNING until its last write, so that a crash between writes leaves
    nothing half finished.
    """

    def __init__(
        self, study: optuna.Study, space: SearchSpace, objectives: Sequence[Objective]
    ) -> None:
        self._storage, self._study_id = study._storage, study._study_id
        self._objectives = tuple(objectives)
        self._distributions = dict(space.distributions())

    def begin(self, candidate: Candidate) -> int:
        """Write a running trial and return its id in the storage."""
        costs = {COST + name: float(value) for name, value in candidate.costs.items()}
        trial = optuna.trial.FrozenTrial(
            number=-1,
            trial_id=-1,
            state=TrialState.RUNNING,
            value=None,
            datetime_start=datetime.now(),
            datetime_complete=None,
            params=dict(candidate.params),
            distributions=dict(self._distributions),
            user_attrs=dict(candidate.attributes) | costs,
            system_attrs=dict(candidate.notes),
            intermediate_values={},
        )
        return self._storage.create_new_trial(self._study_id, template_trial=trial)

    @staticmethod
    def again(orphan: FrozenTrial) -> Candidate:
        """The candidate of which an interrupted trial was made."""
        attributes = {
            name: value
            for name, value in orphan.user_attrs.items()
            if name not in (INTERRUPTED, SECONDS, SEED) and not name.startswith((METRIC, COST))
        }
        costs = {
            name.removeprefix(COST): float(value)
            for name, value in orphan.user_attrs.items()
            if name.startswith(COST)
        }
        return Candidate(
            key=str(attributes[KEY]),
            architecture=Architecture.from_json(str(attributes[ARCHITECTURE])),
            params=dict(orphan.params),
            attributes=attributes | {WORKER: worker_name()},
            costs=costs,
            notes=dict(orphan.system_attrs),
        )

    @contextmanager
    def heartbeat(self, trial_id: int) -> Iterator[None]:
        """Tell the storage that the trial lives, while the block runs.

        Optuna's own thread ends with the first beat that a lost storage does not take.
        """
        storage = self._storage
        if not isinstance(storage, BaseHeartbeat) or not storage.get_heartbeat_interval():
            yield
            return
        ended = Event()
        thread = Thread(target=_beat, args=(storage, trial_id, ended), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def finish(self, trial_id: int, candidate: Candidate, evaluation: Evaluation) -> bool:
        """Write what the evaluation found; return whether it succeeded.

        Raises:
            SearchError: an evaluation that lacks an objective.
        """
        failure = evaluation.failure
        values = [] if failure else self._values(candidate, evaluation)
        for objective, value in zip(self._objectives, values, strict=False):
            if not math.isfinite(value):
                failure = f"{objective.name} is {value}"
        for name, attribute in self._notes(candidate, evaluation).items():
            self._storage.set_trial_user_attr(trial_id, name, attribute)
        if failure:
            self._storage.set_trial_user_attr(trial_id, FAILURE, failure)
            self._storage.set_trial_state_values(trial_id, state=TrialState.FAIL)
        else:
            self._storage.set_trial_state_values(trial_id, state=TrialState.COMPLETE, values=values)
        return not failure

    def interrupt(self, trial_id: int, reason: str) -> None:
        """End a trial of which nothing became known; its architecture is free again."""
        interrupt(self._storage, trial_id, reason)

    def _values(self, candidate: Candidate, evaluation: Evaluation) -> list[float]:
        known = {**candidate.costs, **evaluation.costs, **evaluation.metrics}
        for objective in self._objectives:
            if objective.name not in known:
                raise SearchError(
                    f"the evaluation has no {objective.name!r}, which is an objective; "
                    f"{nearest(objective.name, known) if known else 'it has nothing'}"
                )
        return [float(known[objective.name]) for objective in self._objectives]

    def _notes(self, candidate: Candidate, evaluation: Evaluation) -> dict[str, Any]:
        """User attributes that only the evaluation tells."""
        names = {objective.name for objective in self._objectives}
        notes: dict[str, Any] = {SECONDS: float(evaluation.seconds), SEED: int(evaluation.seed)}
        if evaluation.fidelity and evaluation.fidelity != candidate.attributes.get(FIDELITY):
            notes[FIDELITY] = evaluation.fidelity
        for name, value in evaluation.costs.items():
            if name not in candidate.costs:
                notes[COST + name] = float(value)
        for name, value in evaluation.metrics.items():
            # An objective's value is the trial's value already; JSON has no NaN.
            if name not in names and math.isfinite(value):
                notes[METRIC + name] = float(value)
        return notes


def _beat(storage: BaseHeartbeat, trial_id: int, ended: Event) -> None:
    while True:
        with suppress(*LOST):
            storage.record_heartbeat(trial_id)
        if ended.wait(storage.get_heartbeat_interval()):
            return
