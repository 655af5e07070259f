from dataclasses import replace

import numpy as np
import pytest

from dagsmith.data import Dataset
from dagsmith.space import ctr_plus
from dagsmith.supernet import (
    RECIPES,
    FewEpochsEvaluator,
    ShortTraining,
    ShortTrainingEvaluator,
    TrainingError,
)

RECIPE = replace(RECIPES["default"], batch_size=256, embedding_l2=0.01)


@pytest.mark.parametrize("short", [True, False])
def test_a_training_that_fails_is_an_evaluation_with_its_reason(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, short: bool
) -> None:
    def failing(*arguments: object, **settings: object) -> None:
        raise TrainingError("training loss is nan at step 3")

    monkeypatch.setattr("dagsmith.supernet.candidate_training.train_scratch", failing)
    space = ctr_plus(len(dataset.dense_features), len(dataset.fields), blocks=1)
    net = space.decode(space.sample(1, np.random.default_rng(0))[0])
    evaluator = (
        ShortTrainingEvaluator(dataset, RECIPE, ShortTraining(rows=600))
        if short
        else FewEpochsEvaluator(dataset, RECIPE, 1)
    )
    found = evaluator.evaluate([net])
    assert (found[0].failure, dict(found[0].metrics)) == ("training loss is nan at step 3", {})
