"""Sum: two dense inputs added."""

from torch import Tensor
from torch.nn import functional

from dagsmith.space import Node
from dagsmith.supernet.operators.linear import linear, linear_weights, norm, norm_weights
from dagsmith.supernet.operators.weight import Source, Sources, Tensors, Weight, Weights, width_of


class Sum:
    """``LayerNorm(W (left + right) + b)``, the narrower zero-padded; no W if the width fits."""

    def output(self, node: Node, sources: Sources) -> Source:
        """The chosen width."""
        return Source("", width_of(node))

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """The map where the width changes, and LayerNorm."""
        width, inner = width_of(node), _inner(sources)
        needed = linear_weights("linear", [inner], width) if inner.size != width else {}
        return needed | norm_weights("norm", width)

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        inner = _inner(sources)
        left, right = tensors["left"][0], tensors["right"][0]
        added = functional.pad(left, (0, inner.size - left.shape[1])) + functional.pad(
            right, (0, inner.size - right.shape[1])
        )
        if inner.size != width_of(node):
            added = linear("linear", [inner], [added], weights)
        return norm("norm", added, weights)


def _inner(sources: Sources) -> Source:
    return Source("sum", max(sources["left"][0].size, sources["right"][0].size))
