import torch
from torch import nn

from dagsmith.data import SparseField
from dagsmith.supernet import EmbeddingTable, RowwiseAdagrad
from dagsmith.supernet.table_optimizer import add_penalty, table_optimizer

IDS = torch.tensor([[1, 2, 3, 0, 1, 1], [1, 5, 5, 2, 2, 16]])


def test_rowwise_adagrad_is_the_formula_on_a_dense_table() -> None:
    torch.manual_seed(0)
    table = nn.Embedding(9, 4, sparse=True)
    optimizer = RowwiseAdagrad(list(table.parameters()), lr=0.3)
    expected, total = table.weight.detach().clone(), torch.zeros(9)
    for step in range(5):
        ids = torch.randint(8, (6,))  # with repetitions, and never row 8
        factor = torch.randn(6, 4)
        (table(ids) * factor).sum().backward()
        gradient = torch.zeros(9, 4).index_add(0, ids, factor)
        total += gradient.square().mean(dim=1)
        rate = 0.3 / (1 + step)
        optimizer.param_groups[0]["lr"] = rate
        expected -= rate * gradient / (total.sqrt() + 1e-8).unsqueeze(1)
        optimizer.step()
        assert table.weight.grad is None
        torch.testing.assert_close(table.weight.detach(), expected)
    torch.testing.assert_close(optimizer.state[table.weight]["sum"], total)


def test_rowwise_takes_sparse_gradients_and_adam_dense_ones(
    fields: tuple[SparseField, ...],
) -> None:
    for rowwise, kind in ((True, RowwiseAdagrad), (False, torch.optim.Adam)):
        table = EmbeddingTable(fields, 5, sparse=not rowwise)
        optimizer = table_optimizer(table, rowwise, 0.1)
        assert isinstance(optimizer, kind)
        before = table.weight.detach().clone()
        table(IDS).square().sum().backward()
        assert table.weight.grad is not None
        assert table.weight.grad.is_sparse == rowwise
        optimizer.step()
        touched = (table.weight.detach() != before).any(dim=1)
        assert 0 < int(touched.sum()) < 12


def test_the_penalty_is_the_gradient_of_the_squared_norm(fields: tuple[SparseField, ...]) -> None:
    first, second = (EmbeddingTable(fields, 5, sparse=False, seed=1) for _ in range(2))
    first(IDS).sum().backward()
    add_penalty(first, 0.3)
    (second(IDS).sum() + 0.15 * second.weight.square().sum()).backward()
    torch.testing.assert_close(first.weight.grad, second.weight.grad)


def test_without_penalty_a_sparse_gradient_stays(fields: tuple[SparseField, ...]) -> None:
    table = EmbeddingTable(fields, 5, sparse=True)
    table(IDS).sum().backward()
    add_penalty(table, 0.0)
    assert table.weight.grad is not None
    assert table.weight.grad.is_sparse
