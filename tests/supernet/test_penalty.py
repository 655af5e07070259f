from dataclasses import replace
from unittest.mock import patch

import pytest

from dagsmith.data import Dataset
from dagsmith.space import named_architecture
from dagsmith.supernet import (
    RECIPES,
    Losses,
    Network,
    TrainedModel,
    choose_penalties,
    choose_penalty,
    sized_for,
)


def dnn(dataset: Dataset, width: int) -> Network:
    dense, fields = len(dataset.dense_features), len(dataset.fields)
    architecture = named_architecture("dnn", dense, fields, embedding_dim=2, hidden=(width,))
    return Network(architecture, dataset.fields)


@pytest.mark.parametrize(
    ("losses", "tried", "best"),
    [
        ((3.0, 2.0, 2.5, 1.0), 3, 0.1),
        ((2.0, 3.0, 1.0, 1.0), 2, 1.0),
        ((4.0, 3.0, 2.0, 1.0), 4, 1e-3),
        # Two that hold all vectors at zero differ by noise only, which does not end the walk.
        ((0.6930, 0.6931, 0.4, 0.5), 4, 0.01),
    ],
)
def test_the_walk_stops_where_it_gets_worse(
    dataset: Dataset, losses: tuple[float, ...], tried: int, best: float
) -> None:
    probe = dnn(dataset, 2)
    outcomes = [TrainedModel(probe, {"valid": {"logloss": x}}, 1, 1, 1, 1.0) for x in losses]
    with patch("dagsmith.supernet.penalty.train_scratch", side_effect=outcomes):
        choice = choose_penalty(
            probe, dataset, RECIPES["default"], penalties=(1.0, 0.1, 0.01, 1e-3)
        )
    assert choice.recipe.embedding_l2 == best
    assert list(choice.logloss.values()) == list(losses[:tried])


def test_the_choice_does_not_depend_on_how_many_probes_run_at_once(dataset: Dataset) -> None:
    probe = dnn(dataset, 2)
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


def test_an_interrupted_choice_goes_on_where_it_was(dataset: Dataset) -> None:
    probes = {name: dnn(dataset, width) for name, width in (("small", 2), ("large", 8))}
    recipe = replace(RECIPES["default"], epochs=1)
    rounds: list[Losses] = []
    whole = choose_penalties(
        probes,
        dataset,
        recipe,
        penalties=(1.0, 1e-3, 1e-4),
        keep=lambda losses: rounds.append({name: dict(row) for name, row in losses.items()}),
    )
    trained: list[Losses] = []
    resumed = choose_penalties(
        probes, dataset, recipe, penalties=(1.0, 1e-3, 1e-4), known=rounds[0], keep=trained.append
    )
    assert resumed == whole
    assert len(trained) == len(rounds) - 1
    assert set(whole) == {"small", "large"}
