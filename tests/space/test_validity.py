"""`SearchSpace.valid`, and the neighbours that it leaves."""

from collections.abc import Callable
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from dagsmith.space import (
    Architecture,
    ComponentKind,
    Flag,
    Genotype,
    Genotypes,
    Node,
    SearchSpace,
    Slot,
    Vocabulary,
    nasrec_small,
)


def rows(genotypes: Genotypes) -> set[tuple[int, ...]]:
    return {tuple(row) for row in genotypes.tolist()}


def valid_neighbours(
    space: SearchSpace, genotype: Genotype, valid: Callable[[Genotypes], NDArray[np.bool_]]
) -> Genotypes:
    with patch.object(space, "valid", valid):
        return space.neighbours(genotype)


def small() -> SearchSpace:
    return nasrec_small(3, 5, blocks=2, widths=(16, 32), rows=(16,))


def test_where_all_are_valid_they_are_the_neighbours() -> None:
    space = small()
    for genotype in space.sample(8, np.random.default_rng(0)):
        everything = valid_neighbours(space, genotype, lambda near: np.ones(len(near), bool))
        assert np.array_equal(everything, space.neighbours(genotype))


def test_only_valid_ones_are_given() -> None:
    space = small()
    genotype = np.zeros(len(space.slots), np.int16)

    def even(genotypes: Genotypes) -> NDArray[np.bool_]:
        return np.asarray(genotypes.sum(axis=1) % 2 == 0)

    assert valid_neighbours(space, genotype, lambda near: np.zeros(len(near), bool)).shape == (
        0,
        len(space.slots),
    )
    found = rows(valid_neighbours(space, genotype, even))
    wanted = {row for row in rows(space.neighbours(genotype)) if sum(row) % 2 == 0}
    assert found == wanted
    assert found


class Either(SearchSpace):
    """Two switches, of which one suffices: all genotypes with any of them on are one net."""

    def __init__(self) -> None:
        self.name, self.kinds = "either", Vocabulary((ComponentKind("lamp", (Flag("on"),), ()),))
        self.slots = (Slot("left", (False, True)), Slot("right", (False, True)))

    def decode(self, genotype: Genotype) -> Architecture:
        return Architecture((Node.of("lamp", on=bool(genotype.any())),), ())


def test_an_invalid_one_does_not_stand_for_a_valid_one_of_its_architecture() -> None:
    off = np.zeros(2, np.int16)
    for first in ((1, 0), (0, 1)):

        def other(near: Genotypes, first: tuple[int, int] = first) -> NDArray[np.bool_]:
            return np.asarray((near != first).any(axis=1))

        assert rows(valid_neighbours(Either(), off, other)) == {first[::-1]}
    assert len(Either().neighbours(off)) == 1
