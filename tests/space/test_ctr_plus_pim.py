import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.space import SearchSpace, ctr_plus_pim
from dagsmith.space.pim import RUNS
from dagsmith.space.testing import SearchSpaceTests


class TestPlusPIM(SearchSpaceTests):
    count = 16

    def space(self) -> SearchSpace:
        return ctr_plus_pim(13, 26)


SPACE = ctr_plus_pim(3, 6, blocks=1)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_every_part_that_computes_is_tied_to_one_mapping(seed: int) -> None:
    net = SPACE.decode(SPACE.sample(1, np.random.default_rng(seed))[0])
    for index, node in enumerate(net.nodes):
        hardware = [e for e in net.inputs(index) if e.port in ("mapping", "memory")]
        assert [edge.port for edge in hardware] == ([RUNS[node.kind]] if node.kind in RUNS else [])
        if node.kind in RUNS and RUNS[node.kind] == "mapping":
            tied = net.nodes[hardware[0].source].name
            assert tied == f"{SPACE.place(node.name)}.mapping"


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_the_model_inside_is_the_models_own(seed: int) -> None:
    genotypes = SPACE.sample(4, np.random.default_rng(seed))
    split = len(SPACE.model.slots)
    joint, alone = SPACE.decode_many(genotypes), SPACE.model.decode_many(genotypes[:, :split])
    shift = joint.node_count - alone.node_count
    assert np.array_equal(joint.kind[:, shift:], alone.kind)
    known = alone.attributes.shape[2]
    np.testing.assert_array_equal(joint.attributes[:, shift:, :known], alone.attributes)


def test_parts_that_compute_together_share_a_mapping() -> None:
    assert SPACE.place("bottom.2") == SPACE.place("pairs") == "pairs"
    assert SPACE.place("left.gate") == SPACE.place("left.3") == "left"
    assert SPACE.place("cross.4") == "cross"
    assert SPACE.place("cin1") == "cin"
    assert SPACE.place("mask2") == "mask"
    assert SPACE.place("fm") == SPACE.place("head") == "head"
    assert SPACE.place("block1.fm") == "block1.dense"


def test_size_is_that_of_the_model_times_the_hardware() -> None:
    shared, mapping = 3 * 3 * 2 * 7 * 4 * 3 * 2, 2 * 2 * 4
    assert SPACE.size() == SPACE.model.size() * shared * mapping ** len(SPACE.places)
