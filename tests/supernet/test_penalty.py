from dataclasses import replace

import pytest

from dagsmith.data import Dataset
from dagsmith.supernet import HANDMADE, RECIPES, ClickModel, Recipe, TrainedModel, choose_penalty

RECIPE = replace(RECIPES["bars"], epochs=1, batch_size=700)


def script(monkeypatch: pytest.MonkeyPatch, losses: dict[float, float]) -> list[Recipe]:
    """Let a training end with the loss written for its penalty; the recipes trained, in order."""
    trained: list[Recipe] = []

    def train(model: ClickModel, dataset: Dataset, recipe: Recipe, **rest: object) -> TrainedModel:
        trained.append(recipe)
        return TrainedModel(
            model, {"valid": {"logloss": losses[recipe.embedding_l2]}}, 1, 1, 1, 2.0
        )

    monkeypatch.setattr("dagsmith.supernet.penalty.train_scratch", train)
    return trained


def probe(dataset: Dataset) -> ClickModel:
    return HANDMADE["dnn"](dataset.train.dense.shape[1], dataset.fields, dim=4, hidden=(8,))


def test_the_walk_stops_after_the_best(monkeypatch: pytest.MonkeyPatch, dataset: Dataset) -> None:
    trained = script(monkeypatch, {0.1: 0.6, 0.01: 0.5, 0.001: 0.55, 0.0001: 0.4})
    choice = choose_penalty(
        lambda: probe(dataset), dataset, RECIPE, penalties=(0.1, 0.01, 0.001, 0.0001)
    )
    assert choice.recipe == replace(RECIPE, embedding_l2=0.01)
    assert choice.logloss == {0.1: 0.6, 0.01: 0.5, 0.001: 0.55}
    assert [recipe.embedding_l2 for recipe in trained] == [0.1, 0.01, 0.001]
    assert choice.seconds == 6.0


def test_the_weakest_may_be_the_best(monkeypatch: pytest.MonkeyPatch, dataset: Dataset) -> None:
    script(monkeypatch, {0.1: 0.6, 0.01: 0.5})
    choice = choose_penalty(lambda: probe(dataset), dataset, RECIPE, penalties=(0.1, 0.01))
    assert choice.recipe.embedding_l2 == 0.01


def test_real_probes_are_seeded_and_measured_on_the_validation_rows(dataset: Dataset) -> None:
    told: list[int] = []
    first, again = (
        choose_penalty(
            lambda: probe(dataset),
            dataset,
            RECIPE,
            penalties=(10.0, 1e-3),
            progress=lambda stage, done, total: told.append(done),
        )
        for _ in range(2)
    )
    assert first.logloss == again.logloss
    assert set(first.logloss) == {10.0, 1e-3} or first.recipe.embedding_l2 == 10.0
    assert told[-1] == 2


def test_row_wise_updates_have_no_penalty_to_choose(dataset: Dataset) -> None:
    with pytest.raises(ValueError, match="rowwise"):
        choose_penalty(lambda: probe(dataset), dataset, RECIPES["nasrec"])
