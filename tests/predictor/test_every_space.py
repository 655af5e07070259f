"""One predictor, the same settings, for whatever is a typed DAG."""

from collections.abc import Callable

import numpy as np
import pytest

from dagsmith.predictor import GNNPredictor, GNNSettings, TrainingSettings, rank_correlation
from dagsmith.predictor.principal_components import principal_components
from dagsmith.space import (
    SPACES,
    NASBench101Space,
    NASBench201Space,
    NASBenchMacroSpace,
    SearchSpace,
    csco_cifar10,
    pids_classification,
)

CELLS: dict[str, Callable[[], SearchSpace]] = {
    "nasbench101": NASBench101Space,
    "nasbench201": NASBench201Space,
    "nasbench201-whole": lambda: NASBench201Space("whole"),
    "nasbench-macro": NASBenchMacroSpace,
    "csco": csco_cifar10,
    "pids": pids_classification,
}
SETTINGS = GNNSettings(members=2, dim=16, rounds=2, training=TrainingSettings(epochs=12))


@pytest.mark.parametrize("name", [*CELLS, *SPACES])
def test_the_same_settings_rank_every_space(name: str) -> None:
    space = CELLS[name]() if name in CELLS else SPACES[name](13, 26)
    population = space.decode_many(space.sample(120, np.random.default_rng(0)))
    # What its architectures differ by most, whatever the space.
    target = principal_components(population, 1)["component 0"]
    predictor = GNNPredictor(space.kinds, SETTINGS, unknown="mean")
    prediction = predictor.fit(population[:60], target[:60]).predict(population[60:])
    tau = rank_correlation(target[60:], prediction.mean, resamples=0).value
    assert tau is not None
    # Chance alone has a standard deviation of .09 here.
    assert tau > 0.25
    low, high = prediction.interval(0.9)
    assert (low < high).all()
