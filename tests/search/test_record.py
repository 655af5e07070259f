from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import TrialState, create_trial

from dagsmith.search import RecordReader
from dagsmith.space import SearchSpace


def trial(space: SearchSpace, genotype: np.ndarray, **fields: Any) -> optuna.trial.FrozenTrial:
    return create_trial(
        params=space.to_params(genotype), distributions=dict(space.distributions()), **fields
    )


def test_completed_trials_become_arrays_signed_by_direction(space: SearchSpace) -> None:
    genotypes = space.sample(3, np.random.default_rng(0))
    study = optuna.create_study(directions=["minimize", "maximize"])
    study.add_trials(
        [trial(space, g, values=[float(i), 10.0 * i]) for i, g in enumerate(genotypes)]
    )
    record = RecordReader(space).read(study.trials, study.directions)
    np.testing.assert_array_equal(record.genotypes, genotypes)
    np.testing.assert_array_equal(record.quality, [[0, 0], [-1, 10], [-2, 20]])
    assert record.seen == {space.decode(g).key for g in genotypes}


def test_failed_and_running_trials_are_seen_but_teach_nothing(space: SearchSpace) -> None:
    failed, running, pruned = space.sample(3, np.random.default_rng(1))
    study = optuna.create_study()
    study.add_trial(trial(space, failed, state=TrialState.FAIL))
    study.add_trial(trial(space, running, state=TrialState.RUNNING))
    study.add_trial(trial(space, pruned, state=TrialState.PRUNED))
    record = RecordReader(space).read(study.trials, study.directions)
    assert len(record) == 0
    assert record.seen == {space.decode(g).key for g in (failed, running, pruned)}


def test_an_interrupted_trial_of_the_loop_is_not_seen(space: SearchSpace) -> None:
    (genotype,) = space.sample(1, np.random.default_rng(1))
    study = optuna.create_study()
    study.add_trial(trial(space, genotype, state=TrialState.FAIL, user_attrs={"round": 0}))
    assert not RecordReader(space).read(study.trials, study.directions).seen


def test_foreign_and_partial_trials_are_left_out(space: SearchSpace) -> None:
    study = optuna.create_study()
    study.enqueue_trial({space.slots[0].name: space.slots[0].choices[0]})
    study.add_trial(create_trial(value=1.0))
    other = space.to_params(space.sample(1, np.random.default_rng(0))[0])
    other[space.slots[0].name] = "no such choice"
    distributions: dict[str, BaseDistribution] = {
        **space.distributions(),
        space.slots[0].name: optuna.distributions.CategoricalDistribution(("no such choice",)),
    }
    study.add_trial(create_trial(value=1.0, params=other, distributions=distributions))
    record = RecordReader(space).read(study.trials, study.directions)
    assert len(record) == 0
    assert not record.seen
