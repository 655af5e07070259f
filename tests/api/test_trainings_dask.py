"""Trainings from scratch on a real Dask cluster of two processes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import pytest
import torch

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


def test_a_cluster_gives_what_one_process_gives(
    client: Any, trainings: Callable[[Path], list[Training]], tmp_path: Path
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    alone, clustered = trainings(tmp_path / "alone"), trainings(tmp_path / "dask")
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
