"""DP: pairwise inner products of a dense vector and projected embedding rows."""

from functools import lru_cache
from math import sqrt

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
    total,
    width_of,
)


def balanced_rows(width: int) -> int:
    """Rows k that the sparse input is projected to, so that k (k + 1) / 2 is about `width`."""
    return round(sqrt(2 * width))


@lru_cache
def triangle(size: int, device: torch.device) -> Tensor:
    """Flat positions of the strictly lower triangle of ``[size, size]``, row by row.

    In this order the triangle of a smaller matrix is a prefix of a larger one's, which is what
    lets the output matrix be sliced.
    """
    # The cache may be filled while scoring, and autograd cannot save an inference tensor.
    with torch.inference_mode(False):
        row, column = torch.tril_indices(size, size, offset=-1, device=device)
        positions: Tensor = row * size + column
    return positions


class DotProduct:
    """Inner products of ``[1 + k, dim]`` vectors, mapped to ``[batch, width]``.

    The dense inputs become one vector, the sparse rows are projected to k = round(sqrt(2 width))
    rows (NASRec's operator-balancing projection), and the k (k + 1) / 2 products of the strictly
    lower triangle are mapped to the width. A projection whose input has its size already is left
    out.
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """The chosen width."""
        return Source("", width_of(node))

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """Projections of both inputs, the output map, and a LayerNorm after each."""
        width, dim = width_of(node), sources["sparse"][0].dim
        rows = balanced_rows(width)
        needed: dict[str, Weight] = {}
        if total(sources["sparse"]) != rows:
            needed |= linear_weights("rows", sources["sparse"], rows)
            needed |= norm_weights("rows_norm", rows)
        if total(sources["dense"]) != dim:
            needed |= linear_weights("vector", sources["dense"], dim)
            needed |= norm_weights("vector_norm", dim)
        products = rows * (rows + 1) // 2
        if products != width:
            needed |= linear_weights("out", [Source("products", products)], width)
        return needed | norm_weights("norm", width)

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        width, dim = width_of(node), sources["sparse"][0].dim
        if total(sources["sparse"]) != balanced_rows(width):
            rows = linear("rows", sources["sparse"], tensors["sparse"], weights)
            rows = norm("rows_norm", rows, weights)
        else:
            rows = torch.cat(list(tensors["sparse"]), dim=2)
        if total(sources["dense"]) != dim:
            vector = linear("vector", sources["dense"], tensors["dense"], weights)
            vector = norm("vector_norm", vector, weights)
        else:
            vector = torch.cat(list(tensors["dense"]), dim=1)
        stacked = operand(torch.cat([vector.unsqueeze(2), rows], dim=2), weights, dim=1)
        gram = torch.bmm(stacked.transpose(1, 2), stacked)
        size = stacked.shape[2]
        products = gram.view(len(gram), -1).index_select(1, triangle(size, gram.device))
        if products.shape[1] != width:
            source = [Source("products", products.shape[1])]
            products = linear("out", source, [products], weights)
        return norm("norm", products, weights)
