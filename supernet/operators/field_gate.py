"""Field gate: features selected by a context."""

import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.space import ArchitectureError, Node
from dagsmith.supernet.operators.linear import linear, linear_weights
from dagsmith.supernet.operators.weight import (
    Source,
    Sources,
    Tensors,
    Weight,
    Weights,
    operand,
    width_of,
)


class FieldGate:
    """``x * 2 sigmoid(U relu(W c + b) + d)``, ``[batch, width]``.

    The context c is x itself (context 0) or the vector of the k-th field (context k). Source:
    the feature selection of FinalMLP (Mao et al., AAAI 2023, arXiv 2304.00902).
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """The input's size; a layer reads it by the weights of the ungated features."""
        return Source(sources["dense"][0].place, sources["dense"][0].size)

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """Both maps of the gate; the first belongs to its context."""
        hidden = Source("hidden", width_of(node))
        first = linear_weights("hidden", [_context(node, sources)], hidden.size)
        return first | linear_weights("gate", [hidden], sources["dense"][0].size)

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        field = int(node["context"])
        flat = tensors["dense"][0]
        context = tensors["sparse"][0][:, :, field - 1] if field else flat
        hidden = functional.relu(linear("hidden", [_context(node, sources)], [context], weights))
        opening = linear("gate", [Source("hidden", width_of(node))], [hidden], weights)
        share = 2.0 * torch.sigmoid(opening)
        return operand(flat, weights, dim=1) * operand(share, weights, dim=1)


def _context(node: Node, sources: Sources) -> Source:
    field = int(node["context"])
    if not field:
        return Source("all", sources["dense"][0].size)
    rows = sources["sparse"][0]
    if not 0 < field <= rows.size:
        raise ArchitectureError(f"a gate's context is {field}; expected 0 to {rows.size} fields")
    return Source(f"field{field}", rows.dim)
