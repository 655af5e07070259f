"""Layer: one fully connected layer of a hand-made model's tower."""

from torch import Tensor
from torch.nn import functional

from dagsmith.space import Node
from dagsmith.supernet.operators.linear import linear, linear_weights, norm, norm_weights
from dagsmith.supernet.operators.weight import Source, Sources, Tensors, Weight, Weights, width_of


class Layer:
    """``Dropout(ReLU(Norm(W [x_1, x_2, ...] + b)))``: ``[batch, *]`` to ``[batch, width]``.

    Norm is none, layer or batch normalisation. Batch normalisation and dropout depend on whether
    the network is trained, so that `dagsmith.supernet.plan` applies them.
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """The chosen width."""
        return Source("", width_of(node))

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """A matrix per source, bias, and the scale and shift of the norm."""
        width = width_of(node)
        needed = linear_weights("linear", sources["dense"], width)
        if node["norm"] != "none":
            needed |= norm_weights(f"{node['norm']}_norm", width)
        return needed

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula up to the batch normalisation, where there is one."""
        hidden = linear("linear", sources["dense"], tensors["dense"], weights)
        if node["norm"] == "batch":
            return hidden
        if node["norm"] == "layer":
            hidden = norm("layer_norm", hidden, weights)
        return functional.relu(hidden)
