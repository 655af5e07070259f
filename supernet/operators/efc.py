"""EFC: embedded fully connected, sparse to sparse."""

from torch import Tensor
from torch.nn import functional

from dagsmith.space import Node
from dagsmith.supernet.operators.linear import linear, linear_weights, norm, norm_weights
from dagsmith.supernet.operators.weight import Source, Sources, Tensors, Weight, Weights, width_of


class EmbeddedFullyConnected:
    """A fully connected layer along the rows: ``[batch, dim, *]`` to ``[batch, dim, rows]``."""

    def output(self, node: Node, sources: Sources) -> Source:
        """The chosen number of rows."""
        return Source("", width_of(node, "rows"), sources["sparse"][0].dim)

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """A matrix per source, bias, LayerNorm over the rows."""
        rows = width_of(node, "rows")
        return linear_weights("linear", sources["sparse"], rows) | norm_weights("norm", rows)

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """Apply the formula."""
        hidden = linear("linear", sources["sparse"], tensors["sparse"], weights)
        return functional.relu(norm("norm", hidden, weights))
