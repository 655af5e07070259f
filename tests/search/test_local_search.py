from collections.abc import Callable

import numpy as np
import optuna
import pytest

from dagsmith.search import LocalSearchSampler, Record, SearchError
from dagsmith.space import SearchSpace


def test_after_the_initial_ones_come_neighbours_of_the_best(
    space: SearchSpace, evaluator: Callable
) -> None:
    genotypes = space.sample(12, np.random.default_rng(0))
    quality = np.arange(12.0)[:, None]
    record = Record(genotypes, quality, np.array([1.0]), frozenset())
    proposals = LocalSearchSampler(space, initial=12).propose(record, 5, np.random.default_rng(1))
    around = space.decode_many(space.neighbours(genotypes[-1])).fingerprint()
    assert np.isin(space.decode_many(proposals.genotypes).fingerprint(), around).all()


def test_an_optimum_hands_over_to_the_next_best(space: SearchSpace) -> None:
    genotypes = space.sample(3, np.random.default_rng(0))
    around = space.neighbours(genotypes[2])
    seen = frozenset(space.decode(row).key for row in around)
    record = Record(genotypes, np.arange(3.0)[:, None], np.array([1.0]), seen)
    proposals = LocalSearchSampler(space, initial=3).propose(record, 4, np.random.default_rng(1))
    second = space.decode_many(space.neighbours(genotypes[1])).fingerprint()
    assert np.isin(space.decode_many(proposals.genotypes).fingerprint(), second).all()
    assert not seen & set(proposals.keys)


def test_what_misses_its_constraints_is_no_centre(space: SearchSpace) -> None:
    genotypes = space.sample(3, np.random.default_rng(0))
    constraints = np.array([[-1.0], [np.nan], [0.5]])
    record = Record(
        genotypes,
        np.arange(3.0)[:, None],
        np.array([1.0]),
        frozenset(),
        constraints=constraints,
    )
    proposals = LocalSearchSampler(space, initial=3).propose(record, 2, np.random.default_rng(1))
    around = space.decode_many(space.neighbours(genotypes[1])).fingerprint()
    assert np.isin(space.decode_many(proposals.genotypes).fingerprint(), around).all()


def test_a_local_optimum_is_reached(exhaustible: SearchSpace, evaluator: Callable) -> None:
    table = evaluator()
    study = optuna.create_study(sampler=LocalSearchSampler(exhaustible, initial=3, seed=0))
    study.optimize(lambda trial: table.logloss(exhaustible.suggest(trial)), n_trials=40)
    best = exhaustible.from_params(study.best_params)
    around = [table.logloss(exhaustible.decode(g)) for g in exhaustible.neighbours(best)]
    assert study.best_value <= min(around)


def test_an_initial_design_of_nothing_is_refused(space: SearchSpace) -> None:
    with pytest.raises(SearchError, match="initial is 0"):
        LocalSearchSampler(space, initial=0)
