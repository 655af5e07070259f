"""The heterogeneous encoding: every component kind described by its own columns."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.space import ABSENT, Categorical, ComponentKind, Number, Population, Vocabulary


@dataclass(frozen=True)
class NodeFeatures:
    """Turns nodes into feature rows, with a block of columns for each component kind.

    A kind's block holds a constant 1, one column per choice of its categorical attributes, one
    per number (on its own scale, standardised) and one per flag; the blocks of all other kinds
    are 0. A linear map of these rows is therefore one encoder per kind, with an embedding for
    every choice: the encoding of PIDS (arXiv 2211.15759).

    Args:
        kinds: the component kinds.
        centre: mean of each number on its scale, ``[kinds, attributes]``; 0 where no number is.
        spread: its standard deviation, likewise; 1 where no number is or it never varies.
        seen: which columns of kinds and choices occurred, ``[width]``; those of numbers and flags
            always count as seen.
    """

    kinds: Vocabulary
    centre: NDArray[np.float32]
    spread: NDArray[np.float32]
    seen: NDArray[np.bool_]

    @staticmethod
    def fit(population: Population) -> "NodeFeatures":
        """Learn centre and spread of the numbers from the nodes of `population`."""
        kinds = population.vocabulary
        shape = (len(kinds), kinds.attribute_count)
        seen: list[bool] = []
        centre, spread = np.zeros(shape, np.float32), np.ones(shape, np.float32)
        for row, kind in enumerate(kinds.kinds):
            nodes = population.attributes[population.kind == row]
            seen.append(len(nodes) > 0)
            for column, attribute in enumerate(kind.attributes):
                if isinstance(attribute, Categorical):
                    found = set(nodes[:, column].tolist())
                    seen += [choice in found for choice in range(len(attribute.choices))]
                else:
                    seen.append(True)
                if isinstance(attribute, Number) and len(nodes):
                    values = _on_scale(attribute, nodes[:, column])
                    deviation = float(values.std())
                    centre[row, column] = values.mean()
                    # A number that never varied may vary later; keep its own unit then.
                    spread[row, column] = deviation if deviation > 1e-6 else 1.0
        return NodeFeatures(kinds, centre, spread, np.array(seen))

    @property
    def width(self) -> int:
        """Number of feature columns."""
        return sum(width for _, width in _blocks(self.kinds))

    @property
    def columns(self) -> list[str]:
        """What each column stands for, such as ``conv``, ``conv.activation=relu``."""
        names: list[str] = []
        for kind in self.kinds.kinds:
            names.append(kind.name)
            for attribute in kind.attributes:
                choices = attribute.choices if isinstance(attribute, Categorical) else ()
                names += [f"{kind.name}.{attribute.name}={choice}" for choice in choices]
                names += [] if choices else [f"{kind.name}.{attribute.name}"]
        return names

    def strange(self, features: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which feature rows have a kind or choice that never occurred when this was fitted."""
        return np.asarray((features[:, ~self.seen] != 0).any(axis=1))

    def transform(
        self, kind: NDArray[np.int16], attributes: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the feature rows of nodes.

        Args:
            kind: index into the vocabulary, ``[nodes]``.
            attributes: as a `Population` stores them, ``[nodes, attributes]``.

        Returns:
            ``[nodes, width]``.
        """
        features = np.zeros((len(kind), self.width), np.float32)
        start = 0
        for row, (component, width) in enumerate(_blocks(self.kinds)):
            nodes = np.flatnonzero(kind == row)
            features[nodes, start] = 1.0
            column = start + 1
            for position, attribute in enumerate(component.attributes):
                values = attributes[nodes, position]
                if isinstance(attribute, Categorical):
                    features[nodes, column + values.astype(np.int64)] = 1.0
                    column += len(attribute.choices)
                    continue
                if isinstance(attribute, Number):
                    values = _on_scale(attribute, values) - self.centre[row, position]
                    values = values / self.spread[row, position]
                features[nodes, column] = values
                column += 1
            start += width
        return features


@dataclass(frozen=True)
class Tokens:
    """The different nodes that occur in a population, and which node is which.

    An encoder needs to look at each different node once: a NASRec population of any size has
    some fifty of them.

    Args:
        features: one row per different node, ``[tokens, width]``.
        index: token of each node position, `ABSENT` where unused, ``[batch, nodes]``.
    """

    features: NDArray[np.float32]
    index: NDArray[np.int64]

    def rows_with(self, tokens: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which graphs hold one of these tokens, ``[batch]``; `tokens` is a mask ``[tokens]``."""
        # The last entry stands for unused positions, whose index is -1.
        return np.asarray(np.append(tokens, False)[self.index].any(axis=1))

    @staticmethod
    def of(population: Population, features: NodeFeatures) -> "Tokens":
        """Find the different nodes of `population` and their feature rows."""
        present = population.present
        kind = population.kind[present]
        attributes = np.nan_to_num(population.attributes[present], nan=0.0)
        # One 64-bit word per node: sorting words is far faster than sorting rows. Adding 0.0
        # makes -0.0 and 0.0, which are equal, one bit pattern.
        word = kind.astype(np.uint64)
        for column in (attributes + np.float32(0.0)).T:
            bits = np.ascontiguousarray(column).view(np.uint32).astype(np.uint64)
            word = (word ^ (word >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15) + bits
        _, first, inverse = np.unique(word, return_index=True, return_inverse=True)
        index = np.full(population.kind.shape, ABSENT, np.int64)
        index[present] = inverse
        return Tokens(features.transform(kind[first], attributes[first]), index)


def _blocks(kinds: Vocabulary) -> Iterator[tuple[ComponentKind, int]]:
    """Each kind with the number of its columns."""
    for kind in kinds.kinds:
        widths = (len(a.choices) if isinstance(a, Categorical) else 1 for a in kind.attributes)
        yield kind, 1 + sum(widths)


def _on_scale(attribute: Number, values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.log(values) if attribute.scale == "log" else values
