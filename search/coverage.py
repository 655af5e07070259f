"""What a predictor must have seen before it can say anything: every component kind and choice."""

import numpy as np
from numpy.typing import NDArray

from dagsmith.space import Categorical, Population

Marks = NDArray[np.bool_]
"""``[batch, marks]``: which kinds, and which choices of them, an architecture has."""


def component_marks(population: Population) -> Marks:
    """Which component kinds and which of their choices occur in each architecture."""
    marks = []
    for index, kind in enumerate(population.vocabulary.kinds):
        here = population.kind == index
        marks.append(here.any(axis=1))
        for column, attribute in enumerate(kind.attributes):
            if isinstance(attribute, Categorical):
                values = population.attributes[..., column]
                marks += [
                    (here & (values == choice)).any(axis=1)
                    for choice in range(len(attribute.choices))
                ]
    return np.stack(marks, axis=1)


def covering_rows(pool: Population, known: Population) -> list[int]:
    """Rows of `pool` that together have every kind and choice of it that `known` lacks.

    Greedy: each row adds most, the first of equals. A predictor knows nothing of an architecture
    with a part that it never saw, and in a space of many unlike parts a random design misses some.

    Args:
        pool: candidates.
        known: what is evaluated in any case.

    Example:
        >>> from dagsmith.space import NASBench201Space
        >>> space, rng = NASBench201Space(), np.random.default_rng(0)
        >>> cells = space.decode_many(space.sample(50, rng))
        >>> covering_rows(cells, cells)
        []
    """
    if not len(pool):
        return []
    marks = component_marks(pool)
    missing = marks.any(axis=0) & ~component_marks(known).any(axis=0)
    rows = []
    while missing.any():
        rows.append(int(marks[:, missing].sum(axis=1).argmax()))
        missing &= ~marks[rows[-1]]
    return rows
