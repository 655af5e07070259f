import numpy as np
import pytest

from dagsmith.space import (
    NASBench101Space,
    NASBenchMacroSpace,
    SampledSpace,
    SearchSpace,
    SpaceError,
    nasrec_small,
)
from dagsmith.space.testing import SearchSpaceTests

WHOLE = nasrec_small(13, 26, blocks=2)
MEMBERS = WHOLE.sample(40, np.random.default_rng(0))


class TestSampled(SearchSpaceTests):
    count = 16

    def space(self) -> SearchSpace:
        whole = NASBenchMacroSpace()
        return SampledSpace(whole, whole.sample(2000, np.random.default_rng(0)))


def test_what_is_proposed_is_a_member() -> None:
    space, rng = SampledSpace(WHOLE, MEMBERS), np.random.default_rng(1)
    known = set(WHOLE.decode_many(MEMBERS).fingerprint().tolist())
    parents = WHOLE.sample(50, rng)
    for proposed in (parents, space.sample(50, rng), space.mutate(parents, rng)):
        assert set(space.decode_many(proposed).fingerprint().tolist()) <= known
    before = space.decode_many(parents).fingerprint()
    assert (space.decode_many(space.mutate(parents, rng)).fingerprint() != before).all()


def test_a_member_means_itself_and_others_the_nearest() -> None:
    space = SampledSpace(WHOLE, MEMBERS)
    assert (space.nearest(MEMBERS) == MEMBERS).all()
    stranger = WHOLE.sample(1, np.random.default_rng(7))
    away = (stranger != MEMBERS).sum(axis=1)
    assert (space.nearest(stranger)[0] == MEMBERS[away.argmin()]).all()


def test_what_the_whole_would_mend_is_a_member() -> None:
    whole = NASBench101Space()
    drawn = whole.sample(60, np.random.default_rng(0))
    space = SampledSpace(whole, drawn[whole.valid(drawn)])
    assert space.valid(drawn).all()


def test_an_empty_sample_is_refused() -> None:
    with pytest.raises(SpaceError, match="without any genotype"):
        SampledSpace(WHOLE, MEMBERS[:0])
    with pytest.raises(SpaceError, match="expects"):
        SampledSpace(WHOLE, MEMBERS[:, :3])
