"""Architectures that a table holds more than once, and one number for each."""

import numpy as np
from numpy.typing import NDArray

from dagsmith.space import Population, isomorphism_fingerprint


def architecture_numbers(population: Population) -> NDArray[np.int64]:
    """A number per row that isomorphic architectures share, ``[rows]``.

    They are counted from 0 by first appearance, and equal exactly where the canonical keys are.
    """
    _, mark, count = np.unique(
        isomorphism_fingerprint(population), return_inverse=True, return_counts=True
    )
    # Isomorphic architectures share their mark, so a row that has it alone needs no canonical key;
    # and equal arrays are equal architectures, so of the others each different one needs it once.
    arrays = population.compact().fingerprint().tolist()
    keys: dict[int, str] = {}
    number_of: dict[int | str, int] = {}
    numbers = np.zeros(len(population), np.int64)
    for row, own in enumerate(mark.tolist()):
        name: int | str = own
        if count[own] > 1:
            if arrays[row] not in keys:
                keys[arrays[row]] = population.architecture(row).key
            name = keys[arrays[row]]
        numbers[row] = number_of.setdefault(name, len(number_of))
    return numbers


def averages(
    values: NDArray[np.float64], groups: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The mean of each group's values that are not NaN.

    Args:
        values: ``[rows]``.
        groups: Group of each row, below ``count``, ``[rows]``.
        count: Number of groups.

    Returns:
        The means, ``[count]``, NaN where there is no value; and which groups' values differ.
    """
    known = ~np.isnan(values)
    rows, numbers = groups[known], values[known]
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, rows, numbers)
    np.maximum.at(high, rows, numbers)
    differs = high > low
    times = np.bincount(rows, minlength=count)
    total = np.bincount(rows, weights=numbers, minlength=count)
    # Where the values agree, their sum divided by their number could miss the last bit.
    mean = np.where(differs, total / np.maximum(times, 1), low)
    return np.where(times > 0, mean, np.nan), differs
