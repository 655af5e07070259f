from collections.abc import Callable

import numpy as np
import optuna
import pytest

from dagsmith.search import EvolutionSettings, Record, RegularizedEvolutionSampler, SearchError
from dagsmith.space import SearchSpace


def record_of(space: SearchSpace, quality: np.ndarray) -> Record:
    genotypes = space.sample(len(quality), np.random.default_rng(7))
    seen = frozenset(space.decode(g).key for g in genotypes)
    return Record(genotypes, quality, np.ones(quality.shape[1]), seen)


def slots_apart(child: np.ndarray, parents: np.ndarray) -> int:
    return int((parents != child).sum(axis=1).min())


def test_a_child_is_one_mutation_from_the_best_of_the_youngest(space: SearchSpace) -> None:
    quality = np.arange(30.0)[:, None]
    # The very best is old: it must be dead.
    quality[0] = 100.0
    record = record_of(space, quality)
    settings = EvolutionSettings(population=10, tournament=10)
    sampler = RegularizedEvolutionSampler(space, settings=settings)
    proposals = sampler.propose(record, 5, np.random.default_rng(0))
    for child in proposals.genotypes:
        assert slots_apart(child, record.genotypes[[29]]) == 1
    assert len(set(proposals.keys)) == 5
    assert not record.seen & set(proposals.keys)


def test_a_tournament_of_one_is_blind(space: SearchSpace) -> None:
    record = record_of(space, np.arange(20.0)[:, None])
    sampler = RegularizedEvolutionSampler(
        space, settings=EvolutionSettings(population=20, tournament=1)
    )
    proposals = sampler.propose(record, 20, np.random.default_rng(0))
    parents = {int((record.genotypes != g).sum(axis=1).argmin()) for g in proposals.genotypes}
    assert len(parents) > 5


def test_several_objectives_breed_from_the_front(space: SearchSpace) -> None:
    values = np.column_stack([np.arange(20.0), -np.arange(20.0)])
    values[:15] -= 100.0
    record = record_of(space, values)
    sampler = RegularizedEvolutionSampler(
        space, settings=EvolutionSettings(population=20, tournament=20)
    )
    for child in sampler.propose(record, 6, np.random.default_rng(0)).genotypes:
        assert slots_apart(child, record.genotypes[15:]) == 1


def test_it_gives_what_is_left_of_a_small_space(exhaustible: SearchSpace) -> None:
    record = record_of(exhaustible, np.arange(12.0)[:, None])
    sampler = RegularizedEvolutionSampler(
        exhaustible, settings=EvolutionSettings(population=4, tournament=2)
    )
    proposals = sampler.propose(record, 500, np.random.default_rng(0))
    assert 0 < len(proposals) < 500
    everything = record.with_seen(frozenset(proposals.keys))
    assert len(sampler.propose(everything, 3, np.random.default_rng(1))) == 0


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(SearchError, match="tournament 9 is larger than the population 8"):
        EvolutionSettings(population=8, tournament=9)
    with pytest.raises(SearchError, match="mutations is 0"):
        EvolutionSettings(mutations=0)


def test_it_serves_a_plain_optuna_study(space: SearchSpace, evaluator: Callable) -> None:
    table = evaluator()
    sampler = RegularizedEvolutionSampler(
        space, settings=EvolutionSettings(population=8, tournament=4), seed=0
    )
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: table.logloss(space.suggest(trial)), n_trials=30)
    assert len({trial.user_attrs["key"] for trial in study.trials}) == 30
