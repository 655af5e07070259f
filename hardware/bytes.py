"""Bytes that a model takes in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.hardware.pim.hardware import Hardware, Knobs
from dagsmith.hardware.tables import TableReads
from dagsmith.hardware.workload import workload
from dagsmith.space import Population


@dataclass(frozen=True)
class Bytes:
    """Bytes of the weights at the bits of their mapping, ``sum of inputs outputs b_w / 8``.

    What no mapping is tied to counts `plain_bits` per weight. Biases stay in 32 bits.

    Args:
        cardinalities: rows of each field's embedding table; when given, the tables are counted at
            the memory's embedding bits.
        plain_bits: bits of a weight without a mapping, and of an embedding without a memory.
        name: the key of this cost.

    Raises:
        CostError: another number of fields than the architecture has (when it is costed).
    """

    cardinalities: Sequence[int] | None = None
    plain_bits: int = 32
    name: str = "bytes"
    unit: str = "B"

    def cost(self, population: Population) -> NDArray[np.float64]:
        """Return the bytes of each architecture, ``[batch]``."""
        work = workload(population)
        plain = Hardware(weight_bits=self.plain_bits, embedding_bits=self.plain_bits)
        knobs = Knobs.of(population, plain)
        weights = np.einsum("bnm,bnm,bn->b", work.inputs, work.outputs, knobs.weight_bits)
        total = weights / 8 + 4 * work.biases.sum(axis=(1, 2))
        if self.cardinalities is None:
            return np.asarray(total)
        reads = TableReads.of(population)
        reads.check(self.cardinalities)
        bits = reads.width * knobs.embedding_bits[np.arange(len(population)), reads.node]
        return np.asarray(total + sum(self.cardinalities) * bits / 8)
