"""Flat: the numbers and all embedding vectors in one dense vector."""

import torch
from torch import Tensor

from dagsmith.space import Node
from dagsmith.supernet.operators.weight import Source, Sources, Tensors, Weight, Weights


class Flat:
    """``[x, E_1, E_2, ...]``, ``[batch, width + dim * rows]``; E_d is coordinate d of all rows.

    In this order the vector of a smaller embedding dimension is a prefix of a larger one's.
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """The summed sizes."""
        dense, rows = sources["dense"][0], sources["sparse"][0]
        return Source("", dense.size + rows.dim * rows.size)

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """None."""
        return {}

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        return torch.cat([tensors["dense"][0], tensors["sparse"][0].flatten(1)], dim=1)
