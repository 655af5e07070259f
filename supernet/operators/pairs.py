"""Pairs: inner products of all pairs of vectors, as DLRM has them."""

import torch
from torch import Tensor

from dagsmith.space import ArchitectureError, Node
from dagsmith.supernet.operators.dot_product import triangle
from dagsmith.supernet.operators.weight import (
    Source,
    Sources,
    Tensors,
    Weight,
    Weights,
    operand,
)


class Pairs:
    """``<e_i, e_j>`` for i > j of n vectors: ``[batch, n (n - 1) / 2]``.

    The vectors are the embedding rows and, after them, a dense vector of their dimension where
    there is one. Source: DLRM (Naumov et al., 2019, arXiv 1906.00091).
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """The number of pairs."""
        rows = sources["sparse"][0]
        for vector in sources.get("dense", ()):
            if vector.size != rows.dim:
                raise ArchitectureError(
                    f"pairs of a vector of width {vector.size} and vectors of {rows.dim}; "
                    "expected equal widths"
                )
        count = rows.size + len(sources.get("dense", ()))
        return Source("", count * (count - 1) // 2)

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """None."""
        return {}

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        vectors = torch.cat(
            [tensors["sparse"][0], *(vector.unsqueeze(2) for vector in tensors.get("dense", ()))],
            dim=2,
        )
        vectors = operand(vectors, weights, dim=1)
        gram = torch.bmm(vectors.transpose(1, 2), vectors)
        return gram.flatten(1).index_select(1, triangle(vectors.shape[2], gram.device))
