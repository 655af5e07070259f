"""CIN: one layer of a compressed interaction network."""

import torch
from torch import Tensor

from dagsmith.space import Node
from dagsmith.supernet.operators.bilinear import bilinear_forms
from dagsmith.supernet.operators.linear import product
from dagsmith.supernet.operators.weight import (
    MappedWeights,
    Source,
    Sources,
    Tensors,
    Weight,
    Weights,
    full,
    operand,
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
        matrix = weights["matrix"]
        base = operand(tensors["base"][0], weights, dim=1)
        below = operand(tensors["sparse"][0], weights, dim=1)
        if isinstance(weights, MappedWeights):
            outer = (below.unsqueeze(3) * base.unsqueeze(2)).reshape(-1, matrix[0].numel())
            forms = product("matrix", outer, matrix.flatten(1), weights)
        else:
            # Halved outer products are no faster than full ones, which never leave a cache.
            with torch.autocast(base.device.type, enabled=False):
                forms = bilinear_forms(
                    full(below).flatten(0, 1), full(base).flatten(0, 1), full(matrix)
                )
        return (forms + weights["bias"]).view(len(base), base.shape[1], len(matrix))
