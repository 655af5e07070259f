"""Mask block: a layer whose inputs are weighed by all features."""

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


class MaskBlock:
    """``ReLU(LayerNorm(W (x * m) + b))`` with the mask ``m = M relu(N f + c) + d``.

    f are the flat features, x the normalised features or a mask block below. Source: MaskNet
    (Wang, She and Zhang, DLP-KDD 2021, arXiv 2102.07619).
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """The chosen width."""
        return Source("", width_of(node))

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """Both maps of the mask, the layer's map, and LayerNorm."""
        width, hidden, masked = width_of(node), _hidden(node), sources["dense"][0]
        return (
            linear_weights("hidden", sources["base"], hidden.size)
            | linear_weights(f"mask/of/{masked.place}", [hidden], masked.size)
            | linear_weights("linear", [masked], width)
            | norm_weights("norm", width)
        )

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        masked = sources["dense"][0]
        hidden = functional.relu(linear("hidden", sources["base"], tensors["base"], weights))
        mask = linear(f"mask/of/{masked.place}", [_hidden(node)], [hidden], weights)
        seen = operand(tensors["dense"][0], weights, dim=1) * operand(mask, weights, dim=1)
        out = linear("linear", [masked], [seen], weights)
        return functional.relu(norm("norm", out, weights))


def _hidden(node: Node) -> Source:
    return Source("hidden", width_of(node, "hidden"))
