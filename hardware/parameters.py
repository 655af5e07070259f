"""Trainable parameters of CTR architectures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.hardware.cost_model import CostError
from dagsmith.hardware.workload import workload
from dagsmith.space import Population


@dataclass(frozen=True)
class Parameters:
    """Weights and biases of the live graph, ``sum of inputs * outputs + biases``.

    The scales and shifts of normalisation are not counted: they are a choice of training, and
    below 2 % of these networks.

    Args:
        cardinalities: rows of each field's embedding table; when given, the tables (rows times
            embedding dimension) are counted too.
        name: the key of this cost.

    Raises:
        CostError: another number of fields than the architecture has (when it is costed).
    """

    cardinalities: Sequence[int] | None = None
    name: str = "parameters"
    unit: str = "1"

    def cost(self, population: Population) -> NDArray[np.float64]:
        """Return the parameters of each architecture, ``[batch]``."""
        work = workload(population)
        total = np.einsum("bnm,bnm->b", work.inputs, work.outputs)
        total = total + work.biases.sum(axis=(1, 2))
        if self.cardinalities is None:
            return np.asarray(total)
        inputs = population.kind == population.vocabulary.index["sparse_input"]
        rows, dim = population.attributes[:, :, 0], population.attributes[:, :, 1]
        wrong = inputs & (rows != len(self.cardinalities))
        if wrong.any():
            raise CostError(
                f"{len(self.cardinalities)} cardinalities for an architecture of "
                f"{int(rows[wrong][0])} sparse fields; expected one per field"
            )
        width = np.where(inputs, dim, 0.0).sum(axis=1, dtype=np.float64)
        if "first_order" in population.vocabulary:
            first = population.kind == population.vocabulary.index["first_order"]
            width = width + first.any(axis=1)
        tables = sum(self.cardinalities) * width
        return np.asarray(total + tables)
