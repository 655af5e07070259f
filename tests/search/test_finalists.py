from collections.abc import Callable, Sequence

import numpy as np
import optuna
import pytest

from dagsmith.search import SearchError, select_finalists
from dagsmith.search.objectives import Direction
from dagsmith.space import SearchSpace


def study_of(
    space: SearchSpace, genotypes: np.ndarray, values: np.ndarray, directions: Sequence[Direction]
) -> optuna.Study:
    study = optuna.create_study(directions=directions)
    for genotype, row in zip(genotypes, values, strict=True):
        study.add_trial(
            optuna.create_trial(
                params=space.to_params(genotype),
                distributions=dict(space.distributions()),
                values=list(row),
            )
        )
    return study


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_by_measured_values_the_best_come_first_and_once(
    space: SearchSpace, direction: Direction
) -> None:
    genotypes = space.sample(10, np.random.default_rng(0))
    values = np.random.default_rng(1).normal(size=(10, 1))
    study = study_of(
        space, np.vstack([genotypes, genotypes]), np.vstack([values, values]), [direction]
    )
    finalists = select_finalists(study, space, 4)
    best = np.argsort(values[:, 0] if direction == "minimize" else -values[:, 0])[:4]
    assert [finalist.trial for finalist in finalists] == best.tolist()
    assert [f.key for f in finalists] == [space.decode(genotypes[i]).key for i in best]
    assert all(finalist.predicted is None for finalist in finalists)
    assert len(select_finalists(study, space, 99)) == 10


def test_a_predictor_sees_through_luck(
    space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    table, rng = evaluator(), np.random.default_rng(0)
    genotypes = space.sample(200, rng)
    truth = np.array([table.logloss(space.decode(g)) for g in genotypes])
    noisy = truth + rng.normal(0.0, 1.5 * truth.std(), len(truth))
    study = study_of(space, genotypes, noisy[:, None], ["minimize"])
    lucky = select_finalists(study, space, 20)
    smoothed = select_finalists(study, space, 20, predictor=predictor, weight=0.8)
    quality = [np.mean([truth[f.trial] for f in chosen]) for chosen in (lucky, smoothed)]
    assert quality[1] < quality[0]
    assert all(f.predicted is not None for f in smoothed)


def test_with_several_objectives_the_front_comes_first_its_ends_leading(
    space: SearchSpace,
) -> None:
    genotypes = space.sample(6, np.random.default_rng(0))
    values = np.array([[1.0, 5.0], [2.0, 4.0], [2.1, 3.9], [5.0, 1.0], [5.5, 5.5], [6.0, 6.0]])
    study = study_of(space, genotypes, values, ["minimize", "minimize"])
    order = [finalist.trial for finalist in select_finalists(study, space, 6)]
    assert set(order[:2]) == {0, 3}
    assert set(order[2:4]) == {1, 2}
    assert order[4:] == [4, 5]


def test_bad_settings_are_named_and_an_empty_study_has_none(space: SearchSpace) -> None:
    study = optuna.create_study()
    assert select_finalists(study, space, 3) == []
    with pytest.raises(SearchError, match="0 finalists wanted"):
        select_finalists(study, space, 0)
    with pytest.raises(SearchError, match="weight is 2"):
        select_finalists(study, space, 1, weight=2)
