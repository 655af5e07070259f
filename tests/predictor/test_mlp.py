import numpy as np
import pytest
import torch

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


def test_seeds_matter_and_the_global_generator_does_not(population: Population) -> None:
    targets = population.present.sum(axis=1) + 0.01 * np.arange(len(population))

    def mean(seed: int) -> list[float]:
        predictor = MLPPredictor(population.vocabulary, QUICK, seed=seed)
        answers = predictor.fit(population, targets).predict(population).mean
        return [float(answer) for answer in answers]

    torch.manual_seed(1)
    first = mean(0)
    before = torch.get_rng_state()
    assert mean(0) == first
    assert torch.equal(torch.get_rng_state(), before)
    assert mean(1) != first


@pytest.mark.parametrize("name", ["members", "dim", "layers", "epochs", "batch"])
def test_settings_are_checked(name: str) -> None:
    with pytest.raises(PredictorError, match=f"{name} is 0; expected at least 1"):
        MLPSettings(**{name: 0})


def test_rates_are_checked() -> None:
    with pytest.raises(PredictorError, match="learning_rate is 0"):
        MLPSettings(learning_rate=0)


def test_a_training_that_diverges_is_told(population: Population) -> None:
    wild = MLPSettings(members=1, dim=4, epochs=10, learning_rate=1e30)
    with pytest.raises(PredictorError, match="diverged"):
        MLPPredictor(population.vocabulary, wild).fit(population, np.arange(len(population)))
