"""What an architecture costs: the protocol that every cost model keeps, and many at once."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dagsmith.space import Architecture, Population, Vocabulary
from dagsmith.space.ctr import PLUS_KINDS


class CostError(ValueError):
    """A cost that cannot be computed: an architecture or a setting the model does not know."""


@runtime_checkable
class CostModel(Protocol):
    """One cost of architectures, computed without building or running them.

    A cost is known for every architecture, so it is both an objective of the search and a free
    label for a predictor. `cost` sees a whole population at once: a search asks for tens of
    thousands, and array operations answer in well under a second.

    Attributes:
        name: its key in an `Evaluation`'s costs, such as ``"flops"``.
        unit: what it is measured in, such as ``"MAC"``.
    """

    @property
    def name(self) -> str:
        """The key of this cost."""
        ...

    @property
    def unit(self) -> str:
        """The unit of this cost."""
        ...

    def cost(self, population: Population) -> NDArray[np.float64]:
        """Return each architecture's cost, ``[batch]``; raise CostError for an unknown kind."""
        ...


def costs(
    architectures: Population | Sequence[Architecture],
    models: Sequence[CostModel],
    vocabulary: Vocabulary = PLUS_KINDS,
) -> dict[str, NDArray[np.float64]]:
    """Cost `architectures` under each model.

    Args:
        architectures: a population, or architectures.
        models: cost models with different names.
        vocabulary: the kinds of single architectures; a population brings its own.

    Returns:
        ``{model name: [batch]}``.

    Raises:
        CostError: two models of one name, or a kind that a model does not know.

    Example:
        >>> from dagsmith.hardware import Flops
        >>> from dagsmith.space.published import published_nets
        >>> net = published_nets()["kdd-full"]
        >>> costs([net.architecture], [Flops()])
        {'flops': array([1079753.])}
    """
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise CostError(f"two cost models are named {name!r}; expected different names")
    if not isinstance(architectures, Population):
        architectures = Population.from_architectures(architectures, vocabulary)
    return {model.name: model.cost(architectures) for model in models}
