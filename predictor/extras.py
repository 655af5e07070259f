"""Numbers known of every architecture before it is evaluated, as further inputs of a predictor."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.prediction import as_numbers
from dagsmith.space import Population

Extras = Mapping[str, ArrayLike]
"""Numbers by name, ``[batch]`` each: costs, scores without training or after a short one."""


def extra_columns(
    population: Population, extras: Extras | None, names: Sequence[str]
) -> NDArray[np.float64]:
    """Return the extras of a population as columns, ``[batch, names]``.

    Args:
        population: the architectures.
        extras: what is known of each; None is nothing.
        names: the extras that the predictor was fitted with, in the order of the columns.

    Raises:
        PredictorError: an extra that is missing, one too many, of another length, or not finite.
    """
    given = extras or {}
    if set(given) != set(names):
        raise PredictorError(
            f"the extras are {sorted(given)}; this predictor was fitted with {sorted(names)}"
        )
    columns = np.zeros((len(population), len(names)))
    for column, name in enumerate(names):
        values = as_numbers(given[name], f"values of extra {name!r}")
        if values.shape != (len(population),):
            raise PredictorError(
                f"extra {name!r} has shape {values.shape}; expected [{len(population)}], "
                "one per architecture"
            )
        broken = np.flatnonzero(~np.isfinite(values))
        if broken.size:
            raise PredictorError(
                f"extra {name!r} is not finite in {broken.size} rows, the first is {broken[0]}"
            )
        columns[:, column] = values
    return columns
