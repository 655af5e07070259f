import numpy as np
import pytest

from dagsmith.space import RestrictedSpace, SearchSpace, SpaceError, nasrec_small
from dagsmith.space.component import Value
from dagsmith.space.testing import SearchSpaceTests

WHOLE = nasrec_small(13, 26, blocks=3)
FIXED: dict[str, Value] = {"block3.width": 64, "block2.sparse_inputs": "0+1", "block3.fm": True}


class TestRestricted(SearchSpaceTests):
    count = 16

    def space(self) -> SearchSpace:
        return RestrictedSpace(WHOLE, FIXED)


def test_members_are_those_of_the_whole_with_the_fixed_choices() -> None:
    space = RestrictedSpace(WHOLE, FIXED)
    genotypes = space.sample(9, np.random.default_rng(0))
    whole = space.complete(genotypes)
    for row, genotype in zip(whole, genotypes, strict=True):
        params = WHOLE.to_params(row)
        assert {name: params[name] for name in FIXED} == FIXED
        assert {k: v for k, v in params.items() if k not in FIXED} == space.to_params(genotype)
        assert WHOLE.decode(row) == space.decode(genotype)
    product = WHOLE.size()
    for name in FIXED:
        product //= len(next(slot.choices for slot in WHOLE.slots if slot.name == name))
    assert space.size() == product


def test_what_is_not_there_cannot_be_fixed() -> None:
    with pytest.raises(SpaceError, match=r"no slot 'block3.widht'; did you mean 'block3.width'"):
        RestrictedSpace(WHOLE, {"block3.widht": 64})
    with pytest.raises(SpaceError, match=r"slot 'block3.width' has no choice 65; did you mean '6"):
        RestrictedSpace(WHOLE, {"block3.width": 65})
