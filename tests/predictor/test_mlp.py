import numpy as np
import pytest

from dagsmith.predictor import MLPPredictor, MLPSettings, PredictorError, rank_correlation
from dagsmith.predictor.testing import check_predictor
from dagsmith.space import NASRecSpace, Population

QUICK = MLPSettings(members=2, dim=8, epochs=10)


def test_conformance(population: Population) -> None:
    check_predictor(lambda: MLPPredictor(population.vocabulary, QUICK), population)


def test_it_learns_a_target_of_the_counts(space: NASRecSpace) -> None:
    population = space.decode_many(space.sample(160, np.random.default_rng(2)))
    targets = population.present.sum(axis=1) + 1e-6 * np.arange(len(population))
    predictor = MLPPredictor(space.kinds, MLPSettings(members=2, dim=16, epochs=40))
    mean = predictor.fit(population[:120], targets[:120]).predict(population[120:]).mean
    tau = rank_correlation(targets[120:], mean, resamples=0).value
    assert tau is not None
    assert tau > 0.6


def test_a_training_that_diverges_is_told(population: Population) -> None:
    wild = MLPSettings(members=1, dim=4, epochs=10, learning_rate=1e30)
    with pytest.raises(PredictorError, match="diverged"):
        MLPPredictor(population.vocabulary, wild).fit(population, np.arange(len(population)))
