"""Fusion: a bilinear form of two streams, in heads."""

import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.space import Node
from dagsmith.supernet.operators.linear import product
from dagsmith.supernet.operators.weight import (
    MappedWeights,
    Source,
    Sources,
    Tensors,
    Weight,
    Weights,
    full,
    width_of,
)


class Fusion:
    """``sum_h x_h^T W_h y_h``, ``[batch, 1]``: the second-order part of FinalMLP's fusion.

    Head h takes the units h, h + H, h + 2 H, ... of both streams, so that a narrower stream's
    units meet the same weights; a last incomplete group is filled up with zeros. The first-order
    part is the head's. Source: Mao et al., AAAI 2023, arXiv 2304.00902.
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """One logit."""
        return Source("", 1)

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """A matrix per head, for this number of heads."""
        heads = width_of(node, "heads")
        left, right = (-(-sources[side][0].size // heads) for side in ("left", "right"))
        fan = (left * right, heads)
        return {f"heads{heads}": Weight((heads, left, right), fan)}

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        heads = width_of(node, "heads")
        left, right = (_grouped(full(tensors[side][0]), heads) for side in ("left", "right"))
        with torch.autocast(left.device.type, enabled=False):
            mapped = _mapped(left, weights[f"heads{heads}"], weights)
        return (mapped * right).sum(dim=(0, 2)).unsqueeze(1)


def _mapped(left: Tensor, matrices: Tensor, weights: Weights) -> Tensor:
    """``[heads, batch, left]`` times ``[heads, left, right]``; crossbars hold a matrix per head."""
    if not isinstance(weights, MappedWeights):
        return torch.bmm(left, matrices)
    heads = enumerate(zip(left, matrices, strict=True))
    return torch.stack([product(f"head{h}", rows, own.t(), weights) for h, (rows, own) in heads])


def _grouped(tensor: Tensor, heads: int) -> Tensor:
    """``[batch, width]`` to ``[heads, batch, width / heads]``."""
    missing = -tensor.shape[1] % heads
    return functional.pad(tensor, (0, missing)).view(len(tensor), -1, heads).permute(2, 0, 1)
