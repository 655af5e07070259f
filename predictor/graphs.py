"""Graphs as flat tensors: all nodes of a batch in one row, no padding.

Every member of an ensemble gets its own copy of the graphs' indices, so that hidden states lie
as ``[members, nodes, dim]`` and all members are summed in one call.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dagsmith.predictor.node_features import NodeFeatures, Tokens
from dagsmith.space import Population


@dataclass(frozen=True)
class Gather:
    """Which row each row is a copy of, for all members.

    Args:
        index: row among the ``members * rows`` given, ``[members * taken]``.
        members: ensemble members.
    """

    index: Tensor
    members: int

    @staticmethod
    def of(index: NDArray[np.int64], rows: int, members: int) -> "Gather":
        """Take ``[taken]`` of `rows` rows, alike for every member."""
        return Gather(_for_members(index, rows, members), members)

    def __call__(self, rows: Tensor) -> Tensor:
        """Take from ``[members, rows, dim]``: ``[members, taken, dim]``."""
        taken = rows.reshape(-1, rows.shape[-1]).index_select(0, self.index)
        return taken.view(self.members, -1, rows.shape[-1])


@dataclass(frozen=True)
class Sums:
    """Which rows are added up into which, for all members: a sparse matrix of ones, by rows.

    Args:
        index: rows to add among the ``members * rows`` given, those of the first sum first.
        offsets: where each sum starts in `index`, ``[members * sums]``.
        members: ensemble members.
    """

    index: Tensor
    offsets: Tensor
    members: int

    @staticmethod
    def of(index: NDArray[np.int64], counts: NDArray[np.int64], rows: int, members: int) -> "Sums":
        """The first sum adds the first ``counts[0]`` of `index`, and so on, for every member."""
        return Sums(
            _for_members(index, rows, members),
            _for_members(np.cumsum(counts) - counts, len(index), members),
            members,
        )

    def __call__(self, rows: Tensor) -> Tensor:
        """Add up ``[..., dim]`` (`rows` rows per member) into ``[members, sums, dim]``."""
        # The sum of an embedding bag is the product with a sparse matrix, and several times
        # faster here than a batched dense adjacency or a scatter.
        flat = rows.reshape(-1, rows.shape[-1])
        sums = torch.nn.functional.embedding_bag(self.index, flat, self.offsets, mode="sum")
        return sums.view(self.members, -1, rows.shape[-1])


@dataclass(frozen=True)
class Graphs:
    """A batch of architectures as tensors.

    Rows of messages are numbered ``(port * members + member) * nodes + node``.

    Args:
        tokens: feature rows of the different nodes, ``[tokens, width]``.
        nodes: token of each node; the nodes of a graph are consecutive.
        sizes: number of nodes of each graph, ``[batch]``.
        into: for each node, the messages of its inputs.
        out_of: for each node, the messages of the nodes that read it.
        graphs: for each graph, its nodes.
    """

    tokens: Tensor
    nodes: Gather
    sizes: Tensor
    into: Sums
    out_of: Sums
    graphs: Sums

    @staticmethod
    def of(population: Population, features: NodeFeatures, members: int) -> "Graphs":
        """Encode a population for an ensemble."""
        return Graphs.join(Tokens.of(population, features), population, members)

    @staticmethod
    def join(tokens: Tokens, population: Population, members: int) -> "Graphs":
        """Join the tokens of a population's nodes with its edges."""
        present = tokens.index >= 0
        width = present.shape[1]
        count = int(present.sum())
        # Flat number of each used node position, [batch * positions].
        number = np.cumsum(present.ravel()) - 1
        filled = np.flatnonzero(population.edges)
        bits = population.edges.ravel()[filled]
        target_position, source_column = np.divmod(filled, width)
        target = number[target_position]
        source = number[target_position // width * width + source_column]
        # An entry with several bits is several edges.
        edge, port = np.nonzero((bits[:, None] >> np.arange(len(population.vocabulary.ports))) & 1)
        source, target = source[edge], target[edge]
        start = port * (members * count)
        sizes = present.sum(axis=1)
        backwards = np.argsort(source, kind="stable")
        return Graphs(
            torch.from_numpy(tokens.features),
            Gather.of(tokens.index[present], len(tokens.features), members),
            torch.from_numpy(sizes),
            # The edges are found in the order of their targets.
            Sums.of(start + source, np.bincount(target, minlength=count), count, members),
            Sums.of(
                (start + target)[backwards], np.bincount(source, minlength=count), count, members
            ),
            Sums.of(np.arange(count), sizes, count, members),
        )


def _for_members(index: NDArray[np.int64], step: int, members: int) -> Tensor:
    copies = index[None, :] + step * np.arange(members)[:, None]
    return torch.from_numpy(copies.ravel())
