"""Trainings from scratch on a real Ray cluster of this machine."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch

from dagsmith.data import Dataset, prepare_synthetic
from dagsmith.space import nasrec_small
from dagsmith.supernet import RECIPES
from dagsmith.trainings import Training, train_all

ray = pytest.importorskip("ray", reason="ray is not installed (extra ray)")
# The cluster's own goings-on: its notices of change, and sockets that it closes late.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    register_ray()
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return prepare_synthetic(tmp_path_factory.mktemp("log") / "data", rows=1500)


def trainings(data: Dataset, folder: Path) -> list[Training]:
    recipe = replace(RECIPES["default"], epochs=1, batch_size=256)
    space = nasrec_small(len(data.dense_features), len(data.fields), blocks=2, widths=(16, 32))
    models = [space.decode(genotype) for genotype in space.sample(3, np.random.default_rng(3))]
    return [
        Training(model, recipe, 5, data.path, folder / str(number))
        for number, model in enumerate(models)
    ]


@pytest.mark.usefixtures("cluster")
def test_a_cluster_gives_what_one_process_gives(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    alone, clustered = trainings(data, tmp_path / "alone"), trainings(data, tmp_path / "ray")
    told: list[float] = []
    try:
        train_all(alone, 1, lambda done, note: None)
        # It is the cluster that does the work: this process no longer can.
        monkeypatch.setattr("dagsmith.trainings.train", None)
        with joblib.parallel_config(backend="ray"):
            train_all(clustered, 2, lambda done, note: told.append(done))
    finally:
        torch.set_num_threads(threads)
    assert told[-1] == 3
    for one, other in zip(alone, clustered, strict=True):
        first, second = one.outcome(), other.outcome()
        assert first is not None
        assert second is not None
        assert "failure" not in first
        assert first["valid"] == second["valid"]
        assert first["test"] == second["test"]
