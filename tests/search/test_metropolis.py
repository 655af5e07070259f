from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest

from dagsmith.search import (
    CostLimit,
    MetropolisHastingsSampler,
    MetropolisHastingsSettings,
    Objective,
    ParetoMetropolisHastingsSampler,
    Record,
    SearchError,
)
from dagsmith.search.chains import chain_weights
from dagsmith.search.hypervolume import free_boxes, improvement
from dagsmith.search.metropolis_settings import CHAIN_ACQUISITIONS, ChainAcquisition
from dagsmith.space import SearchSpace

QUICK = MetropolisHastingsSettings(initial=24, warm_up=128, chains=32, steps=10)


def record_of(space: SearchSpace, evaluator: type, count: int = 60) -> Record:
    genotypes = space.sample(count, np.random.default_rng(5))
    table = evaluator()
    quality = np.array([[-table.logloss(space.decode(g))] for g in genotypes])
    seen = frozenset(space.decode(g).key for g in genotypes)
    return Record(genotypes, quality, np.array([-1.0]), seen)


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_chain_weights_average_to_one(objectives: int) -> None:
    weights = chain_weights(16, objectives, np.random.default_rng(0))
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.mean(axis=1), 1.0)
    if objectives > 1:
        assert len(np.unique(weights, axis=0)) == 16


def test_proposals_are_a_pure_function_of_record_and_generator(
    space: SearchSpace, evaluator: type, predictor: Callable
) -> None:
    record = record_of(space, evaluator)
    batches = []
    for seed in (3, 3, 4):
        sampler = MetropolisHastingsSampler(space, predictor=predictor, settings=QUICK)
        batches.append(sampler.propose(record, 6, np.random.default_rng(seed)))
    np.testing.assert_array_equal(batches[0].genotypes, batches[1].genotypes)
    np.testing.assert_array_equal(batches[0].mean, batches[1].mean)
    assert batches[0].keys != batches[2].keys


def test_proposals_are_new_distinct_and_better_than_random(
    space: SearchSpace, evaluator: type, predictor: Callable
) -> None:
    record = record_of(space, evaluator)
    sampler = MetropolisHastingsSampler(space, predictor=predictor, settings=QUICK)
    proposals = sampler.propose(record, 8, np.random.default_rng(0))
    assert len(set(proposals.keys)) == 8
    assert not record.seen & set(proposals.keys)
    assert proposals.keys == tuple(space.decode(g).key for g in proposals.genotypes)
    table = evaluator()
    found = [table.logloss(space.decode(g)) for g in proposals.genotypes]
    assert np.mean(found) < -np.quantile(record.quality, 0.75)
    assert proposals.mean is not None
    assert proposals.std is not None
    assert proposals.mean.shape == proposals.std.shape == (8, 1)
    # In the objective's own units, before any sign or scale.
    assert np.abs(proposals.mean - 0.45).max() < 0.1


def test_until_the_record_is_large_enough_draws_are_random_and_unpredicted(
    space: SearchSpace, evaluator: type, predictor: Callable
) -> None:
    sampler = MetropolisHastingsSampler(space, predictor=predictor, settings=QUICK)
    early = sampler.propose(record_of(space, evaluator, 23), 4, np.random.default_rng(0))
    assert len(early) == 4
    assert early.mean is None


def test_equal_values_teach_nothing_and_do_no_harm(
    space: SearchSpace, evaluator: type, predictor: Callable
) -> None:
    record = record_of(space, evaluator)
    flat = Record(record.genotypes, record.quality * 0, record.signs, record.seen)
    sampler = MetropolisHastingsSampler(space, predictor=predictor, settings=QUICK)
    assert sampler.propose(flat, 4, np.random.default_rng(0)).mean is None


def test_diversity_spreads_a_batch(
    space: SearchSpace, evaluator: type, predictor: Callable
) -> None:
    record = record_of(space, evaluator)
    spread = {}
    for diversity in (0.0, 5.0):
        settings = MetropolisHastingsSettings(
            initial=24, warm_up=128, chains=32, steps=10, diversity=diversity
        )
        sampler = MetropolisHastingsSampler(space, predictor=predictor, settings=settings)
        genotypes = sampler.propose(record, 6, np.random.default_rng(0)).genotypes
        spread[diversity] = (genotypes[:, None] != genotypes[None]).sum()
    assert spread[5.0] > spread[0.0]


def test_the_whole_batch_is_random_where_all_is_exploration(
    space: SearchSpace, evaluator: type, predictor: Callable
) -> None:
    settings = MetropolisHastingsSettings(initial=24, warm_up=64, chains=8, steps=2, explore=1.0)
    sampler = MetropolisHastingsSampler(space, predictor=predictor, settings=settings)
    proposals = sampler.propose(record_of(space, evaluator), 5, np.random.default_rng(0))
    assert len(proposals) == 5
    assert proposals.mean is not None


def test_a_limit_on_a_cost_keeps_proposals_below_it(
    space: SearchSpace, evaluator: type, predictor: Callable, costs: Callable
) -> None:
    record = record_of(space, evaluator)
    limit = float(np.quantile(costs(space.decode_many(record.genotypes))["flops"], 0.2))
    means = []
    for limits in ((), (CostLimit("flops", limit, weight=50.0),)):
        sampler = MetropolisHastingsSampler(
            space, predictor=predictor, settings=QUICK, costs=costs, limits=limits
        )
        proposals = sampler.propose(record, 8, np.random.default_rng(0))
        means.append(costs(space.decode_many(proposals.genotypes))["flops"].max())
    assert means[1] <= limit * 1.05 < means[0]


