"""A part of a search space: some slots are fixed, the others stay free."""

from collections.abc import Mapping

import numpy as np

from dagsmith.space.architecture import Architecture
from dagsmith.space.component import Value
from dagsmith.space.errors import SpaceError, nearest
from dagsmith.space.population import Population
from dagsmith.space.search_space import Genotype, Genotypes, SearchSpace


class RestrictedSpace(SearchSpace):
    """The members of a space whose `fixed` slots have given values.

    For a model whose hardware is still to be found, or a hardware whose model is.

    Args:
        space: the whole space.
        fixed: value of each fixed slot.

    Raises:
        SpaceError: a slot or choice that the space does not have.

    Example:
        >>> from dagsmith.space import nasrec_small
        >>> narrow = RestrictedSpace(nasrec_small(13, 26, blocks=1), {"block1.width": 64})
        >>> [slot.name for slot in narrow.slots]
        ['block1.dense_op', 'block1.rows', 'block1.fm', 'block1.dense_to_sparse']
    """

    def __init__(self, space: SearchSpace, fixed: Mapping[str, Value]) -> None:
        names = [slot.name for slot in space.slots]
        self.whole, self.fixed = space, dict(fixed)
        self._genes = np.zeros(len(names), np.int16)
        for name, value in fixed.items():
            if name not in names:
                raise SpaceError(
                    f"space {space.name!r} has no slot {name!r}; {nearest(name, names)}"
                )
            slot = space.slots[names.index(name)]
            if value not in slot.choices:
                raise SpaceError(
                    f"slot {name!r} has no choice {value!r}; "
                    f"{nearest(str(value), map(str, slot.choices))}"
                )
            self._genes[names.index(name)] = slot.choices.index(value)
        self._free = np.array([i for i, name in enumerate(names) if name not in fixed], np.int64)
        self.name, self.kinds = f"{space.name}, restricted", space.kinds
        self.slots = tuple(space.slots[column] for column in self._free)

    def complete(self, genotypes: Genotypes) -> Genotypes:
        """The genotypes in the whole space, ``[batch, its slots]``."""
        whole = np.tile(self._genes, (len(genotypes), 1))
        whole[:, self._free] = genotypes
        return whole

    def decode(self, genotype: Genotype) -> Architecture:
        """Return what the completed genotype means in the whole space."""
        return self.whole.decode(self.complete(genotype[None])[0])

    def decode_many(self, genotypes: Genotypes) -> Population:
        """Return what the completed genotypes mean in the whole space."""
        return self.whole.decode_many(self.complete(genotypes))
