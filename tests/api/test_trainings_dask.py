"""Trainings from scratch on a real Dask cluster of two processes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch

from dagsmith.data import Dataset, prepare_synthetic
from dagsmith.space import nasrec_small
from dagsmith.supernet import RECIPES
from dagsmith.trainings import Training, train_all

distributed = pytest.importorskip("distributed", reason="dask is not installed (extra dask)")
# The cluster's own goings-on: sockets that it closes late.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed"),
]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


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


def test_a_cluster_gives_what_one_process_gives(client: Any, data: Dataset, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    alone, clustered = trainings(data, tmp_path / "alone"), trainings(data, tmp_path / "dask")
    told: list[float] = []
    try:
        train_all(alone, 1, lambda done, note: None)
        before = sum(client.run(tasks_done).values())
        with joblib.parallel_config(backend="dask"):
            train_all(clustered, 2, lambda done, note: told.append(done))
    finally:
        torch.set_num_threads(threads)
    assert told[-1] == 3
    # It was the cluster that did the work.
    assert sum(client.run(tasks_done).values()) > before
    for one, other in zip(alone, clustered, strict=True):
        first, second = one.outcome(), other.outcome()
        assert first is not None
        assert second is not None
        assert "failure" not in first
        assert first["valid"] == second["valid"]
        assert first["test"] == second["test"]


def tasks_done(dask_worker: Any) -> int:
    """How much a worker of the cluster has noted about its tasks."""
    return len(dask_worker.state.log)
