import numpy as np
import pytest

from dagsmith.space import (
    Architecture,
    Categorical,
    ComponentKind,
    Edge,
    Genotype,
    Node,
    Number,
    SearchSpace,
    Slot,
    SpaceError,
    Vocabulary,
)
from dagsmith.space.testing import SearchSpaceTests


class ChainSpace(SearchSpace):
    """Up to three layers, of which those after `depth` are dead genes."""

    def __init__(self, depths: tuple[int, ...] = (1, 2, 3), widths: tuple[int, ...] = (8, 16)):
        self.name = "chain"
        self.kinds = Vocabulary(
            (
                ComponentKind("input", (), ()),
                ComponentKind("layer", (Categorical("form", ("a", "b")), Number("width"))),
            )
        )
        self.slots = (
            Slot("depth", depths),
            *(Slot(f"layer{i}.form", ("a", "b"), (3.0, 1.0)) for i in range(3)),
            *(Slot(f"layer{i}.width", widths) for i in range(3)),
        )

    def decode(self, genotype: Genotype) -> Architecture:
        genes = self.to_params(genotype)
        depth = int(genes["depth"])
        layers = [
            Node.of(
                "layer", f"layer{i}", form=genes[f"layer{i}.form"], width=genes[f"layer{i}.width"]
            )
            for i in range(depth)
        ]
        edges = tuple(Edge(i, i + 1) for i in range(depth))
        return Architecture((Node.of("input", "input"), *layers), edges)


class TestChainSpace(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return ChainSpace()


class TestSpaceOfOneArchitecture(SearchSpaceTests):
    def space(self) -> SearchSpace:
        space = ChainSpace((1,), (8,))
        space.slots = tuple(Slot(slot.name, slot.choices[:1]) for slot in space.slots)
        return space


def test_size_counts_every_genotype() -> None:
    assert ChainSpace().size() == 3 * 2**3 * 2**3
    assert "192 genotypes" in ChainSpace().describe()
    assert "7 slots" in ChainSpace().describe()


def test_dead_genes_are_no_mutation() -> None:
    space = ChainSpace()
    shallow = np.zeros((200, 7), np.int16)
    mutants = space.mutate(shallow, np.random.default_rng(0))
    moved = {int(np.flatnonzero(row)[0]) for row in mutants}
    # Depth 1: only the depth and the first layer's form and width are alive.
    assert moved == {0, 1, 4}


def test_several_mutations_move_several_slots() -> None:
    space = ChainSpace()
    genotypes = space.sample(50, np.random.default_rng(0))
    mutants = space.mutate(genotypes, np.random.default_rng(1), mutations=3)
    assert set((mutants != genotypes).sum(axis=1).tolist()) == {3}
    more = space.mutate(genotypes, np.random.default_rng(1), mutations=99)
    assert (more != genotypes).all()


def test_a_space_without_alternatives_returns_its_genotypes() -> None:
    space = TestSpaceOfOneArchitecture().space()
    genotypes = space.sample(3, np.random.default_rng(0))
    assert np.array_equal(space.mutate(genotypes, np.random.default_rng(0)), genotypes)
    assert space.neighbours(genotypes[0]).shape == (0, 7)


def test_neighbours_are_all_there_is_one_slot_away() -> None:
    space = ChainSpace()
    # Depth 1: two other depths, one other form, one other width.
    near = space.neighbours(np.zeros(7, np.int16))
    assert sorted(map(tuple, near.tolist())) == [
        (0, 0, 0, 0, 1, 0, 0),
        (0, 1, 0, 0, 0, 0, 0),
        (1, 0, 0, 0, 0, 0, 0),
        (2, 0, 0, 0, 0, 0, 0),
    ]


def test_weights_are_followed_by_samples_and_mutants() -> None:
    space = ChainSpace((3,))
    rng = np.random.default_rng(0)
    genotypes = space.sample(4000, rng)
    assert abs((genotypes[:, 1] == 0).mean() - 0.75) < 0.03

    weighted = ChainSpace()
    weighted.slots = (Slot("depth", (1, 2, 3), (1.0, 1.0, 8.0)), *weighted.slots[1:])
    mutants = weighted.mutate(np.zeros((4000, 7), np.int16), rng)
    depths = mutants[:, 0][mutants[:, 0] > 0]
    assert abs((depths == 2).mean() - 8 / 9) < 0.03


@pytest.mark.parametrize(
    ("genotypes", "message"),
    [
        (np.zeros((2, 6), np.int16), r"shape \(2, 6\).*'chain' expects \[batch, 7\]"),
        (np.zeros(7, np.int16), r"shape \(7,\)"),
        (np.full((1, 7), 2, np.int16), r"genotype 0: slot 'layer0.form' is 2; expected 0 to 1"),
        (np.full((1, 7), -1, np.int16), r"slot 'depth' is -1"),
    ],
)
def test_a_bad_genotype_is_named(genotypes: np.ndarray, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        ChainSpace().check(genotypes)


def test_parameters_are_readable() -> None:
    params = ChainSpace().to_params(np.array([1, 0, 1, 0, 1, 0, 0]))
    assert params["depth"] == 2
    assert params["layer1.form"] == "b"
    assert params["layer0.width"] == 16


def test_bad_parameters_are_named_with_the_nearest() -> None:
    space = ChainSpace()
    params = space.to_params(np.zeros(7, np.int16))
    with pytest.raises(SpaceError, match=r"no slot 'dpeth'; did you mean 'depth'"):
        space.from_params(params | {"dpeth": 1})
    with pytest.raises(SpaceError, match=r"'layer0.width' has no choice 17; did you mean '16'"):
        space.from_params(params | {"layer0.width": 17})
    del params["depth"]
    with pytest.raises(SpaceError, match="slot 'depth' of space 'chain' is missing"):
        space.from_params(params)


@pytest.mark.parametrize(
    ("choices", "weights"),
    [((), None), ((1, 1), None), ((1, 2), (1.0,)), ((1, 2), (1.0, 0.0))],
)
def test_a_slot_needs_different_choices_and_their_weights(
    choices: tuple[int, ...], weights: tuple[float, ...] | None
) -> None:
    with pytest.raises(SpaceError, match="slot 'width' needs"):
        Slot("width", choices, weights)
