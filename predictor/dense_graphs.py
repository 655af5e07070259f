"""Graphs as padded tensors: every operation on them is one that ONNX has."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class DenseGraphs:
    """A padded batch of graphs; a `GraphBatch` whose tokens are all its node positions.

    Slower than `Graphs` by the padding and by a product with every pair of nodes; what it is for
    is `export_onnx`.

    Args:
        features: feature rows of the nodes, ``[batch, nodes, width]``.
        present: 1 where a position is used, ``[batch, nodes]``.
        edges: 1 where the source is read by the target, ``[batch, ports, target, source]``.
        members: ensemble members.
    """

    features: Tensor
    present: Tensor
    edges: Tensor
    members: int

    @property
    def tokens(self) -> Tensor:
        """Feature rows of all positions, ``[batch * nodes, width]``."""
        return self.features.flatten(0, 1)

    @property
    def sizes(self) -> Tensor:
        """Number of nodes of each graph, ``[batch]``."""
        return self.present.sum(dim=1)

    def nodes(self, rows: Tensor) -> Tensor:
        """Every position is its own token."""
        return rows

    def into(self, messages: Tensor) -> Tensor:
        """Sum the messages of each node's inputs: ``[ports, members, rows, dim]``."""
        return self._along(self.edges, messages)

    def out_of(self, messages: Tensor) -> Tensor:
        """Sum the messages of the nodes that read each node, likewise."""
        return self._along(self.edges.transpose(2, 3), messages)

    def graphs(self, hidden: Tensor) -> Tensor:
        """Sum each graph's nodes, ``[members, batch, dim]``."""
        return (self._padded(hidden) * self.present[..., None]).sum(dim=2)

    def sinks(self, hidden: Tensor) -> Tensor:
        """Sum each graph's nodes that nobody reads, likewise."""
        unread = self.present * (self.edges.amax(dim=(1, 2)) == 0)
        return (self._padded(hidden) * unread[..., None]).sum(dim=2)

    def peaks(self, hidden: Tensor) -> Tensor:
        """The maximum of each graph's nodes, at least 0, likewise."""
        # What is not there counts as 0, which no maximum is below.
        return torch.relu(self._padded(hidden) * self.present[..., None]).amax(dim=2)

    def _padded(self, rows: Tensor) -> Tensor:
        batch, nodes = self.present.shape
        return rows.reshape(*rows.shape[:-2], batch, nodes, rows.shape[-1])

    def _along(self, edges: Tensor, messages: Tensor) -> Tensor:
        heard = edges.transpose(0, 1)[:, None] @ self._padded(messages)
        return heard.sum(dim=0).flatten(1, 2)
