"""Every sampler of Optuna, and every one of ours, on every space there is."""

from collections.abc import Callable
from functools import partial

import numpy as np
import optuna
import pytest

from dagsmith.search import (
    SAMPLERS,
    MetropolisHastingsSampler,
    MetropolisHastingsSettings,
    make_sampler,
)
from dagsmith.space import (
    SPACES,
    NASBench101Space,
    NASBench201Space,
    NASBenchMacroSpace,
    SearchSpace,
    csco_cifar10,
    pids_classification,
)

ALL: dict[str, Callable[[], SearchSpace]] = {
    **{name: partial(make, 4, 5) for name, make in SPACES.items()},
    "nasbench101": NASBench101Space,
    "nasbench201": NASBench201Space,
    "nasbench-macro": NASBenchMacroSpace,
    "csco": csco_cifar10,
    "pids": pids_classification,
}


QUICK = MetropolisHastingsSettings(initial=3, warm_up=16, chains=4, steps=2)


def check(space: SearchSpace, sampler: optuna.samplers.BaseSampler) -> None:
    study = optuna.create_study(sampler=sampler)
    # Any number that differs will do.
    study.optimize(lambda trial: float(int(space.suggest(trial).key[:6], 16)), n_trials=5)
    assert [len(trial.params) for trial in study.trials] == [len(space.slots)] * 5


@pytest.mark.parametrize("sampler", sorted(set(SAMPLERS) - {"mh", "mh-pareto"}))
@pytest.mark.parametrize("name", ALL)
def test_samplers_by_name(name: str, sampler: str) -> None:
    space = ALL[name]()
    check(space, make_sampler(sampler, space, 0, initial=3, batch=2))


@pytest.mark.parametrize("name", ALL)
def test_metropolis_hastings(name: str, predictor: Callable) -> None:
    space = ALL[name]()
    check(
        space,
        MetropolisHastingsSampler(space, predictor=predictor, settings=QUICK, seed=0, batch=2),
    )


@pytest.mark.parametrize("name", ALL)
def test_cmaes_leaves_the_slots_to_chance_and_serves_the_numbers_beside_them(name: str) -> None:
    pytest.importorskip("cmaes")
    space = ALL[name]()
    sampler = optuna.samplers.CmaEsSampler(
        seed=0, n_startup_trials=2, warn_independent_sampling=False
    )
    study = optuna.create_study(sampler=sampler)

    def objective(trial: optuna.Trial) -> float:
        space.suggest(trial)
        rate, decay = trial.suggest_float("rate", 0.0, 1.0), trial.suggest_float("decay", 0.0, 1.0)
        return (rate - 0.3) ** 2 + decay

    study.optimize(objective, n_trials=6)
    relative = [any(key.startswith("cma:") for key in t.system_attrs) for t in study.trials]
    assert np.array(relative).any()
    assert all(len(trial.params) == len(space.slots) + 2 for trial in study.trials)
