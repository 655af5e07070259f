"""Populations built up node by node, for all rows at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dagsmith.space.component import Categorical, Vocabulary
from dagsmith.space.population import ABSENT, Population

Rows = NDArray[np.bool_]
"""``[batch]``: in which architectures something is there."""


class GraphArrays:
    """A population under construction, over a fixed layout of named node positions.

    `put` places a node and `link` an edge in those rows where `on` holds; `live` leaves away what
    does not reach the last position, and gives the population.

    Args:
        vocabulary: the component kinds.
        names: of the positions, in topological order; the last is the output.
        batch: number of rows.

    Example:
        >>> from dagsmith.space.ctr import PLUS_KINDS
        >>> graph = GraphArrays(PLUS_KINDS, ["input", "flat"], batch=2)
        >>> graph.put("input", "sparse_input", rows=4, dim=[8, 16])
        >>> graph.put("flat", "flat")
        >>> graph.link("flat", "input", "sparse")
        >>> graph.live().architecture(1).nodes[0]["dim"]
        16
    """

    def __init__(self, vocabulary: Vocabulary, names: Sequence[str], batch: int) -> None:
        count = len(names)
        self.vocabulary = vocabulary
        self.names = tuple(names)
        self.position = {name: index for index, name in enumerate(names)}
        self.kind = np.full((batch, count), ABSENT, np.int16)
        self.attributes = np.full((batch, count, vocabulary.attribute_count), np.nan, np.float32)
        self.edges = np.zeros((batch, count, count), np.uint16)

    def put(self, name: str, kind: str, on: Rows | bool = True, **attributes: ArrayLike) -> None:
        """Place a node where `on`; attributes are given as values, one or per row."""
        at, known = self.position[name], self.vocabulary[kind]
        on = np.broadcast_to(on, len(self.kind))
        self.kind[on, at] = self.vocabulary.index[kind]
        for column, attribute in enumerate(known.attributes):
            values = np.broadcast_to(np.asarray(attributes[attribute.name]), len(self.kind))
            if isinstance(attribute, Categorical):
                values = np.select(
                    [values == choice for choice in attribute.choices],
                    list(range(len(attribute.choices))),
                    np.nan,
                )
            self.attributes[on, at, column] = values[on]

    def link(self, target: str, source: str, port: str, on: Rows | bool = True) -> None:
        """Lead the output of `source` into a port of `target` where `on` and `source` is there."""
        at, start = self.position[target], self.position[source]
        bit = np.where(on & (self.kind[:, start] != ABSENT), self.vocabulary.port_bit[port], 0)
        self.edges[:, at, start] |= bit.astype(np.uint16)

    def copy(self, other: Population, on: Rows) -> None:
        """Take over the nodes and edges of `other`, except its last position, where `on`.

        The positions of `other` are the first ones here, and its kinds and ports begin the
        vocabulary's.
        """
        count, columns = other.node_count - 1, other.attributes.shape[2]
        self.kind[on, :count] = other.kind[on, :count]
        self.attributes[on, :count, :columns] = other.attributes[on, :count]
        self.edges[on, :count, :count] |= other.edges[on, :count, :count]

    def live(self) -> Population:
        """The population, without what does not reach the last position."""
        live = np.zeros(self.kind.shape, bool)
        live[:, -1] = True
        for target in range(len(self.names) - 1, 0, -1):
            live |= (self.edges[:, target] != 0) & live[:, target, None]
        live &= self.kind != ABSENT
        self.kind[~live] = ABSENT
        self.attributes[~live] = np.nan
        self.edges[~live] = 0
        self.edges.transpose(0, 2, 1)[~live] = 0
        return Population(self.vocabulary, self.kind, self.attributes, self.edges, self.names)
