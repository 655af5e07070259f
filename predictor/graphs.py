"""Graphs as flat tensors: all nodes of a batch in one row, no padding.

Every member of an ensemble gets its own copy of the graphs' indices, so that hidden states lie
as ``[members, nodes, dim]`` and all members are summed in one call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dagsmith.predictor.node_features import NodeFeatures, Tokens
from dagsmith.space import Population

RowMap = Callable[[Tensor], Tensor]
"""Rows of all members to rows of all members: a copy, or a sum along edges or over a graph."""


class GraphBatch(Protocol):
    """What a network asks of a batch of graphs, however they lie in memory.

    `Graphs` lays the nodes in one row, which is fast; `DenseGraphs` pads, which can be exported.
    """

    @property
    def tokens(self) -> Tensor:
        """Feature rows, ``[tokens, width]``."""
        ...

    @property
    def sizes(self) -> Tensor:
        """Number of nodes of each graph, ``[batch]``."""
        ...

    @property
    def nodes(self) -> RowMap:
        """From tokens to nodes."""
        ...

    @property
    def into(self) -> RowMap:
        """For each node, the sum of the messages of its inputs."""
        ...

    @property
    def out_of(self) -> RowMap:
        """For each node, the sum of the messages of the nodes that read it."""
        ...

    @property
    def graphs(self) -> RowMap:
        """For each graph, the sum of its nodes."""
        ...

    @property
    def sinks(self) -> RowMap:
        """For each graph, the sum of those of its nodes that no other node reads."""
        ...

    def peaks(self, hidden: Tensor) -> Tensor:
        """The maximum of each graph's nodes, at least 0, ``[members, batch, dim]``."""
        ...


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
    """Which rows are added up into which, alike for all members: a sparse matrix of ones.

    Row i of sum j is an entry ``(group[e], row[e]) = (j, i)``. The rows given are
    ``[..., members, rows, dim]``; a row number counts through the leading dimension as well, in
    steps of ``members * rows``.

    Args:
        group: sum of each entry, ascending, ``[entries]``.
        row: row of each entry, for the first member, ``[entries]``.
        groups: number of sums.
        rows: number of rows per member.
        members: ensemble members.
        parts: length of the leading dimension: the number of ports, or 1.
    """

    group: NDArray[np.int64]
    row: NDArray[np.int64]
    groups: int
    rows: int
    members: int
    parts: int = 1

    def __call__(self, rows: Tensor) -> Tensor:
        """Add up rows into ``[members, groups, dim]``; an empty sum is 0."""
        sums: Tensor = _Sum.apply(rows.reshape(-1, rows.shape[-1]), self)  # type: ignore[no-untyped-call]
        return sums.view(self.members, self.groups, rows.shape[-1])

    @cached_property
    def forth(self) -> tuple[Tensor, Tensor]:
        """Index and offsets of the bags that are the sums."""
        counts = np.bincount(self.group, minlength=self.groups)
        offsets = _for_members(np.cumsum(counts) - counts, len(self.row), self.members)
        return _for_members(self.row, self.rows, self.members), offsets

    @cached_property
    def back(self) -> tuple[Tensor, Tensor]:
        """Index and offsets of the transposed matrix: each row's bag holds the sums it is in."""
        row = _for_members(self.row, self.rows, self.members).numpy()
        order = torch.from_numpy(np.argsort(row, kind="stable"))
        counts = np.bincount(row, minlength=self.parts * self.members * self.rows)
        index = _for_members(self.group, self.groups, self.members)[order]
        return index, torch.from_numpy(np.cumsum(counts) - counts)


class _Sum(torch.autograd.Function):
    """`Sums.forth` with `Sums.back` as its derivative."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, sums: Sums) -> Tensor:
        ctx.sums = sums
        return _bags(rows, *sums.forth)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _bags(gradient.contiguous(), *ctx.sums.back), None


def _bags(rows: Tensor, index: Tensor, offsets: Tensor) -> Tensor:
    # The sum of an embedding bag is the product with a sparse matrix, and several times faster
    # here than a batched dense adjacency or a scatter. (Its own derivative sorts at every call.)
    return torch.nn.functional.embedding_bag(index, rows, offsets, mode="sum")


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
        sinks: for each graph, those of its nodes that no other node reads.
    """

    tokens: Tensor
    nodes: Gather
    sizes: Tensor
    into: Sums
    out_of: Sums
    graphs: Sums
    sinks: Sums

    def peaks(self, hidden: Tensor) -> Tensor:
        """The maximum of each graph's nodes, at least 0, ``[members, batch, dim]``."""
        members, _, dim = hidden.shape
        peaks = torch.segment_reduce(
            hidden.flatten(0, 1), "max", lengths=self.sizes.repeat(members), initial=0.0
        )
        return peaks.view(members, -1, dim)

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
        ports = len(population.vocabulary.ports)
        edge, port = np.nonzero((bits[:, None] >> np.arange(ports)) & 1)
        source, target = source[edge], target[edge]
        start = port * (members * count)
        sizes = present.sum(axis=1)
        graph = np.repeat(np.arange(len(sizes)), sizes)
        backwards = np.argsort(source, kind="stable")
        unread = np.flatnonzero(np.bincount(source, minlength=count) == 0)
        return Graphs(
            torch.from_numpy(tokens.features),
            Gather.of(tokens.index[present], len(tokens.features), members),
            torch.from_numpy(sizes),
            # The edges are found in the order of their targets.
            Sums(target, start + source, count, count, members, ports),
            Sums(source[backwards], (start + target)[backwards], count, count, members, ports),
            Sums(graph, np.arange(count), len(sizes), count, members),
            Sums(graph[unread], unread, len(sizes), count, members),
        )


def _for_members(index: NDArray[np.int64], step: int, members: int) -> Tensor:
    copies = index[None, :] + step * np.arange(members)[:, None]
    return torch.from_numpy(copies.ravel())
