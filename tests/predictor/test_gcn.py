import subprocess
import sys

import numpy as np

from dagsmith.predictor import GCNPredictor, GCNSettings, rank_correlation
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


def test_the_room_is_imported_without_pytorch_geometric() -> None:
    code = "import sys, dagsmith.predictor; print('torch_geometric' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
