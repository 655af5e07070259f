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
        targets: the average of its targets, ``[merged]``.
        counts: how many there were, ``[merged]``.
    """

    population: Population
    targets: NDArray[np.float64]
    counts: NDArray[np.float64]


def merge_alike(population: Population, targets: NDArray[np.float64]) -> Merged:
    """Make isomorphic architectures one; say so on the logger ``dagsmith.predictor``."""
    number = architecture_numbers(population)
    first = np.unique(number, return_index=True)[1]
    if len(first) == len(population):
        return Merged(population, targets, np.ones(len(population)))
    merged, differ = averages(targets, number, len(first))
    counts = np.bincount(number, minlength=len(first)).astype(np.float64)
    _LOG.info(
        "%d of %d architectures occur more than once; %d had different targets: averaged",
        int((counts > 1).sum()),
        len(first),
        int(differ.sum()),
    )
    return Merged(population[first], merged, counts)
