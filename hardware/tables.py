"""What an architecture reads from embedding tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.hardware.cost_model import CostError
from dagsmith.space import Population


@dataclass(frozen=True)
class TableReads:
    """The look-ups of each architecture.

    Weights of single ids (`first_order`) are one coordinate more of the same rows.

    Args:
        node: which node reads, ``[batch]``: the one with the vectors, else the one with the
            weights; 0 where there is neither.
        fields: fields that it looks up, ``[batch]``; 0 where nothing is read.
        width: coordinates of a row, ``[batch]``.
    """

    node: NDArray[np.int64]
    fields: NDArray[np.float64]
    width: NDArray[np.float64]

    @property
    def some(self) -> NDArray[np.bool_]:
        """Whether anything is read, ``[batch]``."""
        return self.fields > 0

    @staticmethod
    def of(population: Population) -> "TableReads":
        """Read the nodes of a population of CTR kinds."""
        places = population.vocabulary.index
        vectors = population.kind == places.get("sparse_input", -2)
        single = population.kind == places.get("first_order", -2)
        has, alone = vectors.any(axis=1), single.any(axis=1)
        if not population.kind.size:
            empty = np.zeros(len(population))
            return TableReads(empty.astype(np.int64), empty, empty)
        node = np.where(has, vectors.argmax(axis=1), np.where(alone, single.argmax(axis=1), 0))
        rows = np.arange(len(population))
        fields = np.where(has | alone, population.attributes[rows, node, 0], 0.0)
        # A vocabulary of kinds with one attribute only has no second column.
        second = min(1, population.attributes.shape[2] - 1)
        dim = np.where(has, population.attributes[rows, node, second], 0.0)
        return TableReads(node, fields.astype(np.float64), (dim + alone).astype(np.float64))

    def check(self, cardinalities: Sequence[int]) -> None:
        """Raise CostError for an architecture of another number of fields."""
        wrong = self.some & (self.fields != len(cardinalities))
        if wrong.any():
            raise CostError(
                f"{len(cardinalities)} cardinalities for an architecture of "
                f"{int(self.fields[wrong][0])} sparse fields; expected one per field"
            )
