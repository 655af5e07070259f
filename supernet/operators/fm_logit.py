"""FM logit: the second-order part of a factorisation machine."""

from torch import Tensor

from dagsmith.space import Node
from dagsmith.supernet.operators.weight import (
    Source,
    Sources,
    Tensors,
    Weight,
    Weights,
    full,
    operand,
)


class FMLogit:
    """``sum_{i<j} <e_i, e_j> = 1/2 sum_d ((sum_i e_i)^2 - sum_i e_i^2)_d``, ``[batch, 1]``.

    Source: Rendle, "Factorization Machines", ICDM 2010.
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """One logit."""
        return Source("", 1)

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """None."""
        return {}

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        rows = operand(full(tensors["sparse"][0]), weights, dim=1)
        pairs = rows.sum(dim=2).square() - rows.square().sum(dim=2)
        return 0.5 * pairs.sum(dim=1, keepdim=True)
