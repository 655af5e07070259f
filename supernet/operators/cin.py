"""CIN: one layer of a compressed interaction network."""

import torch
from torch import Tensor

from dagsmith.space import Node
from dagsmith.supernet.operators.weight import (
    Source,
    Sources,
    Tensors,
    Weight,
    Weights,
    width_of,
)


class CompressedInteraction:
    """``y_h = sum_ij W_hij (x_i * e_j) + b_h``: ``[batch, dim, rows]``.

    x are the rows of the layer below, e the embeddings; products are elementwise along the
    embedding dimension. Source: xDeepFM (Lian et al., KDD 2018, arXiv 1803.05170).
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """The chosen number of rows."""
        return Source("", width_of(node, "rows"), sources["base"][0].dim)

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """A matrix per row, and the bias."""
        rows, below, base = width_of(node, "rows"), sources["sparse"][0], sources["base"][0]
        fan = (below.size * base.size, rows)
        return {"matrix": Weight((rows, below.size, base.size), fan), "bias": Weight((rows,))}

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        base, below, matrix = tensors["base"][0], tensors["sparse"][0], weights["matrix"]
        outer = (below.unsqueeze(3) * base.unsqueeze(2)).reshape(-1, matrix[0].numel())
        mapped = torch.addmm(weights["bias"], outer, matrix.flatten(1).t())
        return mapped.view(len(base), base.shape[1], len(matrix))
