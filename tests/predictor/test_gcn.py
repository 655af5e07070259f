import subprocess
import sys

import numpy as np
import pytest
import torch

from dagsmith.predictor import GCNPredictor, GCNSettings, PredictorError, rank_correlation
from dagsmith.predictor.testing import check_predictor
from dagsmith.space import NASRecSpace, Population

QUICK = GCNSettings(members=2, dim=8, layers=2, epochs=4)


def test_conformance(population: Population) -> None:
    check_predictor(lambda: GCNPredictor(population.vocabulary, QUICK), population)


def test_it_learns_a_target_of_the_graph(space: NASRecSpace) -> None:
    population = space.decode_many(space.sample(160, np.random.default_rng(2)))
    # What lies on the nodes, averaged: the share of dot products among them.
    dense = population.kind == population.vocabulary.index["dense_op"]
    products = (dense & (population.attributes[:, :, 0] == 1)).sum(axis=1)
    targets = products / population.present.sum(axis=1) + 1e-6 * np.arange(len(population))
    predictor = GCNPredictor(space.kinds, GCNSettings(dim=16, layers=2, epochs=40))
    mean = predictor.fit(population[:120], targets[:120]).predict(population[120:]).mean
    tau = rank_correlation(targets[120:], mean, resamples=0).value
    assert tau is not None
    assert tau > 0.6


def test_seeds_matter_and_the_global_generator_does_not(population: Population) -> None:
    targets = population.present.sum(axis=1) + 0.01 * np.arange(len(population))

    def mean(seed: int) -> list[float]:
        predictor = GCNPredictor(population.vocabulary, QUICK, seed=seed)
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
        GCNSettings(**{name: 0})


def test_a_learning_rate_is_above_zero() -> None:
    with pytest.raises(PredictorError, match="learning_rate is 0"):
        GCNSettings(learning_rate=0)


def test_the_room_is_imported_without_pytorch_geometric() -> None:
    code = "import sys, dagsmith.predictor; print('torch_geometric' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
