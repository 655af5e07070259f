import numpy as np
import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from dagsmith.space import Categorical, Flag, Number, ParameterSpace, SearchSpace, SpaceError
from dagsmith.space.testing import SearchSpaceTests

PARAMETERS: dict[str, BaseDistribution] = {
    "layers": IntDistribution(1, 6),
    "width": IntDistribution(8, 64, step=8),
    "rate": FloatDistribution(0.0, 0.5, step=0.1),
    "activation": CategoricalDistribution(("relu", "gelu", None)),
    "norm": CategoricalDistribution((False, True)),
}


class TestParameterSpace(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return ParameterSpace(PARAMETERS)


def test_each_parameter_is_measured_by_what_it_is() -> None:
    kinds = ParameterSpace(PARAMETERS).kinds
    assert [kinds[name].attributes[0] for name in PARAMETERS] == [
        Number("value"),
        Number("value", "log"),
        Number("value"),
        Categorical("value", ("relu", "gelu", "None")),
        Flag("value"),
    ]


def test_choices_are_those_that_optuna_would_suggest() -> None:
    space = ParameterSpace(PARAMETERS)
    for slot, distribution in zip(space.slots, PARAMETERS.values(), strict=True):
        for choice in slot.choices:
            internal = distribution.to_internal_repr(choice)
            assert distribution._contains(internal)
            assert distribution.to_external_repr(internal) == choice


def test_the_distributions_of_a_trial_make_the_space() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    study.optimize(
        lambda trial: trial.suggest_int("a", 1, 3) + trial.suggest_categorical("b", (1, 2)),
        n_trials=1,
    )
    space = ParameterSpace(study.trials[0].distributions)
    assert space.size() == 6
    assert space.distributions() == study.trials[0].distributions
    params = space.to_params(space.sample(1, np.random.default_rng(0))[0])
    assert isinstance(params["a"], int)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "expected at least one"),
        ({"result": [1, 2]}, "none called 'result'"),
        ({"x": FloatDistribution(0.0, 1.0)}, "parameter 'x' .* give it a step"),
        ({"x": IntDistribution(1, 5000)}, "parameter 'x' has 5000 values"),
    ],
)
def test_what_is_no_space_is_named(parameters: dict[str, BaseDistribution], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        ParameterSpace(parameters)
