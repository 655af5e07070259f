from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.data import Dataset, Split
from dagsmith.space import named_architecture
from dagsmith.supernet import (
    RECIPES,
    Network,
    mean_probabilities,
    pick_device,
    predict,
    soft_labels,
    train_scratch,
)

CPU = pick_device("cpu")


def net(dataset: Dataset, seed: int) -> Network:
    dense, fields = len(dataset.dense_features), len(dataset.fields)
    tower = named_architecture("dnn", dense, fields, embedding_dim=8, hidden=(16,))
    return Network(tower, dataset.fields, seed=seed)


@given(st.floats(0, 1), st.lists(st.floats(0, 1, width=32), min_size=1, max_size=9))
def test_mixed_labels_lie_between_label_and_answer(share: float, given_: list[float]) -> None:
    answers = np.array(given_, np.float32)
    labels = (np.arange(len(answers)) % 2).astype(np.float32)
    mixed = soft_labels(labels, answers, share)
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(mixed, (1 - share) * labels + share * answers, atol=1e-6)
    assert ((mixed >= 0) & (mixed <= 1)).all()


def test_what_does_not_fit_is_refused() -> None:
    row = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match="2 answers for 3 labels"):
        soft_labels(row, row[:2])
    with pytest.raises(ValueError, match=r"share is 1\.5; expected 0 to 1"):
        soft_labels(row, row, 1.5)
    with pytest.raises(ValueError, match="no model; expected at least one"):
        mean_probabilities([], Split(row[:, None], np.zeros((3, 1), np.int32), row))


def test_the_mean_is_that_of_the_models(dataset: Dataset) -> None:
    models = [net(dataset, seed) for seed in (1, 2, 3)]
    each = [predict(model, dataset.valid, CPU) for model in models]
    found = mean_probabilities(iter(models), dataset.valid, "cpu")
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-5)


def test_a_pupil_answers_as_its_teachers_do(dataset: Dataset, tmp_path: Path) -> None:
    """Labels that are a teacher's alone lead to the teacher, whatever the true ones say."""
    answers = np.where(dataset.train.dense[:, 0] > 0, 0.9, 0.1).astype(np.float32)
    np.save(tmp_path / "labels.npy", soft_labels(dataset.train.label, answers, 1.0))
    recipe = replace(RECIPES["default"], epochs=12, batch_size=64, dropout=0.0, monitor=None)
    pupil = train_scratch(
        net(dataset, 1), dataset.with_labels(tmp_path / "labels.npy"), recipe, device="cpu"
    )
    alone = train_scratch(net(dataset, 1), dataset, recipe, device="cpu")
    expected = np.where(dataset.valid.dense[:, 0] > 0, 0.9, 0.1)
    far = [
        float(np.abs(predict(found.model, dataset.valid, CPU) - expected).mean())
        for found in (pupil, alone)
    ]
    assert far[0] < 0.5 * far[1]
    # What it is measured by are the true labels.
    assert set(np.unique(dataset.valid.label)) == {0.0, 1.0}
