"""A whole search by two processes that torchrun starts."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from dagsmith.other_ranks import train_beside
from dagsmith.result import read_result
from dagsmith.run_directory import RunDirectory
from dagsmith.settings import SearchSettings

SETTINGS = SearchSettings(
    space="nasrec-small",
    rows=1500,
    blocks=2,
    widths=(16, 32),
    embedding_dim=8,
    embedding_l2=0.1,
    supernet_epochs=2,
    trials=4,
    top=1,
    scratch_seeds=1,
    scratch_epochs=1,
    truth=0,
    no_baselines=True,
    jobs=1,
)


def options(settings: SearchSettings) -> list[str]:
    """As one would write them."""
    given = []
    for name, value in settings.to_dict().items():
        if value is True:
            given.append(f"--{name.replace('_', '-')}")
        elif value != SearchSettings().to_dict()[name]:
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            given += [f"--{name.replace('_', '-')}", text]
    return given


def test_torchrun_does_one_search(tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*torchrun, "--nproc-per-node", "2", "-m", "dagsmith", "search", *options(SETTINGS)]
    done = subprocess.run(
        [*command, "--out", "run"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    # One process tells, and one does what is not the supernet's training.
    assert done.stderr.count("supernet: begins") == 1
    result = read_result(tmp_path / "run" / "result.json")
    assert result["search"]["complete"] == 4
    assert len(result["models"]) == 1


def test_the_others_wait_for_the_recipe_and_leave_a_trained_supernet_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = list[Path]()
    monkeypatch.setattr("dagsmith.other_ranks.POLL_S", 0.01)
    monkeypatch.setattr("dagsmith.other_ranks.train_shared", lambda job: trained.append(job.path))

    def beside() -> threading.Thread:
        thread = threading.Thread(target=train_beside, args=(SETTINGS, tmp_path), daemon=True)
        thread.start()
        thread.join(0.1)
        return thread

    # What another search has left there is not taken for this one's.
    RunDirectory(tmp_path, replace(SETTINGS, seed=5).to_dict())
    waiting = beside()
    assert waiting.is_alive()
    directory = RunDirectory(tmp_path, SETTINGS.to_dict())
    waiting.join(0.1)
    assert waiting.is_alive()
    directory.run("recipe", lambda: {"recipe": {}})
    waiting.join(10)
    assert trained == [tmp_path]
    directory.run("supernet", lambda: {"path": "x"})
    beside().join(10)
    assert trained == [tmp_path]


def test_without_a_supernet_the_others_have_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trained = list[Path]()
    monkeypatch.setattr("dagsmith.other_ranks.train_shared", lambda job: trained.append(job.path))
    settings = replace(SETTINGS, evaluator="short-training")
    RunDirectory(tmp_path, settings.to_dict()).run("recipe", lambda: {"recipe": {}})
    train_beside(settings, tmp_path)
    assert not trained
    assert "without a supernet one process does it all" in caplog.text
