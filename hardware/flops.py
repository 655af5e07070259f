"""FLOPs of CTR architectures, counted as the field counts them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.hardware.workload import workload
from dagsmith.space import Population


@dataclass(frozen=True)
class Flops:
    """Multiply-accumulates per sample of the live graph, ``sum of inputs * outputs * uses``.

    One multiply-accumulate counts as one, as fvcore does and as CTR papers call "FLOPs". Counted
    are linear maps and matrix products (`workload` lists them); biases, activations, softmax,
    normalisation, the FM's squares, sums, and embedding look-ups are not.

    Reference: the six networks of `dagsmith.space.published`, within 1 % of the published figures.
    """

    name: str = "flops"
    unit: str = "MAC"

    def cost(self, population: Population) -> NDArray[np.float64]:
        """Return the multiply-accumulates of each architecture, ``[batch]``."""
        work = workload(population)
        maps = np.einsum("bnm,bnm,bnm->b", work.inputs, work.outputs, work.uses)
        return np.asarray(maps + work.products.sum(axis=1))
