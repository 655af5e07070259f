"""Hand-made CTR models, built from the same embedding table and trained by the same recipes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dagsmith.data import SparseField
from dagsmith.supernet.embedding import EmbeddingTable
from dagsmith.supernet.model import ClickModel


class HandMade(ClickModel, ABC):
    """What the hand-made models share: their inputs, their table, and a deep tower.

    Args:
        dense_width: width of the dense input.
        fields: the categorical fields.
        dim: width of an embedding vector.
        hidden: widths of the tower's layers, each with batch normalisation and ReLU.
        seed: seed of the initial weights.
        std: standard deviation of the initial embeddings (see `EmbeddingTable`).
    """

    embedding: EmbeddingTable
    first_order = 0
    """Columns of the table that are no factors: weights of the ids alone."""

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
        width = self.first_order + dim
        self.embedding = EmbeddingTable(fields, width, sparse=False, seed=seed, std=std)
        self._build(dense_width, dense_width + dim * len(fields), hidden)

    @abstractmethod
    def _build(self, dense: int, flat: int, hidden: Sequence[int]) -> None:
        """Make the layers over `dense` features, `flat` with the factors of all fields."""


class DNN(HandMade):
    """Embeddings and dense features, flattened, through fully connected layers.

    Args: as `HandMade`.
    """

    def _build(self, dense: int, flat: int, hidden: Sequence[int]) -> None:
        self.layers = _Layers(flat, hidden)
        self.head = _Head(hidden[-1])

    def forward(self, dense: Tensor, ids: Tensor) -> Tensor:
        """Logits ``[batch]``."""
        flat = torch.cat([dense, self.embedding(ids).flatten(1)], dim=1)
        logit: Tensor = self.head(self.layers(flat, self.dropout))
        return logit


class DeepFM(HandMade):
    """A factorisation machine and a DNN over one embedding table, summed (Guo et al., IJCAI 2017).

    Args: as `HandMade`.
    """

    first_order = 1

    def _build(self, dense: int, flat: int, hidden: Sequence[int]) -> None:
        self.linear = _Head(dense)
        self.layers = _Layers(flat, hidden)
        self.head = _Head(hidden[-1])

    def forward(self, dense: Tensor, ids: Tensor) -> Tensor:
        """Logits ``[batch]``."""
        rows = self.embedding(ids)
        first, factors = rows[:, 0], rows[:, 1:]
        pairs = factors.sum(dim=2).square() - factors.square().sum(dim=2)
        wide = self.linear(dense) + first.sum(dim=1) + 0.5 * pairs.sum(dim=1)
        flat = torch.cat([dense, factors.flatten(1)], dim=1)
        logit: Tensor = wide + self.head(self.layers(flat, self.dropout))
        return logit


class DCNv2(HandMade):
    """Three full-rank cross layers beside a DNN (Wang et al., WWW 2021).

    ``x_{l+1} = x_0 * (W_l x_l + b_l) + x_l``

    Args: as `HandMade`.
    """

    def _build(self, dense: int, flat: int, hidden: Sequence[int]) -> None:
        self.cross = nn.ModuleList(nn.Linear(flat, flat) for _ in range(3))
        self.layers = _Layers(flat, hidden)
        self.head = _Head(flat + hidden[-1])

    def forward(self, dense: Tensor, ids: Tensor) -> Tensor:
        """Logits ``[batch]``."""
        flat = torch.cat([dense, self.embedding(ids).flatten(1)], dim=1)
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


HANDMADE: dict[str, type[HandMade]] = {"dnn": DNN, "deepfm": DeepFM, "dcnv2": DCNv2}
"""The hand-made models by name."""
