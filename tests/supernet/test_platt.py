"""A scale and an offset of the logit: fitted, kept, and harmless to rankings."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit

from dagsmith.data import Dataset
from dagsmith.network import restore, save_weights
from dagsmith.space import named_architecture
from dagsmith.supernet import RECIPES, Network, fit_platt, logloss, predict, train_scratch

CPU = torch.device("cpu")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_what_was_too_sure_is_found(rng: np.random.Generator) -> None:
    true = rng.normal(-1, 1.5, 200_000)
    labels = rng.random(len(true)) < expit(true)
    scale, offset = fit_platt(labels, expit((true - 0.4) / 0.6))
    assert scale == pytest.approx(0.6, abs=0.02)
    assert offset == pytest.approx(0.4, abs=0.02)


def test_no_other_numbers_have_a_smaller_loss(rng: np.random.Generator) -> None:
    logits = rng.normal(0, 3, 5000)
    labels = rng.random(5000) < expit(0.5 * logits + 0.3)
    scale, offset = fit_platt(labels, expit(logits))
    best = logloss(labels, expit(scale * logits + offset))
    for step in (-0.02, 0.02):
        assert best < logloss(labels, expit((scale + step) * logits + offset))
        assert best < logloss(labels, expit(scale * logits + offset + 2 * step))


@pytest.mark.parametrize("labels", [np.zeros(50), np.ones(50), np.arange(50) >= 25])
def test_rows_that_are_told_apart_have_a_finite_answer(labels: np.ndarray) -> None:
    scale, offset = fit_platt(labels, np.linspace(0, 1, 50))
    assert np.isfinite([scale, offset]).all()
    assert scale > 0


def test_a_ranking_is_never_turned_round() -> None:
    assert fit_platt([1, 0] * 50, [0.1, 0.9] * 50)[0] > 0


def test_labels_of_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="3 labels for 2 probabilities"):
        fit_platt([0, 1, 1], [0.5, 0.5])
    with pytest.raises(ValueError, match="0 labels"):
        fit_platt([], [])


def test_a_training_that_calibrates_ranks_alike_and_is_kept(
    dataset: Dataset, tmp_path: Path
) -> None:
    model = named_architecture("deepfm", len(dataset.dense_features), len(dataset.fields))
    recipe = replace(RECIPES["default"], epochs=12, batch_size=64, embedding_l2=0.0, monitor=None)
    plain, calibrated = (
        train_scratch(Network.untrained(model, dataset.fields, each), dataset, each, device="cpu")
        for each in (recipe, replace(recipe, calibrate=True))
    )
    assert plain.model.platt is None
    assert calibrated.model.platt is not None
    for split in ("valid", "test"):
        assert calibrated.metrics[split]["auc"] == pytest.approx(plain.metrics[split]["auc"])
        assert calibrated.metrics[split]["logloss"] < plain.metrics[split]["logloss"]
    save_weights(tmp_path / "model.safetensors", calibrated.model, model.key)
    again = restore(tmp_path / "model.safetensors", Network(model, dataset.fields), model.key)
    answers = [predict(each, dataset.test, CPU) for each in (calibrated.model, again)]
    assert (answers[0] == answers[1]).all()
    # A second fit begins from what the network says, not from what the first one made of it.
    longer = replace(recipe, epochs=1, lr=1e-9, average=0.0, dropout=0.0, calibrate=True)
    train_scratch(calibrated.model, dataset, longer, device="cpu")
    assert calibrated.model.platt is not None
    assert again.platt is not None
    assert torch.allclose(calibrated.model.platt, again.platt, atol=0.01)
