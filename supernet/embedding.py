"""The embedding table: all fields in one tensor, sparse gradients, row-wise Adagrad."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dagsmith.data import SparseField


class EmbeddingTable(nn.Module):
    """One fused table for all fields, ``[rows, dim]``, with an offset per column.

    A look-up costs one gather over the rows touched, and with `sparse` its gradient lists just
    those rows. A multi-valued field is the mean of its ids' vectors, padding (id 0) left out.

    Args:
        fields: the categorical fields, in order.
        dim: width of an embedding vector.
        sparse: give sparse gradients (for `RowwiseAdagrad`) instead of dense ones.
        seed: seed of the Xavier-normal initialisation.
        row_cap: most rows per field; larger ids wrap around (NASRec caps tables while searching).
    """

    offsets: Tensor
    cardinality: Tensor

    def __init__(
        self,
        fields: Sequence[SparseField],
        dim: int,
        *,
        sparse: bool = True,
        seed: int = 0,
        row_cap: int | None = None,
    ) -> None:
        super().__init__()
        self.fields = tuple(fields)
        self.dim = dim
        self.sparse = sparse
        sizes = [min(field.cardinality, row_cap or field.cardinality) for field in fields]
        starts = torch.tensor([0, *sizes]).cumsum(0)
        columns = [field.columns.stop - field.columns.start for field in fields]
        repeats = torch.tensor(columns)
        self.register_buffer("offsets", starts[:-1].repeat_interleave(repeats), persistent=False)
        self.register_buffer(
            "cardinality", torch.tensor(sizes).repeat_interleave(repeats), persistent=False
        )
        self._wraps = any(
            size < field.cardinality for size, field in zip(sizes, fields, strict=True)
        )
        generator = torch.Generator().manual_seed(seed)
        weight = torch.empty(int(starts[-1]), dim)
        for start, size in zip(starts.tolist(), sizes, strict=False):
            deviation = (2.0 / (size + dim)) ** 0.5
            weight[start : start + size].normal_(0.0, deviation, generator=generator)
        self.weight = nn.Parameter(weight)

    def forward(self, ids: Tensor) -> Tensor:
        """Look up ids ``[batch, columns]`` and return ``[batch, dim, fields]``."""
        if self._wraps:
            ids = ids % self.cardinality
        vectors = functional.embedding(ids + self.offsets, self.weight, sparse=self.sparse)
        if not any(field.multivalued for field in self.fields):
            return vectors.transpose(1, 2).contiguous()
        pooled = []
        for field in self.fields:
            part = vectors[:, field.columns]
            if field.multivalued:
                used = (ids[:, field.columns] != 0).unsqueeze(2)
                part = (part * used).sum(1, keepdim=True) / used.sum(1, keepdim=True).clamp(min=1)
            pooled.append(part)
        return torch.cat(pooled, dim=1).transpose(1, 2).contiguous()


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
