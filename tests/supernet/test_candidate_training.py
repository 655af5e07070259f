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


@pytest.mark.parametrize("short", [True, False])
def test_a_candidate_is_given_when_it_is_trained_and_none_begins_too_late(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, short: bool
) -> None:
    space = ctr_plus(len(dataset.dense_features), len(dataset.fields), blocks=1)
    nets = [space.decode(genotype) for genotype in space.sample(4, np.random.default_rng(0))]
    begun = 0

    def failing(*arguments: object, **settings: object) -> None:
        nonlocal begun
        begun += 1
        if begun == 3:
            raise KeyboardInterrupt
        raise TrainingError("training loss is nan at step 3")

    monkeypatch.setattr("dagsmith.supernet.candidate_training.train_scratch", failing)
    evaluator = (
        ShortTrainingEvaluator(dataset, RECIPE, ShortTraining(rows=600))
        if short
        else FewEpochsEvaluator(dataset, RECIPE, 1)
    )
    stream = evaluator.stream(nets)
    found = [next(stream), next(stream)]
    assert [(place, each.architecture.key) for place, each in found] == [
        (0, nets[0].key),
        (1, nets[1].key),
    ]
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    # The processes of several at once look at the clock themselves.
    for jobs in (1, 2):
        evaluator.jobs = jobs
        assert not list(evaluator.stream(nets, 0.0))
    assert begun == 3
