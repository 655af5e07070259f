import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.space import (
    ABSENT,
    NASRecPIMSpace,
    SearchSpace,
    SpaceError,
    nasrec_pim,
    nasrec_pim_small,
    nasrec_small,
)
from dagsmith.space.component import Value
from dagsmith.space.pim import MAPPING, PIM_KINDS
from dagsmith.space.pim_space import KNOBS
from dagsmith.space.testing import SearchSpaceTests


class TestNASRecPIM(SearchSpaceTests):
    count = 16

    def space(self) -> SearchSpace:
        return nasrec_pim(13, 26, blocks=3)


class TestNASRecPIMSmall(SearchSpaceTests):
    count = 16

    def space(self) -> SearchSpace:
        return nasrec_pim_small(0, 10, blocks=2, knobs={"size": (128,), "replication": (1,)})


def test_size_is_that_of_the_model_times_the_hardware() -> None:
    space = nasrec_pim(13, 26)
    crossbar = 3 * 3 * 2 * 7 * 4
    memory = 3 * 2
    mapping = 2 * 2 * 4
    assert space.size() == space.model.size() * crossbar * memory * mapping**15
    # AutoRAC reports more than 10^54 for its own.
    assert space.size() > 1e54
    assert f"{space.size():.3g} genotypes" in space.describe()


SPACE = nasrec_pim(13, 26, blocks=4)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_every_operator_is_tied_to_what_runs_it(seed: int) -> None:
    net = SPACE.decode(SPACE.sample(1, np.random.default_rng(seed))[0])
    for index, node in enumerate(net.nodes):
        ports = [edge.port for edge in net.inputs(index)]
        runs = [e for e in net.inputs(index) if e.port in ("mapping", "memory", "crossbar")]
        if node.kind in ("dense_op", "sparse_op", "merger", "head"):
            assert ports.count("mapping") == 1
            mapping = net.nodes[runs[0].source]
            block, _, part = node.name.partition(".")
            side = {"fm": ".dense", "dense_to_sparse": ".sparse", "": ""}.get(part, f".{part}")
            assert mapping.name == f"{block}{side}.mapping"
        elif node.kind in ("sparse_input", "mapping"):
            assert len(ports) == 1
            assert net.nodes[runs[0].source].kind in ("memory", "crossbar")
        else:
            assert not ports
    kinds = [node.kind for node in net.nodes]
    assert kinds.count("crossbar") == 1
    assert kinds.count("memory") == kinds.count("sparse_input")


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_the_model_inside_is_the_models_own(seed: int) -> None:
    genotypes = SPACE.sample(4, np.random.default_rng(seed))
    split = len(SPACE.model.slots)
    joint, alone = SPACE.decode_many(genotypes), SPACE.model.decode_many(genotypes[:, :split])
    shift = joint.node_count - alone.node_count
    assert np.array_equal(joint.kind[:, shift:], alone.kind)
    hardware = joint.kind[:, :shift]
    assert np.isin(
        hardware, [ABSENT, *(PIM_KINDS.index[k] for k in PIM_KINDS if k not in SPACE.model.kinds)]
    ).all()
    dead = [name for name in (joint.names or ())[:shift] if name.endswith("mapping")]
    for row in range(len(joint)):
        for name in dead:
            position = (joint.names or ()).index(name)
            operator = (joint.names or ()).index(name.removesuffix(".mapping"))
            assert (joint.kind[row, position] == ABSENT) == (joint.kind[row, operator] == ABSENT)


def test_choices_can_be_given() -> None:
    space = NASRecPIMSpace(
        "mine", nasrec_small(13, 26, blocks=1), {"weight_bits": (2, 4, 6, 8), "tier": ("hbm",)}
    )
    names = {slot.name: slot.choices for slot in space.slots}
    assert names["head.weight_bits"] == (2, 4, 6, 8)
    assert "memory.tier" not in names
    net = space.decode(space.sample(1, np.random.default_rng(0))[0])
    assert next(node for node in net.nodes if node.kind == "memory")["tier"] == "hbm"
    with pytest.raises(SpaceError, match=r"no hardware knob 'weight_bit'; did you mean 'weight_b"):
        NASRecPIMSpace("mine", nasrec_small(13, 26), {"weight_bit": (4,)})


@pytest.mark.parametrize(
    ("knob", "choice", "message"),
    [
        ("weight_bits", 0, "knob 'weight_bits' is 0; expected whole numbers above 0"),
        ("adc_bits", 7.5, "knob 'adc_bits' is 7.5; expected whole numbers"),
        ("size", "128", "knob 'size' is '128'; expected whole numbers"),
        ("adcs", True, "knob 'adcs' is True; expected whole numbers"),
        ("tier", "hbm2", r"knob 'tier' has no choice 'hbm2'; did you mean 'hbm'\?"),
    ],
)
def test_choices_of_no_hardware_are_named(knob: str, choice: Value, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        NASRecPIMSpace("mine", nasrec_small(13, 26), {knob: (choice,)})


def test_every_knob_is_an_attribute() -> None:
    known = {a.name for kind in PIM_KINDS.kinds for a in kind.attributes}
    assert set(KNOBS) <= known
    assert {a.name for a in MAPPING.attributes} <= set(KNOBS)
