from dataclasses import replace
from unittest.mock import patch

import pytest

from dagsmith.data import Dataset
from dagsmith.supernet import DNN, RECIPES, TrainedModel, choose_penalty, sized_for


@pytest.mark.parametrize(
    ("losses", "tried", "best"),
    [
        ((3.0, 2.0, 2.5, 1.0), 3, 0.1),
        ((2.0, 3.0, 1.0, 1.0), 2, 1.0),
        ((4.0, 3.0, 2.0, 1.0), 4, 1e-3),
    ],
)
def test_the_walk_stops_where_it_gets_worse(
    dataset: Dataset, losses: tuple[float, ...], tried: int, best: float
) -> None:
    probe = DNN(1, dataset.fields, dim=2, hidden=(2,))
    outcomes = [TrainedModel(probe, {"valid": {"logloss": x}}, 1, 1, 1, 1.0) for x in losses]
    with patch("dagsmith.supernet.penalty.train_scratch", side_effect=outcomes):
        choice = choose_penalty(
            probe, dataset, RECIPES["default"], penalties=(1.0, 0.1, 0.01, 1e-3)
        )
    assert choice.recipe.embedding_l2 == best
    assert list(choice.logloss.values()) == list(losses[:tried])


def test_the_choice_does_not_depend_on_how_many_probes_run_at_once(dataset: Dataset) -> None:
    probe = DNN(len(dataset.dense_features), dataset.fields, dim=2, hidden=(2,))
    recipe = replace(RECIPES["default"], epochs=1)
    one, three = (
        choose_penalty(probe, dataset, recipe, penalties=(1.0, 0.1, 1e-4, 1e-5), jobs=jobs)
        for jobs in (1, 3)
    )
    assert one.recipe == three.recipe
    assert list(one.logloss) == list(three.logloss)
    assert list(one.logloss.values()) == pytest.approx(list(three.logloss.values()), abs=1e-5)


@pytest.mark.parametrize(
    ("rows", "size"), [(10, 256), (84_000, 512), (202_027, 2048), (40_000_000, 4096)]
)
def test_the_batch_grows_with_the_log(rows: int, size: int) -> None:
    assert sized_for(RECIPES["default"], rows).batch_size == size
