"""Trainings from scratch on a real Ray cluster of this machine."""

from collections.abc import Callable, Iterator
from pathlib import Path

import joblib
import pytest
import torch

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


@pytest.mark.usefixtures("cluster")
def test_a_cluster_gives_what_one_process_gives(
    trainings: Callable[[Path], list[Training]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    alone, clustered = trainings(tmp_path / "alone"), trainings(tmp_path / "ray")
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
