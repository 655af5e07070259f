"""A population: many architectures as three arrays, as they are costed and encoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dagsmith.space.architecture import Architecture, Edge, Node
from dagsmith.space.component import Vocabulary
from dagsmith.space.errors import ArchitectureError

ABSENT = -1
"""The `kind` of a node position that an architecture does not use."""


@dataclass(frozen=True)
class Population:
    """Architectures as arrays, with shapes in ``[batch, nodes, ...]``.

    Node positions are in topological order for every row; unused positions are `ABSENT`.

    Args:
        vocabulary: the component kinds, in the order that `kind` refers to.
        kind: int16 ``[batch, nodes]``, index into the vocabulary or `ABSENT`.
        attributes: float32 ``[batch, nodes, attributes]``: the index of a choice, a number as it
            is, a flag as 0 or 1, in the order of the kind's attributes; NaN where there is none.
        edges: uint16 ``[batch, target, source]``: bit i is set if there is an edge into port
            ``vocabulary.ports[i]`` of the target.
        names: name of each node position, where the space has a fixed layout.
    """

    vocabulary: Vocabulary
    kind: NDArray[np.int16]
    attributes: NDArray[np.float32]
    edges: NDArray[np.uint16]
    names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.kind)

    def __repr__(self) -> str:
        return (
            f"Population({len(self):,} architectures, {self.node_count} node positions, "
            f"{self.vocabulary})"
        )

    @property
    def node_count(self) -> int:
        """Node positions per row, used or not."""
        return int(self.kind.shape[1])

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which node positions are used, ``[batch, nodes]``."""
        return np.asarray(self.kind != ABSENT)

    @cached_property
    def linked(self) -> NDArray[np.uint16]:
        """Ports by which any row has an edge, as bits, ``[target, source]``.

        What works on whole populations looks at these edges alone; there are few.
        """
        return np.asarray(np.bitwise_or.reduce(self.edges, axis=0))

    def sources(self, target: int, port: str) -> NDArray[np.int64]:
        """The node positions from which any row has an edge into `port` of `target`."""
        bit = self.vocabulary.port_bit.get(port, 0)
        return np.flatnonzero(self.linked[target] & bit)

    def __getitem__(self, rows: "NDArray[np.integer] | NDArray[np.bool_] | slice") -> "Population":
        return Population(
            self.vocabulary, self.kind[rows], self.attributes[rows], self.edges[rows], self.names
        )

    @staticmethod
    def from_architectures(
        architectures: Sequence[Architecture], vocabulary: Vocabulary
    ) -> "Population":
        """Encode one by one; raise ArchitectureError naming the first that misfits."""
        nodes = max((len(architecture.nodes) for architecture in architectures), default=0)
        shape = (len(architectures), nodes)
        kind = np.full(shape, ABSENT, np.int16)
        attributes = np.full((*shape, vocabulary.attribute_count), np.nan, np.float32)
        edges = np.zeros((*shape, nodes), np.uint16)
        for row, architecture in enumerate(architectures):
            try:
                for position, node in enumerate(architecture.nodes):
                    values = vocabulary[node.kind].encode(node.values)
                    kind[row, position] = vocabulary.index[node.kind]
                    attributes[row, position, : len(values)] = values
                for edge in architecture.edges:
                    if edge.port not in vocabulary.port_bit:
                        raise ArchitectureError(f"no kind has a port {edge.port!r}")
                    edges[row, edge.target, edge.source] |= vocabulary.port_bit[edge.port]
            except ArchitectureError as error:
                raise ArchitectureError(f"architecture {row}: {error}") from None
        return Population(vocabulary, kind, attributes, edges)

    def architecture(self, row: int) -> Architecture:
        """Decode one row, keeping the names of a fixed layout."""
        used = np.flatnonzero(self.kind[row] != ABSENT)
        position = {int(node): rank for rank, node in enumerate(used)}
        nodes = []
        for node in used:
            kind = self.vocabulary.kinds[self.kind[row, node]]
            values = {
                attribute.name: attribute.decode(float(code))
                for attribute, code in zip(
                    kind.attributes, self.attributes[row, node], strict=False
                )
            }
            nodes.append(
                Node(kind.name, tuple(values.items()), self.names[node] if self.names else "")
            )
        edges = [
            Edge(position[int(source)], position[int(target)], port)
            for target, source in np.argwhere(self.edges[row])
            for bit, port in enumerate(self.vocabulary.ports)
            if self.edges[row, target, source] >> bit & 1
        ]
        return Architecture(tuple(nodes), tuple(edges))

    def compact(self) -> "Population":
        """Move used positions to the front, keeping their order, and cut what no row uses."""
        # A stable sort of (absent, position) keeps the topological order of what is used.
        order = np.argsort(~self.present, axis=1, kind="stable")
        width = int(self.present.sum(axis=1).max(initial=0))
        order = order[:, :width]
        rows = np.arange(len(self))[:, None]
        return Population(
            self.vocabulary,
            self.kind[rows, order],
            self.attributes[rows, order],
            self.edges[rows[:, :, None], order[:, :, None], order[:, None, :]],
        )

    def fingerprint(self) -> NDArray[np.uint64]:
        """A 64-bit hash per row of what lies at which position, ``[batch]``.

        Rows of one layout hash equal if they are equal, however many unused positions follow.
        It is much cheaper than the canonical key and finer: isomorphic architectures at different
        positions differ.
        """
        batch, count = self.kind.shape
        position = np.arange(count, dtype=np.uint64)
        column = np.arange(self.attributes.shape[2], dtype=np.uint64)
        # One address per number, the same in whatever population a row lies.
        parts: list[tuple[NDArray[np.integer], NDArray[np.uint64]]] = [
            # 0 stands for "nothing here", so that a first kind or choice must be told from it.
            (self.kind + np.int16(1), position),
            (
                np.where(
                    np.isnan(self.attributes), 0, self.attributes.view(np.int32) + np.int64(1)
                ),
                position[:, None] * np.uint64(1 << 16) + column + np.uint64(1 << 40),
            ),
            (self.edges, position[:, None] * np.uint64(1 << 16) + position + np.uint64(1 << 41)),
        ]
        total = np.zeros(batch, np.uint64)
        for values, address in parts:
            values = values.reshape(batch, address.size)
            rows, columns = np.nonzero(values)
            # Multiply-shift hashing of what is there; nothing adds nothing, so padding is unseen.
            mixed = values[rows, columns].astype(np.uint64)
            mixed *= (mix(address.ravel()) | np.uint64(1))[columns]
            mixed ^= mixed >> np.uint64(29)
            # Sums per row as differences of a running sum: unsigned integers wrap around alike.
            running = np.concatenate([np.zeros(1, np.uint64), mixed.cumsum(dtype=np.uint64)])
            ends = np.bincount(rows, minlength=batch).cumsum()
            total += np.diff(running[np.concatenate([[0], ends])])
        return mix(total)


def mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64: every bit of the result depends on every bit of the input."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
