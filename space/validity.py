"""Neighbours in a space where not every genotype is a proper member."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dagsmith.space.search_space import Genotype, Genotypes, SearchSpace


def valid_neighbours(
    space: SearchSpace, genotype: Genotype, valid: Callable[[Genotypes], NDArray[np.bool_]]
) -> Genotypes:
    """The valid genotypes one slot away whose architecture differs, one per architecture.

    Args:
        space: whose slots are changed.
        genotype: ``[slots]``.
        valid: says which rows of ``[batch, slots]`` are proper members.

    Returns:
        ``[neighbours, slots]``, in the order of the slots.
    """
    sizes = space.slot_sizes
    slots = np.repeat(np.arange(len(sizes)), sizes)
    choices = np.concatenate([np.arange(size) for size in sizes])
    near = np.tile(np.asarray(genotype, np.int16), (len(slots), 1))
    near[np.arange(len(slots)), slots] = choices
    # Before equal architectures are merged: one that is mended must not stand for a valid one.
    near = near[valid(near)]
    own = space.decode_many(np.asarray(genotype)[None]).fingerprint()[0]
    marks, first = np.unique(space.decode_many(near).fingerprint(), return_index=True)
    return np.asarray(near[np.sort(first[marks != own])])
