from dataclasses import replace

import pytest

from dagsmith.data import Dataset
from dagsmith.data.testing import check_evaluator
from dagsmith.space import Architecture, named_architecture
from dagsmith.supernet import RECIPES, FewEpochsEvaluator, Network, train_scratch

RECIPE = replace(RECIPES["default"], batch_size=256, embedding_l2=0.01)


def model(dataset: Dataset, name: str) -> Architecture:
    dense, fields = len(dataset.dense_features), len(dataset.fields)
    return named_architecture(name, dense, fields, hidden=(16,))


def test_it_is_an_evaluator(dataset: Dataset) -> None:
    nets = [model(dataset, name) for name in ("dnn", "lr", "deepfm")]
    evaluator = FewEpochsEvaluator(dataset, RECIPE, 1, seed=3)
    check_evaluator(evaluator, nets)
    found = evaluator.evaluate(nets)
    assert [each.fidelity for each in found] == ["few-epochs"] * 3
    assert {each.seed for each in found} == {3}
    side_by_side = FewEpochsEvaluator(dataset, RECIPE, 1, seed=3, jobs=2).evaluate(nets[:2])
    for apart, here in zip(side_by_side, found, strict=False):
        assert apart.metrics == pytest.approx(dict(here.metrics), rel=1e-4)


def test_a_candidate_is_trained_as_a_model_of_so_many_epochs_is(dataset: Dataset) -> None:
    net = model(dataset, "dnn")
    recipe = replace(RECIPE, epochs=2)
    trained = train_scratch(
        Network.untrained(net, dataset.fields, recipe, seed=1),
        dataset,
        recipe,
        seed=1,
        splits=("valid",),
    )
    found = FewEpochsEvaluator(dataset, RECIPE, 2, seed=1).evaluate([net])[0]
    assert found.metrics == pytest.approx(dict(trained.metrics["valid"]), rel=1e-5)


def test_epochs_are_those_of_a_full_training_at_most(dataset: Dataset) -> None:
    assert FewEpochsEvaluator(dataset, replace(RECIPE, epochs=3), 4).recipe.epochs == 3
    assert FewEpochsEvaluator(dataset, RECIPE).recipe == replace(RECIPE, epochs=4)
    with pytest.raises(ValueError, match="epochs is 0; expected at least 1"):
        FewEpochsEvaluator(dataset, RECIPE, 0)
