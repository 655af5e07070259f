"""Hand-made CTR models, built from the same embedding table and trained by the same recipes."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from dagsmith.data import SparseField
from dagsmith.supernet.embedding import EmbeddingTable
from dagsmith.supernet.model import ClickModel


class DNN(ClickModel):
    """Embeddings and dense features, flattened, through fully connected layers.

    Args:
        dense_width: width of the dense input.
        fields: the categorical fields.
        dim: width of an embedding vector.
        hidden: widths of the hidden layers, each with batch normalisation and ReLU.
        seed: seed of the initial weights.
        std: standard deviation of the initial embeddings (see `EmbeddingTable`).
    """

    def __init__(
        self,
        dense_width: int,
        fields: Sequence[SparseField],
        *,
        dim: int = 16,
        hidden: Sequence[int] = (400, 400, 400),
        seed: int = 0,
        std: float | None = None,
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        table = EmbeddingTable(fields, dim, sparse=False, seed=seed, std=std)
        self.embedding = table
        self.layers = _Layers(dense_width + dim * len(fields), hidden)
        self.head = _Head(hidden[-1])

    def forward(self, dense: Tensor, ids: Tensor) -> Tensor:
        """Logits ``[batch]``."""
        rows = _table(self)(ids)
        flat = torch.cat([dense, rows.flatten(1)], dim=1)
        logit: Tensor = self.head(self.layers(flat, self.dropout))
        return logit


class DeepFM(ClickModel):
    """A factorisation machine and a DNN over one embedding table, summed (Guo et al., IJCAI 2017).

    Args: as `DNN`.
    """

    def __init__(
        self,
        dense_width: int,
        fields: Sequence[SparseField],
        *,
        dim: int = 16,
        hidden: Sequence[int] = (400, 400, 400),
        seed: int = 0,
        std: float | None = None,
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        # Column 0 of a vector is the id's first-order weight, the others its factors.
        table = EmbeddingTable(fields, dim + 1, sparse=False, seed=seed, std=std)
        self.embedding = table
        self.linear = _Head(dense_width)
        self.layers = _Layers(dense_width + dim * len(fields), hidden)
        self.head = _Head(hidden[-1])

    def forward(self, dense: Tensor, ids: Tensor) -> Tensor:
        """Logits ``[batch]``."""
        rows = _table(self)(ids)
        first, factors = rows[:, 0], rows[:, 1:]
        pairs = factors.sum(dim=2).square() - factors.square().sum(dim=2)
        wide = self.linear(dense) + first.sum(dim=1) + 0.5 * pairs.sum(dim=1)
        flat = torch.cat([dense, factors.flatten(1)], dim=1)
        logit: Tensor = wide + self.head(self.layers(flat, self.dropout))
        return logit


class DCNv2(ClickModel):
    """Full-rank cross layers beside a DNN (Wang et al., WWW 2021).

    ``x_{l+1} = x_0 * (W_l x_l + b_l) + x_l``

    Args: as `DNN`, and
        cross_layers: number of cross layers.
    """

    def __init__(
        self,
        dense_width: int,
        fields: Sequence[SparseField],
        *,
        dim: int = 16,
        hidden: Sequence[int] = (400, 400, 400),
        cross_layers: int = 3,
        seed: int = 0,
        std: float | None = None,
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        table = EmbeddingTable(fields, dim, sparse=False, seed=seed, std=std)
        self.embedding = table
        width = dense_width + dim * len(fields)
        self.cross = nn.ModuleList(nn.Linear(width, width) for _ in range(cross_layers))
        self.layers = _Layers(width, hidden)
        self.head = _Head(width + hidden[-1])

    def forward(self, dense: Tensor, ids: Tensor) -> Tensor:
        """Logits ``[batch]``."""
        flat = torch.cat([dense, _table(self)(ids).flatten(1)], dim=1)
        crossed = flat
        for layer in self.cross:
            crossed = flat * layer(crossed) + crossed
        deep = self.layers(flat, self.dropout)
        logit: Tensor = self.head(torch.cat([crossed, deep], dim=1))
        return logit


class _Layers(nn.Module):
    """Linear, batch normalisation, ReLU, dropout; once per width."""

    def __init__(self, width: int, hidden: Sequence[int]) -> None:
        super().__init__()
        sizes = [width, *hidden]
        self.linear = nn.ModuleList(
            nn.Linear(before, after) for before, after in zip(sizes, hidden, strict=False)
        )
        self.norm = nn.ModuleList(nn.BatchNorm1d(after) for after in hidden)

    def forward(self, tensor: Tensor, dropout: float) -> Tensor:
        for linear, norm in zip(self.linear, self.norm, strict=True):
            # One row, as the last batch of an epoch may be, has no variance of its own.
            norm.train(self.training and len(tensor) > 1)
            tensor = torch.relu(norm(linear(tensor)))
            tensor = nn.functional.dropout(tensor, dropout, self.training)
        return tensor


class _Head(nn.Linear):
    """A linear map to one logit, in full precision also under autocast."""

    def __init__(self, width: int) -> None:
        super().__init__(width, 1)

    def forward(self, tensor: Tensor) -> Tensor:
        return (tensor.float() * self.weight).sum(dim=1) + self.bias


def _table(model: ClickModel) -> EmbeddingTable:
    assert model.embedding is not None
    return model.embedding


HANDMADE: dict[str, Callable[..., ClickModel]] = {"dnn": DNN, "deepfm": DeepFM, "dcnv2": DCNv2}
"""The hand-made models by name."""
