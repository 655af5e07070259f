"""Mergers: what passes between the dense and the sparse side of a block."""

import torch
from torch import Tensor

from dagsmith.space import Node
from dagsmith.supernet.operators.linear import linear, linear_weights, norm, norm_weights
from dagsmith.supernet.operators.weight import (
    Source,
    Sources,
    Tensors,
    Weight,
    Weights,
    operand,
)

ADDED_ROWS = 8
"""Rows that the dense-to-sparse merger appends."""


class FactorizationMachine:
    """Add an FM of the sparse rows to the dense tensor: ``x + LayerNorm(W f + b)``.

    f = (sum_i e_i)^2 - sum_i e_i^2, elementwise over the embedding dimension; no W where f has
    the dense width already.
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """The dense input's width."""
        return Source("", sources["dense"][0].size)

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """A map from the embedding dimension to the dense width, and LayerNorm."""
        width, pooled = sources["dense"][0].size, _pooled(sources)
        needed = linear_weights("linear", [pooled], width) if pooled.size != width else {}
        return needed | norm_weights("norm", width)

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        rows = operand(tensors["sparse"][0], weights, dim=1)
        pooled = rows.sum(dim=2).square() - rows.square().sum(dim=2)
        if sources["dense"][0].size != rows.shape[1]:
            pooled = linear("linear", [_pooled(sources)], [pooled], weights)
        return tensors["dense"][0] + norm("norm", pooled, weights)


class DenseToSparse:
    """Append 8 rows made from the dense tensor: ``[batch, dim, rows]`` to ``rows + 8``.

    The rows are ``LayerNorm(W x + b)``; no W where x has their size already.
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """Eight rows more than the sparse input."""
        sparse = sources["sparse"][0]
        return Source("", sparse.size + ADDED_ROWS, sparse.dim)

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """A map from the dense width to 8 rows, and LayerNorm."""
        size, dense = ADDED_ROWS * sources["sparse"][0].dim, _dense(sources)
        needed = linear_weights("linear", [dense], size) if dense.size != size else {}
        return needed | norm_weights("norm", size)

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        rows = tensors["sparse"][0]
        made = tensors["dense"][0]
        if made.shape[1] != ADDED_ROWS * rows.shape[1]:
            made = linear("linear", [_dense(sources)], [made], weights)
        made = norm("norm", made, weights).view(len(rows), rows.shape[1], ADDED_ROWS)
        return torch.cat([rows, made], dim=2)


class Add:
    """The sum of tensors of one shape; how a path with several operators per block is joined."""

    def output(self, node: Node, sources: Sources) -> Source:
        """The inputs' common size."""
        return (sources.get("dense") or sources["sparse"])[0]

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """None."""
        return {}

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        parts = tensors.get("dense") or tensors["sparse"]
        return torch.stack(list(parts)).sum(dim=0)


def _pooled(sources: Sources) -> Source:
    return Source("pooled", sources["sparse"][0].dim)


def _dense(sources: Sources) -> Source:
    return Source("dense", sources["dense"][0].size)
