"""A space reduced to some of its genotypes: those that somebody measured."""

import numpy as np
from numpy.typing import NDArray

from dagsmith.space.architecture import Architecture
from dagsmith.space.errors import SpaceError
from dagsmith.space.population import Population
from dagsmith.space.search_space import Genotype, Genotypes, SearchSpace

NEAR = 8
"""Members that a mutation chooses from where redrawn slots lead nowhere."""


class SampledSpace(SearchSpace):
    """A space in which every genotype means the nearest of some given ones.

    Samplers search it as they do the whole space, and whatever they propose was measured: a
    benchmark that has only a sample of its space can be searched.

    Nearest in the number of slots that differ; of equally near ones the first.

    Args:
        space: the whole space.
        genotypes: the members, ``[members, slots]``.

    Raises:
        SpaceError: no genotypes, or others than the space's.

    Example:
        >>> from dagsmith.space import NASBenchMacroSpace
        >>> whole = NASBenchMacroSpace()
        >>> cells = SampledSpace(whole, whole.sample(10, np.random.default_rng(0)))
        >>> drawn = cells.decode_many(whole.sample(500, np.random.default_rng(1)))
        >>> len(np.unique(drawn.fingerprint()))
        10
    """

    _mutation_tries = 8

    def __init__(self, space: SearchSpace, genotypes: Genotypes) -> None:
        self.whole, self.members = space, space.check(genotypes)
        if not len(self.members):
            raise SpaceError(f"a sample of space {space.name!r} without any genotype")
        self.name, self.kinds, self.slots = f"{space.name}-sampled", space.kinds, space.slots
        self._ones = _one_hot(self.members, self.slot_sizes)
        self._member_marks = space.decode_many(self.members).fingerprint()

    def decode(self, genotype: Genotype) -> Architecture:
        """The architecture of the nearest member."""
        return self.whole.decode(self.nearest(genotype[None])[0])

    def decode_many(self, genotypes: Genotypes) -> Population:
        """The architectures of the nearest members."""
        return self.whole.decode_many(self.nearest(genotypes))

    def sample(self, count: int, rng: np.random.Generator) -> Genotypes:
        """Draw members."""
        drawn: Genotypes = self.members[rng.integers(0, len(self.members), count)]
        return drawn

    def mutate(
        self, genotypes: Genotypes, rng: np.random.Generator, mutations: int = 1
    ) -> Genotypes:
        """Redraw slots as any space does, until the row means something else.

        In a thin sample a few redrawn slots lead back to where they came from: such a row moves to
        one of the `NEAR` nearest members that compute something else.
        """
        result, before = super().mutate(genotypes, rng, mutations), self._marks(genotypes)
        for row in np.flatnonzero(self._marks(result) == before):
            alike = self._alike(result[row][None])[0]
            order = np.argsort(-alike, kind="stable")
            others = order[self._member_marks[order] != before[row]][:NEAR]
            if others.size:
                result[row] = self.members[rng.choice(others)]
        return result

    def nearest(self, genotypes: Genotypes) -> Genotypes:
        """The members nearest to genotypes, ``[batch, slots]``."""
        found: Genotypes = self.members[self._alike(genotypes).argmax(axis=1)]
        return found

    def _marks(self, genotypes: Genotypes) -> NDArray[np.uint64]:
        """Those of the nearest members, which need no decoding."""
        marks: NDArray[np.uint64] = self._member_marks[self._alike(genotypes).argmax(axis=1)]
        return marks

    def _alike(self, genotypes: Genotypes) -> NDArray[np.float32]:
        """In how many slots each row agrees with each member, ``[batch, members]``."""
        agreeing: NDArray[np.float32] = _one_hot(genotypes, self.slot_sizes) @ self._ones.T
        return agreeing


def _one_hot(genotypes: Genotypes, sizes: NDArray[np.int64]) -> NDArray[np.float32]:
    """``[batch, choices of all slots]``: the product of two rows counts the slots that agree."""
    starts = np.cumsum(sizes) - sizes
    table = np.zeros((len(genotypes), int(sizes.sum())), np.float32)
    np.put_along_axis(table, (genotypes + starts).astype(np.int64), 1.0, axis=1)
    return table
