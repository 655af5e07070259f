from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil

import numpy as np
import pytest
import torch
from torch import Tensor

from dagsmith.data import Dataset, SparseField
from dagsmith.space import named_architecture
from dagsmith.supernet import RECIPES, EmbeddingTable, Network, predict, train_scratch
from dagsmith.supernet.field_widths import field_widths

Rows = tuple[Tensor, Tensor, Tensor]


def look_up_by_loops(table: EmbeddingTable, ids: Tensor, row_cap: int | None = None) -> Tensor:
    """``[batch, dim, fields]``, a table per field and a value at a time."""
    weight, starts = table.weight.detach(), [0]
    for field in table.fields:
        starts.append(starts[-1] + min(field.cardinality, row_cap or field.cardinality))
    result = torch.zeros(len(ids), table.dim, len(table.fields))
    for row in range(len(ids)):
        for number, field in enumerate(table.fields):
            values = [int(value) for value in ids[row, field.columns]]
            if field.multivalued:
                values = [value for value in values if value != 0]
            size = starts[number + 1] - starts[number]
            for value in values:
                result[row, :, number] += weight[starts[number] + value % size] / len(values)
    return result


@pytest.mark.parametrize("row_cap", [None, 4])
@pytest.mark.parametrize("sparse", [True, False])
def test_a_look_up_is_a_row_or_the_mean_of_rows(
    fields: tuple[SparseField, ...],
    draw_rows: Callable[[Sequence[SparseField], int, int], Rows],
    row_cap: int | None,
    sparse: bool,
) -> None:
    """With 6 tags and a cap of 4, tag 4 wraps to row 0 and still is no padding."""
    table = EmbeddingTable(fields, 5, sparse=sparse, row_cap=row_cap)
    ids = draw_rows(fields, 0, 40)[1]
    ids[0, 1:4] = 0
    assert (ids[:, 1:4] == 4).any()
    found = table(ids)
    torch.testing.assert_close(found, look_up_by_loops(table, ids, row_cap))
    assert not found[0, :, 1].any()
    assert found.is_contiguous()


def test_padding_gives_no_gradient(fields: tuple[SparseField, ...]) -> None:
    table = EmbeddingTable(fields, 5, sparse=False)
    ids = torch.tensor([[1, 2, 0, 0, 1, 1]])
    table(ids).sum().backward()
    gradient = table.weight.grad
    assert gradient is not None
    first_tag = 11
    assert not gradient[first_tag].any()
    torch.testing.assert_close(gradient[first_tag + 2], torch.ones(5))


def test_a_sparse_gradient_lists_the_rows_touched(fields: tuple[SparseField, ...]) -> None:
    tables = [EmbeddingTable(fields, 5, sparse=sparse, seed=2) for sparse in (True, False)]
    ids = torch.tensor([[1, 2, 3, 0, 1, 1], [1, 5, 5, 2, 2, 16]])
    for table in tables:
        table(ids).square().sum().backward()
    sparse, dense = (table.weight.grad for table in tables)
    assert sparse is not None
    assert dense is not None
    assert sparse.is_sparse
    assert sparse.coalesce().indices().shape[1] < 12
    torch.testing.assert_close(sparse.to_dense(), dense)


def test_tables_are_xavier_normal_each_by_its_own_size() -> None:
    fields = [
        SparseField("few", 100, slice(0, 1), False),
        SparseField("many", 20_000, slice(1, 2), False),
    ]
    weight = EmbeddingTable(fields, 16, seed=1).weight.detach()
    assert float(weight[:100].std()) == pytest.approx((2 / 116) ** 0.5, rel=0.1)
    assert float(weight[100:].std()) == pytest.approx((2 / 20_016) ** 0.5, rel=0.02)
    assert torch.equal(weight, EmbeddingTable(fields, 16, seed=1).weight)
    assert not torch.equal(weight, EmbeddingTable(fields, 16, seed=2).weight)


