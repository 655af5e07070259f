from dataclasses import replace

import pytest
import torch

from dagsmith.data import Dataset
from dagsmith.data.testing import check_evaluator
from dagsmith.space import Architecture, named_architecture
from dagsmith.supernet import (
    RECIPES,
    Network,
    ShortTraining,
    ShortTrainingEvaluator,
    click_metrics,
    predict,
    short_recipe,
    train_scratch,
)

RECIPE = replace(RECIPES["default"], batch_size=256, embedding_l2=0.01)


def model(dataset: Dataset, name: str, **options: object) -> Architecture:
    dense, fields = len(dataset.dense_features), len(dataset.fields)
    return named_architecture(name, dense, fields, hidden=(16,), **options)  # type: ignore[arg-type]


def test_it_is_an_evaluator(dataset: Dataset) -> None:
    nets = [model(dataset, name) for name in ("dnn", "lr", "deepfm")]
    evaluator = ShortTrainingEvaluator(dataset, RECIPE, ShortTraining(rows=600, seed=3))
    check_evaluator(evaluator, nets)
    found = evaluator.evaluate(nets)
    assert [each.fidelity for each in found] == ["short-training"] * 3
    assert {each.seed for each in found} == {3}
    # One after the other or all at once, what is known of a candidate is the same.
    alone = [evaluator.evaluate([net])[0].metrics for net in nets]
    assert [each.metrics for each in found] == alone
    side_by_side = ShortTrainingEvaluator(
        dataset, RECIPE, ShortTraining(rows=600, seed=3), jobs=2
    ).evaluate(nets[:2])
    for apart, here in zip(side_by_side, found, strict=False):
        assert apart.metrics == pytest.approx(dict(here.metrics), rel=1e-4)


def test_a_short_training_of_all_rows_is_a_training(dataset: Dataset) -> None:
    net = model(dataset, "dnn")
    short = ShortTraining(rows=len(dataset.train), score_rows=None, seed=1)
    evaluator = ShortTrainingEvaluator(dataset, RECIPE, short)
    recipe = evaluator.recipe
    assert (recipe.epochs, recipe.monitor, recipe.schedule) == (1, None, "cosine")
    trained = train_scratch(
        Network.untrained(net, dataset.fields, recipe, seed=1),
        dataset,
        recipe,
        seed=1,
        splits=("valid",),
    )
    assert evaluator.evaluate([net])[0].metrics == pytest.approx(
        dict(trained.metrics["valid"]), rel=1e-5
    )


@pytest.mark.parametrize(
    ("rows", "epochs"), [(100_000, 2), (200_000, 1), (50_000, 4), (3_000, 8), (10**8, 1)]
)
def test_small_logs_are_passed_more_than_once(rows: int, epochs: int) -> None:
    short = ShortTraining()
    recipe = short_recipe(RECIPES["default"], rows, short)
    assert recipe.epochs == epochs
    assert short_recipe(RECIPES["nasrec"], rows, short).lr == RECIPES["nasrec"].lr


@pytest.mark.parametrize(("batch", "short"), [(1024, 500), (256, 256), (4096, 1024)])
def test_the_batch_is_made_for_the_steps_but_stays_near_the_recipes(batch: int, short: int) -> None:
    recipe = replace(RECIPES["default"], batch_size=batch)
    assert short_recipe(recipe, 200_000, ShortTraining(steps=400)).batch_size == short


def test_a_candidate_begins_with_what_the_table_knows(dataset: Dataset) -> None:
    # A factorisation machine is its vectors' inner products, which the turn leaves as they are:
    # trained at a rate of nearly nothing it is what the table makes it.
    net = model(dataset, "fm")
    still = replace(RECIPE, lr=1e-9)
    expected = Network.untrained(net, dataset.fields, still)
    assert expected.embedding is not None
    table = 0.3 * torch.randn(len(expected.embedding.weight), expected.embedding.dim)
    with torch.no_grad():
        expected.embedding.weight[:, expected.embedding.first :] = table
        expected.embedding.clear_unused()
    scores = predict(expected, dataset.valid, torch.device("cpu"))
    short = ShortTraining(rows=64, score_rows=None)
    warm = ShortTrainingEvaluator(dataset, still, short, table=table).evaluate([net])[0]
    metrics = click_metrics(dataset.valid.label, scores)
    assert warm.metrics == pytest.approx(dict(metrics), rel=1e-4)
    cold = ShortTrainingEvaluator(dataset, still, short).evaluate([net])[0]
    assert cold.metrics["logloss"] != pytest.approx(metrics["logloss"], rel=1e-2)


def test_a_short_training_sees_some_rows() -> None:
    with pytest.raises(ValueError, match="rows is 0; expected at least 1"):
        ShortTraining(rows=0)
    with pytest.raises(ValueError, match="steps is 0; expected at least 1"):
        ShortTraining(steps=0)
