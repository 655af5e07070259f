"""A stand-alone network: one architecture with weights of its own."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from dagsmith.data import SparseField
from dagsmith.space import Architecture
from dagsmith.supernet.bank import initialise
from dagsmith.supernet.embedding import EmbeddingTable
from dagsmith.supernet.model import ClickModel
from dagsmith.supernet.plan import compile_plan, features, logits


class Network(ClickModel):
    """The CTR model that an architecture describes.

    Args:
        architecture: of kinds that CTR networks have (`dagsmith.space.ctr`).
        fields: the categorical fields of the data.
        normalise: batch-normalise the embeddings (see `EmbeddingTable`).
        std: standard deviation of the initial embeddings (see `EmbeddingTable`).
        seed: seed of the initial weights.

    Shapes:
        dense ``[batch, width]`` and ids ``[batch, columns]`` to logits ``[batch]``.
    """

    def __init__(
        self,
        architecture: Architecture,
        fields: Sequence[SparseField],
        *,
        normalise: bool = False,
        std: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.plan = compile_plan(architecture)
        dims = [node["dim"] for node in architecture.nodes if node.kind == "sparse_input"]
        self.embedding = (
            EmbeddingTable(
                fields, int(dims[0]), sparse=False, seed=seed, normalise=normalise, std=std
            )
            if dims
            else None
        )
        generator = torch.Generator().manual_seed(seed + 1)
        self.weights = nn.ParameterDict(
            {
                name: nn.Parameter(initialise(weight, generator))
                for name, weight in self.plan.weights.items()
            }
        )

    def forward(self, dense: Tensor, ids: Tensor) -> Tensor:
        """Logits of the click probability, ``[batch]``."""
        sparse = (
            self.embedding(ids) if self.embedding is not None else dense.new_zeros(len(dense), 0, 0)
        )
        weights: Mapping[str, Tensor] = dict(self.weights.items())
        dropout = self.dropout if self.training else 0.0
        return logits(weights, *features(self.plan, weights, dense, sparse, dropout))
