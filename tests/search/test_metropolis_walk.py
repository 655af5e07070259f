from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest

from dagsmith.search import (
    MetropolisWalkSampler,
    MetropolisWalkSettings,
    Record,
    SearchError,
)
from dagsmith.search.metropolis_walk import scores
from dagsmith.space import SearchSpace


def record_of(space: SearchSpace, values: list[float]) -> Record:
    genotypes = space.sample(len(values), np.random.default_rng(0))
    return Record(genotypes, np.array(values)[:, None], np.array([1.0]), frozenset())


def proposed_from(space: SearchSpace, record: Record, temperature: float) -> np.ndarray:
    """Which trials of the record are one mutation away from what is proposed next."""
    settings = MetropolisWalkSettings(
        initial=2, chains=1, temperature=temperature, schedule="constant"
    )
    sampler = MetropolisWalkSampler(space, settings=settings)
    proposals = sampler.propose(record, 1, np.random.default_rng(1))
    changed = (record.genotypes != proposals.genotypes[0]).sum(axis=1)
    return np.flatnonzero(changed == 1)


def test_a_chain_starts_at_the_best_and_follows_what_is_better(space: SearchSpace) -> None:
    assert proposed_from(space, record_of(space, [1.0, 2.0]), 0.0).tolist() == [1]
    assert proposed_from(space, record_of(space, [1.0, 2.0, 3.0]), 0.0).tolist() == [2]


def test_what_is_worse_is_followed_only_when_it_is_hot(space: SearchSpace) -> None:
    record = record_of(space, [1.0, 2.0, 1.5])
    assert proposed_from(space, record, 0.0).tolist() == [1]
    assert proposed_from(space, record, 1e6).tolist() == [2]


def test_chains_take_turns(space: SearchSpace) -> None:
    record = record_of(space, [3.0, 2.0, 1.0, 0.0])
    settings = MetropolisWalkSettings(initial=4, chains=2)
    sampler = MetropolisWalkSampler(space, settings=settings)
    proposals = sampler.propose(record, 2, np.random.default_rng(1))
    changed = (record.genotypes[:2] != proposals.genotypes).sum(axis=1)
    assert changed.tolist() == [1, 1]


def test_scores_fall_below_all_others_where_constraints_are_missed(space: SearchSpace) -> None:
    record = record_of(space, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(np.argsort(scores(record)), [0, 1, 2])
    missed = Record(
        record.genotypes,
        record.quality,
        record.signs,
        record.seen,
        constraints=np.array([[0.0], [2.0], [1.0]]),
    )
    np.testing.assert_array_equal(np.argsort(scores(missed)), [1, 2, 0])


def test_it_gets_better_in_a_plain_study(space: SearchSpace, evaluator: Callable) -> None:
    table = evaluator()
    sampler = MetropolisWalkSampler(space, settings=MetropolisWalkSettings(steps=60), seed=0)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: table.logloss(space.suggest(trial)), n_trials=76)
    values = [trial.values[0] for trial in study.trials]
    assert min(values[16:]) < min(values[:16])
    assert len({trial.user_attrs["key"] for trial in study.trials}) == 76


@pytest.mark.parametrize(
    ("field", "value"),
    [("chains", 0), ("temperature", -1.0), ("schedule", "cosin")],
)
def test_settings_out_of_range_are_named(field: str, value: Any) -> None:
    with pytest.raises(SearchError, match=str(value)):
        MetropolisWalkSettings(**{field: value})
