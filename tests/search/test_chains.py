from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from dagsmith.search import MetropolisHastingsSettings, Record
from dagsmith.search.chains import Chains
from dagsmith.search.metropolis_settings import CHAIN_ACQUISITIONS, ChainAcquisition
from dagsmith.search.surrogate import Surrogate
from dagsmith.search.temperature import SCHEDULES, Schedule
from dagsmith.space import SearchSpace

QUICK = MetropolisHastingsSettings(warm_up=64, chains=12, steps=12)


def walked(
    space: SearchSpace,
    predictor: Callable,
    settings: MetropolisHastingsSettings,
    objectives: int = 1,
) -> tuple[Chains, Surrogate]:
    genotypes = space.sample(40, np.random.default_rng(0))
    sizes = space.decode_many(genotypes).present.sum(axis=1).astype(float)
    noise = np.random.default_rng(1).normal(0, 0.1, (40, objectives))
    quality = noise + np.column_stack([sizes, -sizes])[:, :objectives]
    record = Record(genotypes, quality, np.ones(objectives), frozenset())
    surrogate = Surrogate(space, record, predictor, 0)
    chains = Chains(space, surrogate, settings, np.random.default_rng(2))
    chains.walk(record)
    return chains, surrogate


@pytest.mark.parametrize("acquisition", CHAIN_ACQUISITIONS)
def test_each_candidate_is_scored_once_and_as_the_surrogate_says(
    space: SearchSpace, predictor: Callable, acquisition: ChainAcquisition
) -> None:
    settings = replace(QUICK, acquisition=acquisition)
    chains, surrogate = walked(space, predictor, settings)
    population = space.decode_many(chains.genotypes)
    assert len(np.unique(population.fingerprint())) == len(chains.genotypes)
    expected = surrogate.quality(population, acquisition, settings.beta)
    np.testing.assert_allclose(chains.quality, expected, atol=1e-9)
    assert chains.scores(7).shape == (7, len(chains.genotypes))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_walking_finds_better_than_drawing(
    space: SearchSpace, predictor: Callable, schedule: Schedule
) -> None:
    chains, _ = walked(space, predictor, replace(QUICK, schedule=schedule, acquisition="mean"))
    drawn = 40 + QUICK.warm_up
    score = chains.scores(1)[0]
    assert score[drawn:].max() > score[:drawn].max()


def test_picks_hear_different_members(space: SearchSpace, predictor: Callable) -> None:
    chains, _ = walked(space, predictor, replace(QUICK, acquisition="thompson"))
    picks = chains.scores(4)
    assert len(np.unique(picks, axis=0)) == 4
    members = chains.quality[..., 0] - chains.penalty
    np.testing.assert_allclose(np.sort(picks, axis=0), np.sort(members, axis=0))


def test_with_two_objectives_picks_weigh_them_differently(
    space: SearchSpace, predictor: Callable
) -> None:
    chains, _ = walked(space, predictor, replace(QUICK, acquisition="mean"), objectives=2)
    best = chains.scores(5).argmax(axis=1)
    nodes = space.decode_many(chains.genotypes[best]).present.sum(axis=1)
    # The first weighs the second objective most, which wants few nodes.
    assert nodes[0] < nodes[-1]
