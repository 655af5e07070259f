"""All samplers by name; and the suites that Optuna ships for any sampler, over ours."""

from collections.abc import Callable

import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from dagsmith.search import SAMPLERS, SearchError, make_sampler
from dagsmith.space import SearchSpace

OURS = ("mh", "mh-pareto", "mh-walk", "evolution", "local", "random")


class _Ours:
    @pytest.fixture(params=OURS)
    def sampler(
        self, request: pytest.FixtureRequest, exhaustible: SearchSpace, predictor: Callable
    ) -> Callable[[], BaseSampler]:
        return lambda: make_sampler(request.param, exhaustible, 0, initial=4, predictor=predictor)


class TestBasic(_Ours, BasicSamplerTestCase):
    """Parameters of any kind, failed and NaN values, fixed parameters, changing ranges."""


class TestMultiObjective(_Ours, MultiObjectiveSamplerTestCase):
    """Several directions."""


class TestRelative(_Ours, RelativeSamplerTestCase):
    """Relative parameters of any kind, and who asks for them when."""


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_every_sampler_serves_a_plain_study(
    name: str, space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    table = evaluator()
    sampler = make_sampler(name, space, 0, initial=5, predictor=predictor)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: table.logloss(space.suggest(trial)), n_trials=8)
    assert len(study.trials) == 8


@pytest.mark.parametrize("name", OURS)
def test_enqueued_parameters_come_first_and_carry_no_foreign_key(
    name: str, space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    table = evaluator()
    wanted = space.to_params(space.sample(1, np.random.default_rng(9))[0])
    study = optuna.create_study(sampler=make_sampler(name, space, 0, predictor=predictor))
    study.enqueue_trial(wanted)
    study.optimize(lambda trial: table.logloss(space.suggest(trial)), n_trials=2)
    assert study.trials[0].params == wanted
    assert "key" not in study.trials[0].user_attrs
    assert "key" in study.trials[1].user_attrs


@pytest.mark.parametrize("name", OURS)
def test_failed_and_pruned_trials_are_not_proposed_again(
    name: str, exhaustible: SearchSpace, predictor: Callable
) -> None:
    sampler = make_sampler(name, exhaustible, 0, initial=2, predictor=predictor)
    study = optuna.create_study(sampler=sampler)

    def objective(trial: optuna.Trial) -> float:
        architecture = exhaustible.suggest(trial)
        if trial.number % 3 == 1:
            raise optuna.TrialPruned
        if trial.number % 3 == 2:
            raise ValueError(architecture.key)
        return float(len(architecture.nodes)) + trial.number

    study.optimize(objective, n_trials=12, catch=ValueError)
    keys = [exhaustible.decode(exhaustible.from_params(t.params)).key for t in study.trials]
    assert len(set(keys)) == 12


@pytest.mark.parametrize("name", OURS)
def test_an_exhausted_space_keeps_answering(
    name: str, exhaustible: SearchSpace, predictor: Callable
) -> None:
    sampler = make_sampler(name, exhaustible, 0, initial=4, predictor=predictor)
    study = optuna.create_study(sampler=sampler)
    study.optimize(
        lambda trial: float(len(exhaustible.suggest(trial).nodes)) + trial.number, n_trials=60
    )
    assert len(study.trials) == 60


@pytest.mark.parametrize("name", OURS)
def test_threads_share_a_sampler_without_repeating(
    name: str, space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    table = evaluator()
    sampler = make_sampler(name, space, 0, initial=8, predictor=predictor)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda t: table.logloss(space.suggest(t)), n_trials=24, n_jobs=3)
    assert len({trial.user_attrs["key"] for trial in study.trials}) == 24


@pytest.mark.parametrize("name", OURS)
def test_the_same_seed_gives_the_same_study(
    name: str, space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    runs = []
    for seed in (5, 5, 6):
        table = evaluator()
        sampler = make_sampler(name, space, seed, initial=6, predictor=predictor)
        study = optuna.create_study(sampler=sampler)
        study.optimize(lambda t: table.logloss(space.suggest(t)), n_trials=12)  # noqa: B023
        runs.append([trial.params for trial in study.trials])
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_an_unknown_name_is_told_the_nearest(space: SearchSpace) -> None:
    with pytest.raises(SearchError, match="unknown sampler 'evolutoin'; did you mean 'evolution'"):
        make_sampler("evolutoin", space)
