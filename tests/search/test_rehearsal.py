from collections.abc import Callable
from itertools import product

import numpy as np
import optuna
import pytest

from dagsmith.search import RecordReader, make_sampler
from dagsmith.search.rehearsal import rehearse
from dagsmith.space import ParameterSpace, SearchSpace

OPTUNAS = ("tpe", "nsga2", "nsga3", "qmc", "bruteforce", "gp")


def evaluated_study(space: SearchSpace, evaluator: Callable, count: int) -> optuna.Study:
    table, study = evaluator(), optuna.create_study()
    for genotype in space.sample(count, np.random.default_rng(1)):
        study.add_trial(
            optuna.create_trial(
                params=space.to_params(genotype),
                distributions=dict(space.distributions()),
                value=table.logloss(space.decode(genotype)),
            )
        )
    return study


@pytest.mark.parametrize("name", OPTUNAS)
def test_proposals_are_new_distinct_and_repeatable(
    name: str, space: SearchSpace, evaluator: Callable
) -> None:
    study = evaluated_study(space, evaluator, 20)
    before = len(study.trials)
    batches = []
    for seed in (1, 1):
        rehearsed = rehearse(
            make_sampler(name, space, seed, initial=10),
            RecordReader(space),
            study.trials,
            study.directions,
            4,
            np.random.default_rng(seed),
        )
        batches.append(rehearsed.proposals)
    assert len(study.trials) == before
    assert batches[0].keys == batches[1].keys
    assert len(set(batches[0].keys)) == 4
    assert not {space.decode(space.from_params(t.params)).key for t in study.trials} & set(
        batches[0].keys
    )


@pytest.mark.parametrize("name", ["tpe", "bruteforce", "qmc"])
def test_a_small_space_is_searched_to_its_end(
    name: str, exhaustible: SearchSpace, evaluator: Callable
) -> None:
    genotypes = exhaustible.sample(4000, np.random.default_rng(0))
    _, first = np.unique(exhaustible.decode_many(genotypes).fingerprint(), return_index=True)
    everything = {exhaustible.decode(genotypes[row]).key for row in first}
    study = evaluated_study(exhaustible, evaluator, 30)
    known = {exhaustible.decode(exhaustible.from_params(t.params)).key for t in study.trials}
    rehearsed = rehearse(
        make_sampler(name, exhaustible, 0, initial=10),
        RecordReader(exhaustible),
        study.trials,
        study.directions,
        len(everything),
        np.random.default_rng(0),
    )
    assert set(rehearsed.proposals.keys) == everything - known


def test_generations_of_nsga2_are_carried_in_the_notes(
    space: SearchSpace, evaluator: Callable
) -> None:
    study = evaluated_study(space, evaluator, 4)
    rehearsed = rehearse(
        make_sampler("nsga2", space, 0, initial=4),
        RecordReader(space),
        study.trials,
        study.directions,
        2,
        np.random.default_rng(0),
    )
    assert all(any("generation" in name for name in notes) for notes in rehearsed.notes)


@pytest.mark.parametrize("name", ["tpe", "nsga2", "qmc"])
def test_neighbours_that_are_all_known_are_not_the_end_of_a_space(name: str) -> None:
    space = ParameterSpace({f"p{slot}": (0, 1, 2, 3) for slot in range(4)})
    study = optuna.create_study()
    left = []
    for place, codes in enumerate(product(range(4), repeat=4)):
        # Eleven of 256 are left, far from each other.
        if place % 23 == 7:
            left.append(space.decode(np.array(codes, np.int16)).key)
            continue
        study.add_trial(
            optuna.create_trial(
                params=space.to_params(np.array(codes, np.int16)),
                distributions=dict(space.distributions()),
                value=float(sum(codes)),
            )
        )
    rehearsed = rehearse(
        make_sampler(name, space, 0, initial=10),
        RecordReader(space),
        study.trials,
        study.directions,
        16,
        np.random.default_rng(0),
    )
    assert sorted(rehearsed.proposals.keys) == sorted(left)
    assert len(rehearsed.notes) == len(left)
