from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from dagsmith.data import SparseField
from dagsmith.supernet import HANDMADE, ClickModel, DCNv2, DeepFM

Rows = tuple[Tensor, Tensor, Tensor]
DrawRows = Callable[[Sequence[SparseField], int, int], Rows]


@pytest.fixture
def rows(fields: tuple[SparseField, ...], draw_rows: DrawRows) -> Rows:
    return draw_rows(fields, 3, 12)


def build(name: str, fields: tuple[SparseField, ...], seed: int = 0) -> ClickModel:
    return HANDMADE[name](3, fields, dim=4, hidden=(6, 5), seed=seed)


def deep_part(model: ClickModel, flat: Tensor) -> Tensor:
    """Linear, running batch norm, ReLU, written out, for evaluation mode."""
    hidden = flat
    for linear, norm in zip(model.layers.linear, model.layers.norm, strict=True):  # type: ignore[union-attr,arg-type]
        hidden = hidden @ linear.weight.T + linear.bias
        hidden = (hidden - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
        hidden = torch.relu(hidden * norm.weight + norm.bias)
    return hidden


@pytest.fixture
def settled(fields: tuple[SparseField, ...], rows: Rows) -> Callable[[str], ClickModel]:
    """A model whose batch norms have seen rows, in evaluation mode."""

    def make(name: str) -> ClickModel:
        model = build(name, fields)
        for _ in range(3):
            model(rows[0], rows[1])
        return model.eval()

    return make


def test_deepfm_is_first_order_plus_pairs_plus_deep(
    settled: Callable[[str], ClickModel], rows: Rows
) -> None:
    model, (dense, ids, _) = settled("deepfm"), rows
    assert isinstance(model, DeepFM)
    assert model.embedding is not None
    vectors = model.embedding(ids)
    first, factors = vectors[:, 0], vectors[:, 1:]
    fields = factors.shape[2]
    pairs = torch.zeros(len(dense))
    for i in range(fields):
        for j in range(i):
            pairs = pairs + (factors[:, :, i] * factors[:, :, j]).sum(1)
    deep = deep_part(model, torch.cat([dense, factors.flatten(1)], dim=1))
    wide = dense @ model.linear.weight[0] + model.linear.bias + first.sum(1)
    expected = wide + pairs + deep @ model.head.weight[0] + model.head.bias
    torch.testing.assert_close(model(dense, ids), expected, atol=1e-5, rtol=1e-5)


def test_dcnv2_crosses_by_its_formula(settled: Callable[[str], ClickModel], rows: Rows) -> None:
    model, (dense, ids, _) = settled("dcnv2"), rows
    assert isinstance(model, DCNv2)
    assert model.embedding is not None
    x0 = torch.cat([dense, model.embedding(ids).flatten(1)], dim=1)
    crossed = x0
    for layer in model.cross:
        assert isinstance(layer, torch.nn.Linear)
        product = torch.stack([layer.weight @ row for row in crossed]) + layer.bias
        crossed = x0 * product + crossed
    parts = torch.cat([crossed, deep_part(model, x0)], dim=1)
    expected = parts @ model.head.weight[0] + model.head.bias
    torch.testing.assert_close(model(dense, ids), expected, atol=1e-5, rtol=1e-5)


def test_dnn_is_its_deep_part(settled: Callable[[str], ClickModel], rows: Rows) -> None:
    model, (dense, ids, _) = settled("dnn"), rows
    assert model.embedding is not None
    deep = deep_part(model, torch.cat([dense, model.embedding(ids).flatten(1)], dim=1))
    expected = deep @ model.head.weight[0] + model.head.bias  # type: ignore[operator,index,union-attr]
    torch.testing.assert_close(model(dense, ids), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", HANDMADE)
def test_seeds_repeat(name: str, fields: tuple[SparseField, ...]) -> None:
    first, again, other = (build(name, fields, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])
    assert not torch.equal(first["embedding.weight"], other["embedding.weight"])


@pytest.mark.parametrize("name", HANDMADE)
def test_a_last_batch_of_one_row_can_be_trained(
    name: str, fields: tuple[SparseField, ...], rows: Rows
) -> None:
    model, (dense, ids, _) = build(name, fields), rows
    model(dense, ids)
    before = model.layers.norm[0].running_mean.clone()  # type: ignore[union-attr,index]
    model(dense[:1], ids[:1]).sum().backward()
    assert torch.equal(model.layers.norm[0].running_mean, before)  # type: ignore[union-attr,index]
    model(dense, ids)
    assert not torch.equal(model.layers.norm[0].running_mean, before)  # type: ignore[union-attr,index]


@pytest.mark.parametrize("name", HANDMADE)
def test_dropout_is_for_training_only(
    name: str, fields: tuple[SparseField, ...], rows: Rows
) -> None:
    model, (dense, ids, _) = build(name, fields), rows
    model.dropout = 0.5
    assert not torch.equal(model(dense, ids), model(dense, ids))
    model.eval()
    assert torch.equal(model(dense, ids), model(dense, ids))


def test_the_table_is_not_counted(fields: tuple[SparseField, ...]) -> None:
    width = 3 + 4 * len(fields)
    layers = (width + 1) * 6 + 2 * 6 + (6 + 1) * 5 + 2 * 5
    assert build("dnn", fields).parameter_count() == layers + 5 + 1
    cross = 3 * (width + 1) * width
    assert build("dcnv2", fields).parameter_count() == layers + cross + width + 5 + 1
