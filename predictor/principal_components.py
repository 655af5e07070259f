"""What architectures tell without labels: the principal components of their graph features."""

import numpy as np
from numpy.typing import NDArray

from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.graph_features import GraphFeatures
from dagsmith.space import Population


def principal_components(population: Population, count: int) -> dict[str, NDArray[np.float64]]:
    """The first components of the standardised `GraphFeatures`, by name, ``[batch]`` each.

    A network that learned to answer them knows how to count and follow paths before it sees the
    first label.

    Args:
        population: ``[batch]`` architectures.
        count: how many; there are no more than the graph features have dimensions.

    Raises:
        PredictorError: a count below 1, or architectures that are all alike.

    Example:
        >>> from dagsmith.space import NASBench201Space
        >>> space = NASBench201Space()
        >>> cells = space.decode_many(space.every_cell()[::25])
        >>> list(principal_components(cells, 2))
        ['component 0', 'component 1']
    """
    if count < 1:
        raise PredictorError(f"components is {count}; expected at least 1")
    rows = GraphFeatures.fit(population).transform(population).astype(np.float64)
    if not rows.shape[1]:
        raise PredictorError(
            f"the graph features of all {len(population)} architectures are the same; "
            "expected different architectures"
        )
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    left, size, _ = np.linalg.svd(rows, full_matrices=False)
    known = min(count, int((size > 1e-6 * size[0]).sum()))
    return {f"component {i}": left[:, i] * size[i] for i in range(known)}
