"""A stand-alone network: one architecture with weights of its own."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from dagsmith.data import SparseField
from dagsmith.space import Architecture
from dagsmith.supernet.analog import Analog
from dagsmith.supernet.bank import initialise
from dagsmith.supernet.batch_norm import RunningStatistics
from dagsmith.supernet.embedding import EmbeddingTable
from dagsmith.supernet.model import ClickModel
from dagsmith.supernet.plan import compile_plan, features, logits
from dagsmith.supernet.recipes import Recipe


class Network(ClickModel):
    """The CTR model that an architecture describes.

    Args:
        architecture: of kinds that CTR networks have (`dagsmith.space.ctr`).
        fields: the categorical fields of the data.
        normalise: batch-normalise the embeddings (see `EmbeddingTable`).
        std: standard deviation of the initial embeddings (see `EmbeddingTable`).
        seed: seed of the initial weights.
        width_factor: how many coordinates each field's vectors use (see `field_widths`).
        analog: the imperfections of the crossbars that operators are mapped to; they count in
            evaluation mode, unless `ideal` is set. Training sees the bits alone.

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
        width_factor: float | None = None,
        analog: Analog | None = None,
    ) -> None:
        super().__init__()
        self.analog = analog
        self.architecture = architecture
        self.fields = tuple(fields)
        self.plan = compile_plan(architecture)
        first_order = self.plan.first_order is not None
        self.embedding = (
            EmbeddingTable(
                fields,
                self.plan.dim,
                sparse=False,
                seed=seed,
                normalise=normalise,
                std=std,
                first_order=first_order,
                width_factor=width_factor,
            )
            if self.plan.dim or first_order
            else None
        )
        self.statistics = RunningStatistics(self.plan.batch_norms)
        generator = torch.Generator().manual_seed(seed + 1)
        self.weights = nn.ParameterDict(
            {
                name: nn.Parameter(initialise(weight, generator))
                for name, weight in self.plan.weights.items()
            }
        )

    @classmethod
    def untrained(
        cls,
        architecture: Architecture,
        fields: Sequence[SparseField],
        recipe: Recipe,
        seed: int = 0,
    ) -> "Network":
        """What a training by `recipe` begins with; crossbars are measured as they compute."""
        return cls(
            architecture,
            fields,
            normalise=recipe.normalise,
            std=recipe.embedding_std,
            width_factor=recipe.width_factor,
            seed=seed,
            analog=Analog(),
        )

    def forward(self, dense: Tensor, ids: Tensor) -> Tensor:
        """Logits of the click probability, ``[batch]``."""
        table = self.embedding
        sparse = dense.new_zeros(len(dense), 0, 0) if table is None else table(ids)
        weights: Mapping[str, Tensor] = dict(self.weights.items())
        analog = None if self.training or self.ideal else self.analog
        tops = features(
            self.plan,
            weights,
            dense,
            sparse,
            first=0 if table is None else table.first,
            training=self.training,
            dropout=self.dropout,
            running=self.statistics,
            analog=analog,
        )
        return self.calibrated(logits(self.plan, weights, *tops, analog))
