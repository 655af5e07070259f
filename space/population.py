"""A population: many architectures as three arrays, the form in which they are costed and encoded."""

from collections.abc import Sequence
from dataclasses import dataclass

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

    @property
    def node_count(self) -> int:
        """Node positions per row, used or not."""
        return self.kind.shape[1]

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which node positions are used, ``[batch, nodes]``."""
        return self.kind != ABSENT

    def __getitem__(self, rows: "NDArray[np.integer] | NDArray[np.bool_] | slice") -> "Population":
        return Population(
            self.vocabulary, self.kind[rows], self.attributes[rows], self.edges[rows], self.names
        )

    @staticmethod
    def from_architectures(
        architectures: Sequence[Architecture], vocabulary: Vocabulary
    ) -> "Population":
        """Encode architectures one by one; raise ArchitectureError naming the first that misfits."""
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
        """A 64-bit hash per row of the arrays as they lie, ``[batch]``.

        Equal rows of one layout hash equal. It is much cheaper than the canonical key and finer:
        isomorphic architectures at different positions differ.
        """
        batch = len(self)
        parts = [
            np.ascontiguousarray(self.kind).view(np.uint16).reshape(batch, -1),
            np.nan_to_num(self.attributes, nan=-1.0).view(np.uint32).reshape(batch, -1),
            np.ascontiguousarray(self.edges).reshape(batch, -1),
        ]
        state = np.zeros(batch, np.uint64)
        for part in parts:
            # Multiply-shift hashing with fixed odd multipliers: repeatable across processes.
            multipliers = np.random.default_rng(part.shape[1]).integers(
                0, 2**63, part.shape[1], dtype=np.uint64
            ) * np.uint64(2) + np.uint64(1)
            mixed = (part.astype(np.uint64) + np.uint64(0x9E3779B9)) * multipliers
            state = (state ^ (mixed ^ (mixed >> np.uint64(29))).sum(axis=1)) * np.uint64(
                0xBF58476D1CE4E5B9
            )
            state ^= state >> np.uint64(32)
        return state
