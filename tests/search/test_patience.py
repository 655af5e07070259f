import logging
from collections.abc import Callable, Sequence
from typing import Any

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState

from dagsmith.search import (
    Objective,
    StudyError,
    make_sampler,
    open_study,
    run_search,
)
from dagsmith.search.patience import patiently
from dagsmith.space import SearchSpace


class Unreliable(optuna.storages.InMemoryStorage):
    """Is gone for some calls, before or after it has done what was asked."""

    def __init__(self, gone: Callable[[int], bool], *, after: bool) -> None:
        super().__init__()
        self._gone, self._after, self.calls = gone, after, 0

    def _lose(self) -> None:
        self.calls += 1
        if self._gone(self.calls):
            raise StorageInternalError("server closed the connection unexpectedly")

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        if not self._after:
            self._lose()
        made = super().create_new_trial(study_id, template_trial)
        if self._after:
            self._lose()
        return made

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        if not self._after:
            self._lose()
        done = super().set_trial_state_values(trial_id, state, values)
        if self._after:
            self._lose()
        return done

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._lose()
        super().set_trial_user_attr(trial_id, key, value)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagsmith.search.patience.PAUSE_S", 0.0)


def search(storage: optuna.storages.BaseStorage, space: SearchSpace, table: Any) -> optuna.Study:
    study = open_study(storage, "a", space, (Objective("logloss", "minimize"),))
    run_search(
        study,
        space,
        table,
        sampler=lambda seed: make_sampler("random", space, seed),
        trials=14,
        initial=6,
        batch=4,
    )
    return study


@pytest.mark.parametrize("after", [False, True])
def test_a_storage_that_is_lost_for_a_while_costs_no_trial(
    after: bool, space: SearchSpace, evaluator: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "dagsmith.search.patience"):
        storage = Unreliable(lambda call: call % 7 in (3, 4), after=after)
        table = evaluator()
        study = search(storage, space, table)
    whole = search(optuna.storages.InMemoryStorage(), space, evaluator())
    complete = [t for t in study.trials if t.state == TrialState.COMPLETE]
    assert [t.params for t in complete] == [t.params for t in whole.trials]
    assert [t.values for t in complete] == [t.values for t in whole.trials]
    assert len(study.trials) == 14
    assert len(table.calls) == len(set(table.calls)) == 14
    assert "server closed the connection" in caplog.text


def test_a_storage_that_stays_away_ends_the_search_in_one_line(
    space: SearchSpace, evaluator: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagsmith.search.patience.PATIENCE_S", 0.0)
    storage = Unreliable(lambda call: call > 30, after=False)
    with pytest.raises(StudyError, match=r"the storage was lost .*; what was finished is in it"):
        search(storage, space, evaluator())
    kept = [t for t in storage.get_all_trials(0) if t.state == TrialState.COMPLETE]
    assert 0 < len(kept) < 14


def test_other_errors_are_not_waited_for() -> None:
    def wrong() -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        patiently(wrong)
