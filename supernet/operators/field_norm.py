"""Field norm: every embedding vector normalised on its own."""

from torch import Tensor

from dagsmith.space import Node
from dagsmith.supernet.operators.linear import normalising
from dagsmith.supernet.operators.weight import Source, Sources, Tensors, Weight, Weights

EPS = 1e-5


class FieldNorm:
    """A LayerNorm over the embedding dimension, with scale and shift of each field's own.

    ``[batch, dim, rows]`` to the same shape. Source: "LN-EMB" of MaskNet, arXiv 2102.07619.
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """The input's size."""
        return Source("", sources["sparse"][0].size, sources["sparse"][0].dim)

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """Scale and shift."""
        shape = (sources["sparse"][0].dim, sources["sparse"][0].size)
        return {"norm/scale": Weight(shape, None, 1.0), "norm/shift": Weight(shape)}

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        rows = tensors["sparse"][0]
        if not normalising():
            return rows * weights["norm/scale"] + weights["norm/shift"]
        centred = rows - rows.mean(dim=1, keepdim=True)
        deviation = (centred.square().mean(dim=1, keepdim=True) + EPS).sqrt()
        return centred / deviation * weights["norm/scale"] + weights["norm/shift"]
