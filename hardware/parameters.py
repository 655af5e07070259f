"""Trainable parameters of CTR architectures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.hardware.tables import TableReads
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
        reads = TableReads.of(population)
        reads.check(self.cardinalities)
        return np.asarray(total + sum(self.cardinalities) * reads.width)
