"""Sigmoid gating: one dense input gates another."""

import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.space import Node
from dagsmith.supernet.operators.linear import linear, linear_weights, norm, norm_weights
from dagsmith.supernet.operators.weight import (
    Source,
    Sources,
    Tensors,
    Weight,
    Weights,
    operand,
    width_of,
)


class SigmoidGating:
    """``LayerNorm(U (sigmoid(W left + b) * right) + c)``, ``[batch, width]``.

    NASRec zero-pads the narrower input to the wider's width m. Padding of the left meets weights
    that multiply zeros and padding of the right gives products that are zero, so neither is
    computed here: W is ``[right, left]`` wide and the function is the same. U is left out where
    m is the chosen width already.
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """The chosen width."""
        return Source("", width_of(node))

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """The gate, the output map where the width changes, LayerNorm."""
        width = width_of(node)
        gate, gated = _sides(sources)
        needed = linear_weights("gate", [gate], gated.size)
        if max(gate.size, gated.size) != width:
            needed |= linear_weights("out", [gated], width)
        return needed | norm_weights("norm", width)

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        width = width_of(node)
        gate, gated = _sides(sources)
        opening = torch.sigmoid(linear("gate", [gate], tensors["left"], weights))
        product = operand(opening, weights, dim=1) * operand(tensors["right"][0], weights, dim=1)
        if max(gate.size, gated.size) != width:
            product = linear("out", [gated], [product], weights)
        else:
            product = functional.pad(product, (0, width - gated.size))
        return norm("norm", product, weights)


def _sides(sources: Sources) -> tuple[Source, Source]:
    # Both sides read any block through one shared matrix, so their weights carry no place.
    return Source("left", sources["left"][0].size), Source("right", sources["right"][0].size)
