"""Cross: one cross layer of DCNv2."""

from torch import Tensor

from dagsmith.space import Node
from dagsmith.supernet.operators.linear import linear, linear_weights, product
from dagsmith.supernet.operators.weight import (
    Source,
    Sources,
    Tensors,
    Weight,
    Weights,
    operand,
)


class Cross:
    """``x_0 * (W x + b) + x``, and with a rank r > 0 ``W = U V^T``; ``[batch, width]``.

    Source: Wang et al., "DCN V2", WWW 2021, arXiv 2008.13535.
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """The input's size."""
        return Source("", sources["base"][0].size)

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """W, or U and V, and the bias."""
        size, rank = sources["base"][0].size, int(node["rank"])
        if not rank:
            return linear_weights("full", [_crossed(size)], size)
        low = linear_weights("up", [Source("low", rank)], size)
        return {"down": Weight((rank, size), (size, rank))} | low

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        size, rank = sources["base"][0].size, int(node["rank"])
        base, crossed = tensors["base"][0], tensors["dense"][0]
        if rank:
            low = product("down", crossed, weights["down"], weights)
            mapped = linear("up", [Source("low", rank)], [low], weights)
        else:
            mapped = linear("full", [_crossed(size)], [crossed], weights)
        return operand(base, weights, dim=1) * operand(mapped, weights, dim=1) + crossed


def _crossed(size: int) -> Source:
    # The first layer reads the features, the others a layer: the map belongs to the depth.
    return Source("crossed", size)
