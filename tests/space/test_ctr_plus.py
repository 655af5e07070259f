import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.space import (
    HANDMADE,
    Architecture,
    CTRPlusSpace,
    SearchSpace,
    SpaceError,
    ctr_plus,
    published_nets,
)
from dagsmith.space.component import Value
from dagsmith.space.ctr_plus_streams import READS, TOWERS
from dagsmith.space.testing import SearchSpaceTests

SPACE = ctr_plus(13, 26)


class TestPlus(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return ctr_plus(13, 26)


class TestSmallest(SearchSpaceTests):
    count = 16

    def space(self) -> SearchSpace:
        return CTRPlusSpace(0, 1, blocks=1, widths=(8,), trunk_widths=(8,), embedding_dims=(4,))


def at(**choices: Value) -> Architecture:
    return SPACE.decode(SPACE.point({name.replace("_", "."): v for name, v in choices.items()}))


def places(architecture: Architecture) -> list[str]:
    return [node.name for node in architecture.nodes]


def into(architecture: Architecture, name: str) -> list[tuple[str, str]]:
    """What enters a node: source and port."""
    target = places(architecture).index(name)
    return [(architecture.nodes[e.source].name, e.port) for e in architecture.inputs(target)]


def test_nothing_chosen_is_a_logit_of_the_features() -> None:
    assert places(at()) == ["input.dense", "input.sparse", "flat", "head"]


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_depth_is_the_number_of_layers(depth: int) -> None:
    layers = [name for name in places(at(left_depth=depth)) if name.startswith("left.")]
    assert layers == [f"left.{number}" for number in range(1, depth + 1)]
    assert into(at(left_depth=depth), "head") == [(f"left.{depth}", "dense")]


def test_a_stream_feeds_the_head_unless_a_tower_reads_it() -> None:
    parallel = at(cross_depth=2, left_depth=1)
    assert into(parallel, "head") == [("cross.2", "dense"), ("left.1", "dense")]
    assert into(parallel, "left.1") == [("flat", "dense")]
    stacked = at(cross_depth=2, left_depth=1, left_reads="cross")
    assert into(stacked, "head") == [("left.1", "dense")]
    assert into(stacked, "left.1") == [("cross.2", "dense")]
    both = at(cross_depth=2, left_depth=1, left_reads="cross", right_depth=1)
    assert into(both, "head") == [("left.1", "dense"), ("right.1", "dense")]


@pytest.mark.parametrize("reads", READS)
def test_a_tower_reads_the_features_where_its_stream_is_absent(reads: str) -> None:
    assert into(at(left_depth=1, left_reads=reads), "left.1") == [("flat", "dense")]


def test_a_gate_stands_before_its_tower() -> None:
    gated = at(left_depth=1, left_gate=3, right_depth=1)
    assert into(gated, "left.1") == [("left.gate", "dense")]
    assert into(gated, "left.gate") == [("flat", "dense"), ("input.sparse", "sparse")]
    assert into(gated, "right.1") == [("flat", "dense")]
    assert into(at(left_depth=1, left_gate=0), "left.gate") == [("flat", "dense")]
    # One that gates nothing is not there.
    ungated = at(left_depth=1, left_gate=3, left_reads="cross", cross_depth=1)
    assert "left.gate" not in places(ungated)


def test_fusion_needs_both_towers() -> None:
    fused = at(left_depth=2, right_depth=1, fusion_heads=5)
    assert into(fused, "fusion") == [("left.2", "left"), ("right.1", "right")]
    assert ("fusion", "logit") in into(fused, "head")
    assert "fusion" not in places(at(left_depth=2, fusion_heads=5))


def test_masks_in_parallel_and_one_after_the_other() -> None:
    parallel = at(mask_blocks=2)
    assert into(parallel, "head") == [("mask1", "dense"), ("mask2", "dense")]
    assert into(parallel, "mask2") == [("flat", "base"), ("normed", "dense")]
    serial = at(mask_blocks=2, mask_order="serial")
    assert into(serial, "head") == [("mask2", "dense")]
    assert into(serial, "mask2") == [("flat", "base"), ("mask1", "dense")]


def test_the_bottom_ends_as_wide_as_a_vector() -> None:
    net = at(pairs=True, bottom_depth=2, bottom_width=64, dim=32)
    widths = [node["width"] for node in net.nodes if node.kind == "layer"]
    assert widths == [64, 32]
    assert "bottom.1" not in places(at(bottom_depth=2))


@pytest.mark.parametrize("name", published_nets())
def test_nasrecs_networks_are_points(name: str) -> None:
    net = published_nets()[name]
    space = CTRPlusSpace(net.space.dense_width, net.space.sparse_fields)
    blocks = space.trunk.to_params(space.trunk.from_blocks(net.blocks))
    found = space.decode(space.point({**blocks, "trunk": True, "dim": 16}))
    assert found.key == net.architecture.key


@pytest.mark.parametrize("name", HANDMADE)
def test_hand_made_models_are_points(name: str) -> None:
    architecture = SPACE.decode(SPACE.point(HANDMADE[name]))
    assert set(places(architecture)) > {"head"}
    for neighbour in SPACE.neighbours(SPACE.point(HANDMADE[name]))[:3]:
        assert SPACE.decode(neighbour).key != architecture.key


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_choices_of_absent_parts_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    genotype = SPACE.sample(1, rng)[0]
    params = SPACE.to_params(genotype)
    other = SPACE.to_params(SPACE.sample(1, rng)[0])
    absent = {
        "cross": not params["cross.depth"],
        "cin": not params["cin.depth"],
        "attention": not params["attention.depth"],
        "mask": not params["mask.blocks"],
        "block": not params["trunk"],
        **{tower: not params[f"{tower}.depth"] for tower in TOWERS},
    }
    changed = {
        name: other[name]
        for name in params
        for part, gone in absent.items()
        if gone and name.startswith(part) and not name.endswith((".depth", ".blocks"))
    }
    found = SPACE.decode(SPACE.from_params(params | changed))
    assert found == SPACE.decode(genotype)


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"cross\.rank.*3"):
        SPACE.point({"cross.rank": 3})
    with pytest.raises(SpaceError, match="embedding_dim is 0"):
        CTRPlusSpace(1, 2, embedding_dims=())
    with pytest.raises(SpaceError, match=r"width.*at least one choice"):
        CTRPlusSpace(1, 2, widths=())


def test_data_without_numbers_have_no_bottom() -> None:
    space = ctr_plus(0, 10)
    with_bottom = space.point({"pairs": True, "bottom.depth": 2, "norm": "batch"})
    without = space.point({"pairs": True, "norm": "batch"})
    assert space.decode(with_bottom) == space.decode(without)
