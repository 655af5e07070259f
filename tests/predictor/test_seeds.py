"""Every predictor that draws: its seed decides, and global generators neither matter nor change."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from dagsmith.predictor import (
    BoostingPredictor,
    BoostingSettings,
    ForestPredictor,
    ForestSettings,
    GCNPredictor,
    GCNSettings,
    LinearPredictor,
    MLPPredictor,
    MLPSettings,
    Predictor,
)
from dagsmith.space import Population, Vocabulary

DRAWING: dict[str, Callable[[Vocabulary, int], Predictor]] = {
    "mlp": lambda kinds, seed: MLPPredictor(kinds, MLPSettings(2, dim=8, epochs=10), seed),
    "gcn": lambda kinds, seed: GCNPredictor(kinds, GCNSettings(2, 8, layers=2, epochs=4), seed),
    "forest": lambda kinds, seed: ForestPredictor(kinds, ForestSettings(trees=20), seed),
    "boosting": lambda kinds, seed: BoostingPredictor(kinds, BoostingSettings(2, trees=40), seed),
    "linear": lambda kinds, seed: LinearPredictor(kinds, members=3, seed=seed),
}


def global_states() -> tuple[list[int], str]:
    numpy = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    return torch.get_rng_state().tolist(), f"{numpy['key'].tolist()} {numpy['pos']}"


@pytest.mark.parametrize("name", DRAWING)
def test_seeds_matter_and_global_generators_do_not(name: str, population: Population) -> None:
    targets = population.present.sum(axis=1) + 0.01 * np.arange(len(population))

    def samples(seed: int) -> list[float]:
        predictor = DRAWING[name](population.vocabulary, seed).fit(population, targets)
        return [float(answer) for answer in predictor.predict(population).samples.ravel()]

    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    first = samples(0)
    before = global_states()
    assert samples(0) == first
    assert global_states() == before
    assert samples(1) != first
