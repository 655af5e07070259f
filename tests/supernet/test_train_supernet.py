from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dagsmith.data import Dataset, prepare_synthetic
from dagsmith.space import NASRecSpace, SpaceError
from dagsmith.supernet import (
    NASREC_SUPERNET,
    CheckpointError,
    PathSampler,
    Supernet,
    SupernetRecipe,
    SupernetTraining,
    TrainingError,
    load_checkpoint,
    train_supernet,
)
from dagsmith.supernet.train_supernet import FORMAT

RECIPE = replace(
    NASREC_SUPERNET, epochs=2, batch_size=256, warmup=0.5, seed=3, checkpoint_seconds=0.0
)
STEPS = 12
"""Two epochs of 1,400 rows."""


def train(
    space: NASRecSpace,
    dataset: Dataset,
    checkpoint: Path | None = None,
    stop_at: int | None = None,
    recipe: SupernetRecipe = RECIPE,
) -> tuple[Supernet, SupernetTraining]:
    """A new supernet, trained; interrupted when `stop_at` steps are reported."""
    supernet = Supernet(space, dataset.fields, seed=1, normalise=not recipe.rowwise)

    def progress(stage: str, done: int, total: int | None) -> None:
        assert (stage, total) == ("supernet", STEPS)
        if done == stop_at:
            raise KeyboardInterrupt

    return supernet, train_supernet(
        supernet, dataset, recipe, checkpoint=checkpoint, progress=progress
    )


@pytest.mark.parametrize("stops", [(1,), (5,), (6,), (7,), (3, 9), (STEPS,)])
def test_an_interrupted_training_ends_as_an_uninterrupted_one(
    small_space: NASRecSpace, dataset: Dataset, tmp_path: Path, stops: tuple[int, ...]
) -> None:
    """Weights and optimizer sums to the bit; 6 is the border of the epochs."""
    whole, part = tmp_path / "whole.safetensors", tmp_path / "part.safetensors"
    expected, told = train(small_space, dataset, whole)
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            train(small_space, dataset, part, stop)
    found, resumed = train(small_space, dataset, part)
    for name, tensor in expected.state().items():
        assert torch.equal(tensor, found.state()[name]), name
    tensors, description = load_checkpoint(whole, FORMAT)
    again, description_again = load_checkpoint(part, FORMAT)
    assert set(tensors) == set(again)
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)
    assert any(name.startswith("sum/") for name in tensors)
    assert (resumed.steps, resumed.loss) == (told.steps, told.loss) == (STEPS, told.loss)
    assert description["step"] == description_again["step"] == STEPS


def test_adam_and_running_statistics_resume_too(
    small_space: NASRecSpace, dataset: Dataset, tmp_path: Path
) -> None:
    """Adam on table and slices, a penalty, batch-normalised embeddings: all have state."""
    recipe = replace(RECIPE, optimizer="adam", rowwise=False, embedding_l2=1e-3, embedding_lr=1e-2)
    expected, told = train(small_space, dataset, tmp_path / "whole", recipe=recipe)
    with pytest.raises(KeyboardInterrupt):
        train(small_space, dataset, tmp_path / "part", 7, recipe)
    found, resumed = train(small_space, dataset, tmp_path / "part", recipe=recipe)
    assert resumed.loss == told.loss
    assert any("running_var" in name for name in expected.state())
    for name, tensor in expected.state().items():
        assert torch.equal(tensor, found.state()[name]), name
    tensors, again = (load_checkpoint(tmp_path / run, FORMAT)[0] for run in ("whole", "part"))
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)


def test_a_penalty_needs_dense_updates() -> None:
    with pytest.raises(ValueError, match="embedding_l2 needs dense embedding updates"):
        SupernetRecipe(rowwise=True, embedding_l2=0.1)


def test_a_finished_training_is_not_repeated(
    small_space: NASRecSpace, dataset: Dataset, tmp_path: Path
) -> None:
    expected, told = train(small_space, dataset, tmp_path / "net")
    found, again = train(small_space, dataset, tmp_path / "net", stop_at=1)
    assert again.loss == told.loss
    assert all(torch.equal(t, found.state()[name]) for name, t in expected.state().items())


def test_training_learns(small_space: NASRecSpace, dataset: Dataset) -> None:
    recipe = replace(RECIPE, epochs=6, batch_size=128)
    supernet = Supernet(small_space, dataset.fields, seed=1)
    losses: list[float] = []
    for epochs in (1, 6):
        supernet = Supernet(small_space, dataset.fields, seed=1)
        training = train_supernet(supernet, dataset, replace(recipe, epochs=epochs))
        assert training.steps == 11 * epochs
        losses.append(training.loss)
    assert losses[1] < losses[0]


