"""Field attention: the interacting layer of AutoInt."""

import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.space import Node
from dagsmith.supernet.operators.attend import attend
from dagsmith.supernet.operators.linear import product
from dagsmith.supernet.operators.weight import (
    Source,
    Sources,
    Tensors,
    Weight,
    Weights,
    full,
    operand,
    width_of,
)

PARTS = ("query", "key", "value", "residual")


class FieldAttention:
    """``ReLU(concat_h softmax_j(<Q_h e_i, K_h e_j>) V_h e_j + W e_i)`` for every field i.

    ``[batch, dim, rows]`` to ``[batch, heads * width, rows]``, heads innermost. Source: AutoInt
    (Song et al., CIKM 2019, arXiv 1810.11921); as there, products are not scaled.
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """As many rows, of all heads' width."""
        dim = width_of(node) * width_of(node, "heads")
        return Source("", sources["sparse"][0].size, dim)

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """Query, key, value and residual map of each head."""
        dim, width, heads = sources["sparse"][0].dim, width_of(node), width_of(node, "heads")
        return {part: Weight((width, heads, dim), (dim, width * heads)) for part in PARTS}

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        width, heads = width_of(node), width_of(node, "heads")
        tokens = tensors["sparse"][0].transpose(1, 2)
        batch, rows, _ = tokens.shape
        # One product for all four maps; then [batch, rows, part, heads, width].
        joint = torch.cat([weights[part].transpose(0, 1).flatten(0, 1) for part in PARTS])
        mapped = product("joint", tokens, joint, weights).view(
            batch, rows, len(PARTS), heads, width
        )
        query, key, value, residual = mapped.permute(2, 0, 3, 1, 4)
        with torch.autocast(tokens.device.type, enabled=False):
            attended = attend(
                operand(full(query), weights, dim=-1),
                operand(full(key), weights, dim=-1),
                operand(full(value), weights, dim=-1),
                scale=1.0,
            )
        out = functional.relu(attended + residual)
        return out.permute(0, 3, 1, 2).reshape(batch, width * heads, rows)
