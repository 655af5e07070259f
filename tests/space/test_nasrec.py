from dataclasses import replace
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.space import (
    SPACES,
    Architecture,
    Block,
    NASRecSpace,
    SearchSpace,
    SpaceError,
    nasrec_full,
)
from dagsmith.space.nasrec import nasrec_small
from dagsmith.space.testing import SearchSpaceTests


class TestSmall(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return nasrec_small(13, 26)


class TestFull(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return nasrec_full(13, 26)


class TestOneBlock(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return nasrec_small(0, 1, blocks=1)


class TestOneOperatorEach(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return NASRecSpace(
            "narrow",
            4,
            6,
            dense_operators=("gating",),
            sparse_operators=("attention",),
            blocks=3,
            widths=(16,),
            rows=(16,),
            connection_cap=2,
            embedding_dim=8,
        )


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 5), st.booleans())
@settings(max_examples=25)
def test_decode_many_is_decode(seed: int, blocks: int, cap: int, full: bool) -> None:
    make = nasrec_full if full else nasrec_small
    space = make(3, 5, blocks=blocks, connection_cap=cap)
    genotypes = space.sample(8, np.random.default_rng(seed))
    population = space.decode_many(genotypes)
    for row, genotype in enumerate(genotypes):
        # Not only the key: nodes, names, attributes and edges are the same.
        assert population.architecture(row) == space.decode(genotype)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_blocks_round_trip(seed: int) -> None:
    space = nasrec_full(13, 26)
    genotype = space.sample(1, np.random.default_rng(seed))[0]
    blocks = space.to_blocks(genotype)
    assert np.array_equal(space.from_blocks(blocks), genotype)
    assert space.assemble(blocks) == space.decode(genotype)


@pytest.mark.parametrize(("name", "fraction"), [("nasrec-small", 0.45), ("nasrec-full", 0.39)])
def test_random_networks_are_alive_as_often_as_published(name: str, fraction: float) -> None:
    space = SPACES[name](13, 26)
    assert isinstance(space, NASRecSpace)
    population = space.decode_many(space.sample(20_000, np.random.default_rng(0)))
    positions = population.present[:, 2:-1].reshape(len(population), space.blocks, 4)
    assert np.mean(np.all(np.any(positions, axis=2), axis=1)) == pytest.approx(fraction, abs=0.01)


def sets(block: int, cap: int = 4) -> int:
    return sum(comb(block, size) for size in range(1, min(block, cap) + 1))


def test_sizes_follow_their_rule() -> None:
    small = full = 1
    for block in range(1, 8):
        small *= 2 * 8 * 4 * 2 * 2 * sets(block) ** 2
        full *= 4 * 2 * 8 * 4 * 2 * 2 * sets(block) ** 2 * block**2
    assert nasrec_small(13, 26).size() == small
    assert nasrec_full(3, 10).size() == full
    assert f"{small:.1e}" == "1.9e+32"
    assert f"{full:.1e}" == "8.1e+43"


def test_connection_sets_follow_the_published_sampler() -> None:
    slots = {slot.name: slot for slot in nasrec_small(13, 26).slots}
    reads = slots["block3.dense_inputs"]
    assert set(reads.choices) == {"0", "1", "2", "0+1", "0+2", "1+2", "0+1+2"}
    assert reads.weights is not None
    by_size = [0.0, 0.0, 0.0]
    for choice, weight in zip(reads.choices, reads.weights, strict=True):
        by_size[str(choice).count("+")] += weight
    # 1 + Binomial(2, 1/2) members.
    assert by_size == pytest.approx([0.25, 0.5, 0.25])
    many = slots["block7.sparse_inputs"]
    assert max(str(choice).count("+") + 1 for choice in many.choices) == 4
    assert many.weights is not None
    assert sum(many.weights) == pytest.approx(1)


def test_decisions_that_an_operator_does_not_read_are_dead() -> None:
    space = nasrec_full(13, 26, blocks=2)
    base = [
        Block(("fc",), ("efc",), 64, 32),
        Block(("fc",), ("efc",), 64, 32, (0, 1), (1,), left=0, right=0),
    ]
    key = space.assemble(base).key
    assert space.assemble([base[0], replace(base[1], left=1, right=1)]).key == key
    gated = [base[0], replace(base[1], dense_ops=("gating",), dense_inputs=(0,))]
    assert (
        space.assemble(gated).key
        == space.assemble([base[0], replace(gated[1], dense_inputs=(0, 1))]).key
    )
    assert space.assemble(gated).key != key


def test_mergers_keep_both_halves_of_a_block_alive() -> None:
    space = nasrec_small(13, 26, blocks=2)
    first = Block(("fc",), ("efc",), 64, 32)
    last = Block(("fc",), ("efc",), 64, 32, (1,), (0,))

    def names(block: Block) -> set[str]:
        return {node.name for node in space.assemble([block, last]).nodes if "block1" in node.name}

    assert names(first) == {"block1.dense"}
    assert names(replace(first, dense_to_sparse=True)) == {"block1.dense"}
    assert names(replace(first, fm=True)) == {"block1.dense", "block1.sparse", "block1.fm"}


def test_several_operators_of_a_side_are_added() -> None:
    space = nasrec_full(13, 26, blocks=1)
    net = space.assemble([Block(("fc", "sum", "gating"), ("efc", "attention"), 64, 32)])
    net.validate(space.kinds)
    adders = {node.name: index for index, node in enumerate(net.nodes) if "add" in node.name}
    assert set(adders) == {"block1.add_dense", "block1.add_sparse"}
    assert len(net.inputs(adders["block1.add_dense"])) == 3
    assert len(net.inputs(adders["block1.add_sparse"])) == 2


def test_the_envelope_has_every_operator_of_every_place_at_its_largest() -> None:
    space = nasrec_full(3, 5, blocks=3)

    def sizes(nets: list[Architecture]) -> dict[tuple[object, ...], float]:
        found: dict[tuple[object, ...], float] = {}
        for node in (node for net in nets for node in net.nodes):
            place = (node.name, node.values.get("operator"))
            size = float(node.values.get("width", node.values.get("rows", 0)))
            found[place] = max(found.get(place, 0), size)
        return found

    envelope = sizes(space.envelope())
    sampled = sizes([space.decode(g) for g in space.sample(200, np.random.default_rng(0))])
    assert sampled.keys() == envelope.keys() - {
        (f"block{number}.add_{side}", "add") for number in (1, 2, 3) for side in ("dense", "sparse")
    }
    assert all(size <= envelope[place] for place, size in sampled.items())
    for net in space.envelope():
        net.validate(space.kinds)


def test_a_constant_stands_in_for_missing_numbers() -> None:
    net = nasrec_small(0, 23).decode(np.zeros(47, np.int16))
    assert net.nodes[0]["width"] == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dense_operators": ("fc", "dot_prodcut")}, "'dot_prodcut'; did you mean 'dot_product'"),
        ({"sparse_operators": ("efcc",)}, "'efcc'; did you mean 'efc'"),
        ({"dense_operators": ()}, "dense_operators is 0; expected at least 1"),
        ({"blocks": 0}, "blocks is 0; expected at least 1"),
        ({"connection_cap": 0}, "connection_cap is 0"),
        ({"embedding_dim": 0}, "embedding_dim is 0"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        NASRecSpace(
            "bad",
            3,
            5,
            **{"dense_operators": ("fc",), "sparse_operators": ("efc",), **settings},  # type: ignore[arg-type]
        )


def test_bad_sizes_are_named() -> None:
    with pytest.raises(SpaceError, match="sparse_fields is 0"):
        nasrec_small(3, 0)
    with pytest.raises(SpaceError, match="dense_features is -1"):
        nasrec_small(-1, 5)
    with pytest.raises(SpaceError, match="smallest width is 0; expected at least 1"):
        nasrec_small(3, 5, widths=())
    with pytest.raises(SpaceError, match="smallest number of rows is -4"):
        nasrec_small(3, 5, rows=(16, -4))
    with pytest.raises(SpaceError, match=r"slot 'block1.width' needs .* all different"):
        nasrec_small(3, 5, widths=(16, 16))


def test_blocks_out_of_the_space_are_named() -> None:
    space = nasrec_small(3, 5, blocks=1)
    with pytest.raises(SpaceError, match=r"'block1.width' has no choice 17"):
        space.from_blocks([Block(("fc",), ("efc",), 17, 16)])
