"""The embedding table: all fields in one tensor, sparse gradients, row-wise Adagrad."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dagsmith.data import SparseField
from dagsmith.supernet.field_widths import field_widths


class EmbeddingTable(nn.Module):
    """One fused table for all fields, ``[rows, first + dim]``, with an offset per column.

    A look-up costs one gather over the rows touched, and with `sparse` its gradient lists just
    those rows. A multi-valued field is the mean of its ids' vectors, padding (id 0) left out.

    Args:
        fields: the categorical fields, in order.
        dim: width of an embedding vector.
        sparse: give sparse gradients (for `RowwiseAdagrad`) instead of dense ones.
        seed: seed of the initial vectors.
        std: their standard deviation; None is Xavier-normal per field. Under an L2 penalty rare
            ids must start near 0 (BARS: 1e-4), or what they start with stays as noise.
        row_cap: most rows per field; larger ids wrap around (NASRec caps tables while searching).
        normalise: give every coordinate of every field zero mean and unit variance over the batch
            (batch normalisation without scale and shift). A strong L2 penalty keeps vectors
            small, rare ids' most; without this a LayerNorm above would see the biases instead.
            Vectors much smaller than 3e-3 (the root of its constant 1e-5) stay below unit variance,
            so that fields which carry nothing are not blown up.
        first_order: put a column before the vectors: one weight per id, never normalised.
        width_factor: how many coordinates each field's vectors use (see `field_widths`). Others
            begin at 0 and get no gradient, so a trained table serves without knowing of them.

    Attributes:
        first: columns before the vectors, 0 or 1.
        width_factor: as given.
    """

    offsets: Tensor
    cardinality: Tensor
    used: Tensor

    def __init__(
        self,
        fields: Sequence[SparseField],
        dim: int,
        *,
        sparse: bool = True,
        seed: int = 0,
        row_cap: int | None = None,
        normalise: bool = False,
        std: float | None = None,
        first_order: bool = False,
        width_factor: float | None = None,
    ) -> None:
        super().__init__()
        self.fields = tuple(fields)
        self.dim = dim
        self.width_factor = width_factor
        self.first = int(first_order)
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
        weight = torch.empty(int(starts[-1]), self.first + dim)
        used = torch.ones(self.first + dim, len(self.fields))
        for start, size in zip(starts.tolist(), sizes, strict=False):
            deviation = (2.0 / (size + dim)) ** 0.5 if std is None else std
            weight[start : start + size].normal_(0.0, deviation, generator=generator)
        for number, width in enumerate(field_widths(fields, dim, width_factor)):
            used[self.first + width :, number] = 0.0
        self.register_buffer("used", used, persistent=False)
        self._narrow = not bool(used.all())
        self._sizes = sizes
        self.weight = nn.Parameter(weight)
        self.clear_unused()
        self.norm = nn.BatchNorm1d(dim * len(self.fields), affine=False) if normalise else None

    def forward(self, ids: Tensor) -> Tensor:
        """Look up ids ``[batch, columns]`` and return ``[batch, first + dim, fields]``."""
        rows = (ids % self.cardinality if self._wraps else ids) + self.offsets
        vectors = functional.embedding(rows, self.weight, sparse=self.sparse)
        if any(field.multivalued for field in self.fields):
            vectors = self._pooled(ids, vectors)
        stacked = vectors.transpose(1, 2).contiguous()
        if self._narrow and self.training:
            stacked = stacked * self.used
        if self.norm is None:
            return stacked
        vectors = stacked[:, self.first :]
        flat = vectors.flatten(1)
        if len(flat) > 1:
            flat = self.norm(flat)
        else:
            # One row, as the last batch of an epoch may be, has no variance of its own.
            mean, variance = self.norm.running_mean, self.norm.running_var
            flat = functional.batch_norm(flat, mean, variance, eps=self.norm.eps)
        normalised = flat.view_as(vectors)
        return torch.cat([stacked[:, :1], normalised], dim=1) if self.first else normalised

    @torch.no_grad()
    def clear_unused(self) -> None:
        """Set the coordinates beyond each field's width to 0, as after copying others' vectors."""
        if self._narrow:
            for vectors, used in zip(
                torch.split(self.weight, self._sizes), self.used.T, strict=True
            ):
                vectors.mul_(used)

    def _pooled(self, ids: Tensor, vectors: Tensor) -> Tensor:
        """Vectors per column ``[batch, columns, dim]`` to vectors per field."""
        pooled = []
        for field in self.fields:
            part = vectors[:, field.columns]
            if field.multivalued:
                # The ids themselves tell: one that wraps around to 0 is no padding.
                used = (ids[:, field.columns] != 0).unsqueeze(2)
                part = (part * used).sum(1, keepdim=True) / used.sum(1, keepdim=True).clamp(min=1)
            pooled.append(part)
        return torch.cat(pooled, dim=1)
