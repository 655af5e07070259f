"""Architectures that were evaluated more than once: one label each, the average."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.data.duplicates import architecture_numbers, averages
from dagsmith.space import Population

_LOG = logging.getLogger("dagsmith.predictor")


@dataclass(frozen=True)
class Merged:
    """What `merge_alike` found.

    Args:
        population: every architecture once, by first appearance.
        columns: the averages of its numbers, ``[merged, columns]``.
        counts: how many there were, ``[merged]``.
    """

    population: Population
    columns: NDArray[np.float64]
    counts: NDArray[np.float64]


def merge_alike(population: Population, columns: NDArray[np.float64]) -> Merged:
    """Make isomorphic architectures one; say so on the logger ``dagsmith.predictor``.

    It is a warning where their targets differ, as noise of evaluations makes them, or a mistake.

    Args:
        population: ``[batch]`` architectures.
        columns: numbers of each, the target first, ``[batch, columns]``.
    """
    number = architecture_numbers(population)
    first = np.unique(number, return_index=True)[1]
    if len(first) == len(population):
        return Merged(population, columns, np.ones(len(population)))
    averaged = [averages(column, number, len(first)) for column in columns.T]
    merged, differ = np.stack([mean for mean, _ in averaged], axis=1), averaged[0][1]
    counts = np.bincount(number, minlength=len(first)).astype(np.float64)
    _LOG.log(
        logging.WARNING if differ.any() else logging.INFO,
        "%d of %d architectures occur more than once; %d had different targets: averaged",
        int((counts > 1).sum()),
        len(first),
        int(differ.sum()),
    )
    return Merged(population[first], merged, counts)
