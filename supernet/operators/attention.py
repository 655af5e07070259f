"""Attention: a transformer layer over the embedding rows, sparse to sparse."""

import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.space import Node
from dagsmith.supernet.operators.attend import attend
from dagsmith.supernet.operators.linear import linear, linear_weights, norm, norm_weights
from dagsmith.supernet.operators.weight import (
    HIDDEN_NORM,
    Source,
    Sources,
    Tensors,
    Weight,
    Weights,
    full,
    operand,
    width_of,
)

HEADS = 8


class Attention:
    """``[batch, dim, *]`` to ``[batch, dim, rows]``: project the rows, attend, feed forward.

    The rows are projected along themselves, then a transformer layer (Vaswani et al., 2017) with
    8 heads treats them as tokens of width `dim`; both its residual sums are normalised.
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """The chosen number of rows."""
        return Source("", width_of(node, "rows"), sources["sparse"][0].dim)

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """Row projection, query-key-value, output, two feed-forward maps, three LayerNorms."""
        rows, dim = width_of(node, "rows"), sources["sparse"][0].dim
        token = [Source("token", dim)]
        return (
            linear_weights("rows", sources["sparse"], rows)
            | norm_weights("rows_norm", rows)
            | linear_weights("query_key_value", token, 3 * dim)
            | linear_weights("out", token, dim)
            | norm_weights("attention_norm", dim, HIDDEN_NORM)
            | linear_weights("feed_1", token, dim)
            | linear_weights("feed_2", token, dim)
            | norm_weights("feed_norm", dim, HIDDEN_NORM)
        )

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        dim = sources["sparse"][0].dim
        heads = HEADS if dim % HEADS == 0 else 1
        token = [Source("token", dim)]
        rows = norm(
            "rows_norm", linear("rows", sources["sparse"], tensors["sparse"], weights), weights
        )
        tokens = rows.transpose(1, 2).contiguous()
        batch, count, _ = tokens.shape
        joint = linear("query_key_value", token, [tokens], weights)
        query, key, value = joint.view(batch, count, 3, heads, dim // heads).permute(2, 0, 3, 1, 4)
        # Heads of two numbers are slower in half precision than in full; keep this product full.
        with torch.autocast(rows.device.type, enabled=False):
            parts = [operand(full(part), weights, dim=-1) for part in (query, key, value)]
            attended = attend(parts[0], parts[1], parts[2])
        mixed = linear("out", token, [attended.transpose(1, 2).reshape(batch, count, dim)], weights)
        tokens = norm("attention_norm", tokens + mixed, weights)
        hidden = functional.relu(linear("feed_1", token, [tokens], weights))
        fed = linear("feed_2", token, [hidden], weights)
        tokens = norm("feed_norm", tokens + fed, weights)
        return tokens.transpose(1, 2).contiguous()
