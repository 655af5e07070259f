"""Activations of CTR architectures: what a row makes a processor write and read again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.hardware.workload import workload
from dagsmith.space import Population


@dataclass(frozen=True)
class Activations:
    """Numbers per row that the linear maps of the live graph give, ``sum of outputs * uses``.

    Models for click logs are narrow, so that moving these numbers takes a processor longer than
    multiplying them: they tell the time of a training step far better than FLOPs do
    (docs/results.md).

    Source: Radosavovic et al., "Designing Network Design Spaces", CVPR 2020, arXiv 2003.13678,
    which counts the outputs of all convolutions.
    """

    name: str = "activations"
    unit: str = "1"

    def cost(self, population: Population) -> NDArray[np.float64]:
        """Return the activations of each architecture, ``[batch]``."""
        work = workload(population)
        return np.asarray(np.einsum("bnm,bnm->b", work.outputs, work.uses))