def test_several_objectives_know_costs_exactly_and_span_the_front(
    space: SearchSpace,
    evaluator: type,
    predictor: Callable,
    costs: Callable,
    logloss_flops: tuple[Objective, ...],
) -> None:
    record = record_of(space, evaluator)
    flops = costs(space.decode_many(record.genotypes))["flops"]
    record = Record(
        record.genotypes,
        np.column_stack([record.quality[:, 0], -flops]),
        np.array([-1.0, -1.0]),
        record.seen,
    )
    sampler = MetropolisHastingsSampler(
        space, predictor=predictor, settings=QUICK, costs=costs, objectives=logloss_flops
    )
    proposals = sampler.propose(record, 8, np.random.default_rng(0))
    assert proposals.mean is not None
    assert proposals.std is not None
    exact = costs(space.decode_many(proposals.genotypes))["flops"]
    np.testing.assert_allclose(proposals.mean[:, 1], exact)
    assert (proposals.std[:, 1] == 0).all()
    assert exact.min() < np.quantile(flops, 0.25)
    assert exact.max() > 1.5 * exact.min()


@pytest.mark.parametrize("acquisition", CHAIN_ACQUISITIONS)
def test_every_acquisition_proposes_what_is_new_and_good(
    space: SearchSpace, evaluator: type, predictor: Callable, acquisition: ChainAcquisition
) -> None:
    record = record_of(space, evaluator)
    settings = replace(QUICK, acquisition=acquisition)
    sampler = MetropolisHastingsSampler(space, predictor=predictor, settings=settings)
    proposals = sampler.propose(record, 6, np.random.default_rng(0))
    assert len(set(proposals.keys)) == 6
    assert not record.seen & set(proposals.keys)
    table = evaluator()
    found = [table.logloss(space.decode(g)) for g in proposals.genotypes]
    assert np.mean(found) < -np.quantile(record.quality, 0.6)


@pytest.mark.parametrize("acquisition", CHAIN_ACQUISITIONS)
def test_what_runs_elsewhere_is_avoided(
    space: SearchSpace, evaluator: type, predictor: Callable, acquisition: ChainAcquisition
) -> None:
    record = record_of(space, evaluator)
    settings = replace(QUICK, acquisition=acquisition, diversity=3.0)
    sampler = MetropolisHastingsSampler(space, predictor=predictor, settings=settings)
    alone = sampler.propose(record, 1, np.random.default_rng(0))
    running = replace(record, seen=record.seen | set(alone.keys), pending=alone.genotypes)
    other = sampler.propose(running, 1, np.random.default_rng(0))
    assert other.keys != alone.keys


def test_a_batch_by_hypervolume_spans_the_front(
    space: SearchSpace,
    evaluator: type,
    predictor: Callable,
    costs: Callable,
    logloss_flops: tuple[Objective, ...],
) -> None:
    record = record_of(space, evaluator)
    flops = costs(space.decode_many(record.genotypes))["flops"]
    record = replace(
        record,
        quality=np.column_stack([record.quality[:, 0], -flops]),
        signs=np.array([-1.0, -1.0]),
    )
    sampler = ParetoMetropolisHastingsSampler(
        space, predictor=predictor, settings=QUICK, costs=costs, objectives=logloss_flops
    )
    assert sampler.settings.acquisition == "ehvi"
    proposals = sampler.propose(record, 8, np.random.default_rng(0))
    chosen = costs(space.decode_many(proposals.genotypes))["flops"]
    table = evaluator()
    quality = np.column_stack(
        [[-table.logloss(space.decode(g)) for g in proposals.genotypes], -chosen]
    )
    scale = record.quality.std(axis=0)
    reference = record.quality.min(axis=0) / scale
    gain = improvement(quality / scale, free_boxes(record.quality / scale, reference))
    assert (gain > 0).sum() >= 4
    assert chosen.max() > 1.5 * chosen.min()


def test_a_missing_cost_is_named(
    space: SearchSpace, evaluator: type, predictor: Callable, costs: Callable
) -> None:
    sampler = MetropolisHastingsSampler(
        space,
        predictor=predictor,
        settings=QUICK,
        costs=costs,
        limits=(CostLimit("flop", 1.0),),
    )
    with pytest.raises(SearchError, match=r"no cost 'flop'.*did you mean 'flops'"):
        sampler.propose(record_of(space, evaluator), 2, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chains", 0),
        ("temperature", -1.0),
        ("explore", 1.5),
        ("acquisition", "median"),
        ("schedule", "cosinus"),
    ],
)
def test_settings_out_of_range_are_named(field: str, value: Any) -> None:
    with pytest.raises(SearchError, match=str(value)):
        MetropolisHastingsSettings(**{field: value})


def test_it_serves_a_plain_optuna_study(
    space: SearchSpace, evaluator: type, predictor: Callable
) -> None:
    table = evaluator()
    sampler = MetropolisHastingsSampler(space, predictor=predictor, settings=QUICK, seed=1, batch=8)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: table.logloss(space.suggest(trial)), n_trials=40)
    keys = [trial.user_attrs["key"] for trial in study.trials]
    assert len(set(keys)) == 40
    assert keys == [space.decode(space.from_params(t.params)).key for t in study.trials]
    assert ["predicted.value" in t.user_attrs for t in study.trials] == [False] * 24 + [True] * 16
