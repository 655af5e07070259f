from collections.abc import Callable

import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase

from dagsmith.predictor.acquisition import ACQUISITIONS, Acquisition
from dagsmith.search import (
    AcquisitionSampler,
    AcquisitionSettings,
    Objective,
    RankTracker,
    Record,
    SearchError,
    open_study,
    run_search,
)
from dagsmith.search import acquisition_sampler as module
from dagsmith.space import SearchSpace


def quick(acquisition: Acquisition = "ei", initial: int = 4) -> AcquisitionSettings:
    return AcquisitionSettings(acquisition, initial=initial, random=32, parents=4, children=4)


class TestBasic(BasicSamplerTestCase):
    """Parameters of any kind, failed and NaN values, fixed parameters, changing ranges."""

    @pytest.fixture
    def sampler(self, exhaustible: SearchSpace, predictor: Callable) -> Callable[[], BaseSampler]:
        return lambda: AcquisitionSampler(
            exhaustible, predictor=predictor, settings=quick(), seed=0
        )


def known(space: SearchSpace, evaluator: Callable, count: int = 16) -> Record:
    genotypes = space.sample(count, np.random.default_rng(3))
    nets = [space.decode(genotype) for genotype in genotypes]
    losses = np.array([[evaluator().logloss(net)] for net in nets])
    return Record(genotypes, -losses, np.array([-1.0]), frozenset(net.key for net in nets))


def test_the_names_are_those_of_the_predictor_room() -> None:
    assert module._ACQUISITIONS == ACQUISITIONS


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_proposals_are_new_different_and_predicted(
    acquisition: Acquisition, space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    record = known(space, evaluator)
    sampler = AcquisitionSampler(space, predictor=predictor, settings=quick(acquisition))
    one, same = (sampler.propose(record, 6, np.random.default_rng(1)) for _ in range(2))
    assert one.keys == same.keys
    assert len(set(one.keys)) == len(one) == 6
    assert not record.seen & set(one.keys)
    assert one.keys == tuple(space.decode(row).key for row in one.genotypes)
    assert one.mean is not None
    assert one.std is not None
    assert one.mean.shape == one.std.shape == (6, 1)
    # In the units of the log loss, not turned around.
    assert (np.abs(one.mean - 0.45) < 0.1).all()


def test_a_running_architecture_is_passed_over_for_the_next_best(
    space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    record = known(space, evaluator)
    sampler = AcquisitionSampler(space, predictor=predictor, settings=quick("mean"))
    one = sampler.propose(record, 4, np.random.default_rng(1))
    rest = sampler.propose(record.with_seen(frozenset(one.keys[:2])), 2, np.random.default_rng(1))
    assert rest.keys == one.keys[2:]


def test_the_search_loop_goes_by_it(
    space: SearchSpace, evaluator: Callable, predictor: Callable, logloss: tuple[Objective, ...]
) -> None:
    study = open_study(optuna.storages.InMemoryStorage(), "a", space, logloss)
    run_search(
        study,
        space,
        evaluator(),
        sampler=lambda seed: AcquisitionSampler(
            space, predictor=predictor, settings=quick("mean", initial=40), seed=seed
        ),
        trials=64,
        initial=40,
        batch=8,
        design="medoids",
    )
    losses = np.array([trial.value for trial in study.trials], float)
    # Chosen for being good, on average they are better than those of the design.
    assert np.mean(losses[40:]) < np.mean(losses[:40])
    assert len(RankTracker.from_study(study).forecasts) == 24


def test_before_it_can_learn_it_follows_the_design(
    space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    record = known(space, evaluator, 3)
    settings = AcquisitionSettings(initial=4, design="farthest")
    proposals = AcquisitionSampler(space, predictor=predictor, settings=settings).propose(
        record, 5, np.random.default_rng(0)
    )
    assert len(proposals) == 5
    assert proposals.mean is None


def test_several_objectives_and_bad_settings_are_refused(
    space: SearchSpace, predictor: Callable
) -> None:
    two = Record(
        space.sample(0, np.random.default_rng(0)), np.zeros((0, 2)), np.ones(2), frozenset()
    )
    with pytest.raises(SearchError, match="for one objective, and the study has 2"):
        AcquisitionSampler(space, predictor=predictor).propose(two, 1, np.random.default_rng(0))
    with pytest.raises(SearchError, match="unknown acquisition 'ie'; did you mean 'ei'"):
        AcquisitionSettings(acquisition="ie")  # type: ignore[arg-type]
    with pytest.raises(SearchError, match="unknown design"):
        AcquisitionSettings(design="far")  # type: ignore[arg-type]
    with pytest.raises(SearchError, match="beta is -1"):
        AcquisitionSettings(beta=-1.0)
    with pytest.raises(SearchError, match="parents is 0"):
        AcquisitionSettings(parents=0)
