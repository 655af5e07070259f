"""FC: fully connected, dense to dense."""

from torch import Tensor
from torch.nn import functional

from dagsmith.space import Node
from dagsmith.supernet.operators.linear import linear, linear_weights, norm, norm_weights
from dagsmith.supernet.operators.weight import Source, Sources, Tensors, Weight, Weights, width_of


class FullyConnected:
    """``ReLU(LayerNorm(W [x_1, x_2, ...] + b))``: ``[batch, *]`` to ``[batch, width]``."""

    def output(self, node: Node, sources: Sources) -> Source:
        """The chosen width."""
        return Source("", width_of(node))

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """A matrix per source, bias, LayerNorm."""
        width = width_of(node)
        return linear_weights("linear", sources["dense"], width) | norm_weights("norm", width)

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        hidden = linear("linear", sources["dense"], tensors["dense"], weights)
        return functional.relu(norm("norm", hidden, weights))