def test_normalised_coordinates_have_zero_mean_and_unit_variance(
    fields: tuple[SparseField, ...],
    draw_rows: Callable[[Sequence[SparseField], int, int], Rows],
) -> None:
    ids = draw_rows(fields, 0, 300)[1]
    table = EmbeddingTable(fields, 5, normalise=True, std=0.3)
    found = table(ids)
    torch.testing.assert_close(found.mean(0), torch.zeros(5, 4), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.var(0), torch.ones(5, 4), atol=0.02, rtol=0)
    assert not list(table.norm.parameters())  # type: ignore[union-attr]
    for _ in range(100):
        table(ids)
    torch.testing.assert_close(table.eval()(ids), found, atol=1e-2, rtol=1e-2)


def test_one_row_is_normalised_by_what_was_seen_before(
    fields: tuple[SparseField, ...],
    draw_rows: Callable[[Sequence[SparseField], int, int], Rows],
) -> None:
    ids = draw_rows(fields, 0, 300)[1]
    table = EmbeddingTable(fields, 5, normalise=True)
    table(ids)
    one = table(ids[:1])
    torch.testing.assert_close(one, table.eval()(ids)[:1])


def test_a_given_deviation_holds_for_every_table() -> None:
    fields = [
        SparseField("few", 1000, slice(0, 1), False),
        SparseField("many", 9000, slice(1, 2), False),
    ]
    weight = EmbeddingTable(fields, 16, std=1e-4).weight.detach()
    for part in (weight[:1000], weight[1000:]):
        assert float(part.std()) == pytest.approx(1e-4, rel=0.05)


def test_a_field_of_few_values_uses_few_coordinates(
    fields: tuple[SparseField, ...],
    draw_rows: Callable[[Sequence[SparseField], int, int], Rows],
) -> None:
    widths = field_widths(fields, 16, 6.0)
    assert widths == tuple(min(16, ceil(6 * field.cardinality**0.25)) for field in fields)
    assert min(widths) < 16
    assert field_widths(fields, 16, None) == (16,) * len(fields)
    table = EmbeddingTable(fields, 16, std=0.1, sparse=False, first_order=True, width_factor=6.0)
    found = table(draw_rows(fields, 0, 40)[1])
    for number, width in enumerate(widths):
        assert found[:, : 1 + width, number].all(dim=1).any()
        assert not found[:, 1 + width :, number].any()
    found.sum().backward()
    assert table.weight.grad is not None
    assert torch.equal(table.weight.grad != 0, (table.weight != 0) & (table.weight.grad != 0))
    table.weight.data.fill_(1.0)
    table.clear_unused()
    sizes = [field.cardinality for field in fields]
    assert [int(part[0].sum()) for part in table.weight.split(sizes)] == [1 + w for w in widths]


@pytest.mark.parametrize("name", ["default", "nasrec"])
def test_a_trained_table_serves_without_knowing_of_its_widths(dataset: Dataset, name: str) -> None:
    recipe = replace(RECIPES[name], epochs=1, batch_size=200, normalise=True, width_factor=6.0)
    net = named_architecture("dcnv2", len(dataset.dense_features), len(dataset.fields))
    network = Network.untrained(net, dataset.fields, recipe)
    assert network.embedding is not None
    begun = network.embedding.weight.detach().clone()
    trained = train_scratch(network, dataset, recipe, splits=("valid",)).model
    served = Network(net, dataset.fields, normalise=True)
    served.load_state_dict(trained.state_dict())
    assert served.embedding is not None
    ended = served.embedding.weight.detach()
    assert (begun == 0).any()
    assert torch.equal(ended[begun == 0], begun[begun == 0])
    assert not torch.equal(ended, begun)
    device = torch.device("cpu")
    expected = predict(trained.eval(), dataset.valid, device)
    assert np.array_equal(predict(served.eval(), dataset.valid, device), expected)
