from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dagsmith.data import Dataset
from dagsmith.space import Architecture, named_architecture
from dagsmith.supernet import RECIPES, Network, logloss, predict, train_scratch
from dagsmith.supernet.batch_norm import batch_norm
from dagsmith.supernet.estimated_statistics import estimate_statistics
from dagsmith.supernet.inputs import to_tensors

RECIPE = replace(RECIPES["default"], batch_size=256, epochs=2, embedding_l2=0.01)
CPU = torch.device("cpu")


def model(dataset: Dataset, norm: str = "batch") -> Architecture:
    dense, fields = len(dataset.dense_features), len(dataset.fields)
    return named_architecture("dnn", dense, fields, hidden=(16, 8), dropout=0.3, norm=norm)


def test_they_are_those_of_the_layers_inputs_by_the_weights_as_they_are(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(model(dataset), dataset.fields, seed=1)
    first, second = network.plan.batch_norms
    # What had been averaged before, and how often, does not count.
    for tensor in network.statistics.of(first):
        tensor.fill_(7.0)
    seen: list[Tensor] = []

    def recorded(tensor: Tensor, *arguments: Any, **options: Any) -> Tensor:
        seen.append(tensor)
        return batch_norm(tensor, *arguments, **options)

    monkeypatch.setattr("dagsmith.supernet.plan.batch_norm", recorded)
    estimate_statistics(network, dataset.train, 300, seed=4)
    assert (network.training, network.statistics.estimating) == (False, False)
    # 1,400 rows are four batches of 300 and one of 200, two layers each.
    assert [len(tensor) for tensor in seen] == [300] * 8 + [200] * 2
    for place, inputs in ((first, seen[::2]), (second, seen[1::2])):
        mean, variance = network.statistics.of(place)
        torch.testing.assert_close(mean, torch.stack([x.mean(0) for x in inputs]).mean(0))
        torch.testing.assert_close(variance, torch.stack([x.var(0) for x in inputs]).mean(0))


def test_nothing_is_dropped_meanwhile(dataset: Dataset) -> None:
    network = Network(model(dataset), dataset.fields, seed=1)
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        estimate_statistics(network, dataset.train, 256)
        found.append({name: value.clone() for name, value in network.named_buffers()})
    second = list(network.plan.batch_norms)[1]
    torch.testing.assert_close(*(buffers[f"statistics.{second}/mean"] for buffers in found))


def test_torchs_own_normalisation_is_estimated_too(dataset: Dataset) -> None:
    network = Network(model(dataset, "none"), dataset.fields, seed=1, normalise=True)
    assert network.embedding is not None
    norm = network.embedding.norm
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_mean is not None
    norm.running_mean.fill_(5.0)
    estimate_statistics(network, dataset.train, 256)
    assert (norm.momentum, norm.training) == (0.1, False)
    rows = to_tensors(dataset.train.take(np.arange(len(dataset.train))), CPU)[1]
    plain = Network(model(dataset, "none"), dataset.fields, seed=1)
    assert plain.embedding is not None
    assert norm.running_var is not None
    with torch.no_grad():
        vectors = plain.embedding(rows).flatten(1)
    spread = vectors.std(dim=0)
    assert float(spread.max()) > 0.05
    assert float((norm.running_mean - vectors.mean(dim=0)).abs().max()) < 0.1 * float(spread.max())
    torch.testing.assert_close(norm.running_var, spread.square(), rtol=0.2, atol=1e-4)


def test_without_normalisation_nothing_is_computed(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(model(dataset, "none"), dataset.fields, seed=1)

    def refused(*arguments: object) -> None:
        raise AssertionError("computed")

    monkeypatch.setattr(network, "forward", refused)
    estimate_statistics(network, dataset.train, 256)


def test_a_kept_model_scores_as_its_weights_do_batch_by_batch(dataset: Dataset) -> None:
    # With a high rate running averages lag far behind the weights; estimated statistics are theirs.
    net = model(dataset)
    network = Network(net, dataset.fields, seed=2)
    recipe = replace(RECIPE, lr=0.05, average=0.0, monitor=None, schedule="constant", dropout=0.3)
    trained = train_scratch(network, dataset, recipe, seed=2, splits=())
    kept = logloss(dataset.valid.label, predict(trained.model, dataset.valid, CPU))
    parts = []
    with torch.no_grad(), network.statistics.anew():
        for batch in dataset.valid.batches(len(dataset.valid)):
            dense, ids, _ = to_tensors(batch, CPU)
            parts.append(torch.sigmoid(network(dense, ids)))
    by_batch = logloss(dataset.valid.label, torch.cat(parts).numpy())
    assert kept == pytest.approx(by_batch, rel=0.05)
