"""Trainings from scratch, alone and side by side."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dagsmith.data import Dataset, prepare_synthetic
from dagsmith.space import named_architecture, nasrec_small
from dagsmith.supernet import RECIPES, TrainingError
from dagsmith.supernet.checkpoint import load_checkpoint
from dagsmith.trainings import FIGURES, Training, train_all

QUICK = replace(RECIPES["default"], epochs=1, batch_size=256)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return prepare_synthetic(tmp_path_factory.mktemp("log") / "data", rows=1500)


@pytest.fixture
def trainings(data: Dataset, tmp_path: Path) -> Callable[[str], list[Training]]:
    space = nasrec_small(len(data.dense_features), len(data.fields), blocks=2, widths=(16, 32))
    genotypes = space.sample(2, np.random.default_rng(3))
    models = [*(space.decode(genotype) for genotype in genotypes)]
    models.append(named_architecture("dnn", len(data.dense_features), len(data.fields)))

    def of(name: str) -> list[Training]:
        return [
            Training(model, QUICK, 5, data.path, tmp_path / name / str(number))
            for number, model in enumerate(models)
        ]

    return of


def without_seconds(training: Training) -> dict[str, Any]:
    outcome = training.outcome()
    assert outcome is not None
    del outcome["seconds"], outcome["rows_per_second"]
    return outcome


def test_side_by_side_gives_what_one_after_the_other_gives(
    trainings: Callable[[str], list[Training]],
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    told: list[float] = []
    try:
        alone, together = trainings("alone"), trainings("together")
        train_all(alone, 1, lambda done, note: None)
        train_all(together, 2, lambda done, note: told.append(done))
    finally:
        torch.set_num_threads(threads)
    assert told[0] == 0
    assert told[-1] == 3
    assert told == sorted(told)
    for one, other in zip(alone, together, strict=True):
        assert without_seconds(one) == without_seconds(other)
        weights, description = load_checkpoint(
            other.folder / "model.safetensors", "dagsmith.network/1"
        )
        assert description["key"] == one.key
        assert weights
        # What told of the progress is gone.
        assert sorted(path.name for path in other.folder.iterdir()) == [
            FIGURES,
            "model.safetensors",
        ]


def test_what_was_done_before_is_not_done_again(
    trainings: Callable[[str], list[Training]], monkeypatch: pytest.MonkeyPatch
) -> None:
    works = trainings("again")
    train_all(works[:2], 1, lambda done, note: None)
    before = [(work.folder / FIGURES).read_bytes() for work in works[:2]]

    def failing(*arguments: Any, **settings: Any) -> Any:
        raise TrainingError("training loss is nan at step 3")

    monkeypatch.setattr("dagsmith.trainings.train_scratch", failing)
    train_all(works, 1, lambda done, note: None)
    assert [(work.folder / FIGURES).read_bytes() for work in works[:2]] == before
    assert works[2].outcome() == {"seed": 5, "failure": "training loss is nan at step 3"}


def test_an_unfinished_training_has_no_outcome(
    trainings: Callable[[str], list[Training]], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = trainings("stopped")[0]

    def interrupted(*arguments: Any, **settings: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("dagsmith.trainings.train_scratch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_all([work], 1, lambda done, note: None)
    assert work.outcome() is None


def test_an_error_in_another_process_ends_the_stage(
    trainings: Callable[[str], list[Training]], data: Dataset
) -> None:
    works = [replace(work, data=data.path / "nowhere") for work in trainings("lost")]
    with pytest.raises(ValueError, match="no such data set"):
        train_all(works, 2, lambda done, note: None)
    assert all(work.outcome() is None for work in works)


def test_progress_counts_what_is_done_and_what_is_begun(
    trainings: Callable[[str], list[Training]],
) -> None:
    works = trainings("told")
    train_all(works[:1], 1, lambda done, note: None)
    told: list[tuple[float, str]] = []
    train_all(works, 1, lambda done, note: told.append((done, note)))
    assert told[0] == (1, "")
    assert told[-1] == (3, "")
    assert {note for _, note in told} == {"", works[1].title, works[2].title}
    assert any(1 < done < 2 for done, _ in told)
    assert json.loads((works[2].folder / FIGURES).read_text())["valid"]["logloss"] > 0