def test_every_argument_of_the_draw_matters(small_space: NASRecSpace, dataset: Dataset) -> None:
    base = train(small_space, dataset)[0].bank.tensors["head/dense/block3"]
    for change in ({"seed": 4}, {"mode": "any-path"}, {"warmup": 0.0}, {"clip": 0.01}):
        other = train(small_space, dataset, recipe=replace(RECIPE, **change))[0]
        assert not torch.equal(base, other.bank.tensors["head/dense/block3"]), change


@pytest.mark.parametrize(
    "change",
    [{"lr": 0.05}, {"batch_size": 200}, {"mode": "any-path"}, {"seed": 7}, {"epochs": 3}],
)
def test_a_checkpoint_of_another_recipe_is_refused(
    small_space: NASRecSpace, dataset: Dataset, tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "net"
    train(small_space, dataset, path)
    supernet = Supernet(small_space, dataset.fields)
    key, value = next(iter(change.items()))
    with pytest.raises(CheckpointError, match=rf"made with recipe .*expected .*{key}.*{value}"):
        train_supernet(supernet, dataset, replace(RECIPE, **change), checkpoint=path)  # type: ignore[arg-type]


def test_how_often_is_saved_may_change(
    small_space: NASRecSpace, dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(small_space, dataset, tmp_path / "net", 4)
    train(small_space, dataset, tmp_path / "net", recipe=replace(RECIPE, checkpoint_seconds=99))


def test_a_checkpoint_of_other_data_is_refused(
    small_space: NASRecSpace, dataset: Dataset, tmp_path: Path
) -> None:
    train(small_space, dataset, tmp_path / "net")
    other = prepare_synthetic(tmp_path / "data", rows=2000, seed=5)
    with pytest.raises(CheckpointError, match=f"dataset.*expected.*{other.fingerprint}"):
        train(small_space, other, tmp_path / "net")


def test_a_checkpoint_of_another_space_is_refused(
    small_space: NASRecSpace, dataset: Dataset, tmp_path: Path
) -> None:
    train(small_space, dataset, tmp_path / "net")
    other = NASRecSpace(
        "mine",
        small_space.dense_width,
        small_space.sparse_fields,
        dense_operators=("fc",),
        sparse_operators=("efc",),
        blocks=3,
        widths=(8, 16),
        rows=(4, 8),
    )
    with pytest.raises(CheckpointError, match="space 'nasrec-full'; expected 'mine'"):
        train(other, dataset, tmp_path / "net")


def test_a_checkpoint_of_other_given_architectures_is_refused(
    small_space: NASRecSpace, dataset: Dataset, tmp_path: Path
) -> None:
    sampler = PathSampler(small_space)
    lists = [[sampler.draw(0), sampler.draw(1)], [sampler.draw(2)]]
    recipe = replace(RECIPE, mode="given")
    train_supernet(
        Supernet(small_space, dataset.fields),
        dataset,
        recipe,
        checkpoint=tmp_path / "net",
        given=lists[0],
    )
    with pytest.raises(CheckpointError, match="made with given"):
        train_supernet(
            Supernet(small_space, dataset.fields),
            dataset,
            recipe,
            checkpoint=tmp_path / "net",
            given=lists[1],
        )


def test_a_truncated_checkpoint_is_one_clear_error(
    small_space: NASRecSpace, dataset: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "net.safetensors"
    train(small_space, dataset, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"net\.safetensors: no readable checkpoint"):
        train(small_space, dataset, path)


def test_weights_alone_are_no_training(
    small_space: NASRecSpace, dataset: Dataset, tmp_path: Path
) -> None:
    Supernet(small_space, dataset.fields).save(tmp_path / "net")
    with pytest.raises(CheckpointError, match=r"format is 'dagsmith\.supernet/1'"):
        train(small_space, dataset, tmp_path / "net")


def test_a_loss_that_is_no_number_ends_training(
    small_space: NASRecSpace, dataset: Dataset, tmp_path: Path
) -> None:
    supernet = Supernet(small_space, dataset.fields)
    supernet.bank.tensors["head/bias"].fill_(float("nan"))
    with pytest.raises(TrainingError, match="loss is nan at step 0"):
        train_supernet(supernet, dataset, RECIPE, checkpoint=tmp_path / "net")
    assert not (tmp_path / "net").exists(), "weights that are no numbers must not be kept"


def test_given_without_a_list_is_refused(small_space: NASRecSpace, dataset: Dataset) -> None:
    supernet = Supernet(small_space, dataset.fields)
    with pytest.raises(SpaceError, match="needs a list"):
        train_supernet(supernet, dataset, replace(RECIPE, mode="given"))
