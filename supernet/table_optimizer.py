"""Optimizers of the embedding table: by the rows touched, or over the whole table."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from dagsmith.supernet.embedding import EmbeddingTable


def table_optimizer(table: EmbeddingTable, rowwise: bool, lr: float) -> torch.optim.Optimizer:
    """`RowwiseAdagrad` on sparse gradients, or Adam on the whole table; sets the table to match.

    A penalty on the whole table needs the second; its step costs the table, not the rows touched.
    """
    table.sparse = rowwise
    if rowwise:
        return RowwiseAdagrad([table.weight], lr)
    return torch.optim.Adam([table.weight], lr, fused=True)


@torch.no_grad()
def add_penalty(table: EmbeddingTable, l2: float) -> None:
    """Add the gradient of ``l2/2 |E|^2`` to a dense gradient, without a graph of its own."""
    if l2 and table.weight.grad is not None:
        table.weight.grad.add_(table.weight, alpha=l2)


class RowwiseAdagrad(torch.optim.Optimizer):
    """Adagrad with one accumulator per embedding row; a step costs the rows that were touched.

    ``G_r += mean(g_r^2);  w_r -= lr g_r / (sqrt(G_r) + eps)`` for every row r in the batch.
    Source: the row-wise sparse Adagrad of FBGEMM and DLRM (arXiv 1906.00091).

    Args:
        params: embedding tables whose gradients are sparse COO tensors ``[rows, dim]``.
        lr: learning rate.
        eps: added to the denominator.
    """

    def __init__(self, params: Sequence[nn.Parameter], lr: float, eps: float = 1e-8) -> None:
        super().__init__(params, {"lr": lr, "eps": eps})
        for group in self.param_groups:
            for table in group["params"]:
                self.state[table]["sum"] = torch.zeros(len(table), device=table.device)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update the rows that have a gradient, then drop the gradient."""
        for group in self.param_groups:
            for table in group["params"]:
                if table.grad is None:
                    continue
                gradient = table.grad.coalesce()
                rows, values = gradient.indices()[0], gradient.values()
                total = self.state[table]["sum"]
                total.index_add_(0, rows, values.square().mean(dim=1))
                scale = total[rows].sqrt_().add_(group["eps"]).reciprocal_().mul_(-group["lr"])
                table.index_add_(0, rows, values * scale.unsqueeze(1))
                table.grad = None
