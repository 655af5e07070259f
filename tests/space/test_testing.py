"""The conformance suite finds what is wrong with a broken space."""

from collections.abc import Callable

import numpy as np
import pytest

from dagsmith.space import (
    Architecture,
    ComponentKind,
    Edge,
    Genotype,
    Genotypes,
    Node,
    Number,
    Population,
    SearchSpace,
    Slot,
    Vocabulary,
)
from dagsmith.space.testing import SearchSpaceTests


class Pair(SearchSpace):
    """Two layers after an input; correct, and broken below in one way each."""

    def __init__(self) -> None:
        self.name = "pair"
        self.kinds = Vocabulary(
            (ComponentKind("input", (), ()), ComponentKind("layer", (Number("n"),)))
        )
        self.slots = (Slot("a", (1, 2, 3)), Slot("b", (1, 2, 3)))

    def decode(self, genotype: Genotype) -> Architecture:
        genes = self.to_params(genotype)
        nodes = (Node.of("input", "i"), Node.of("layer", "a", n=genes["a"]))
        return Architecture((*nodes, Node.of("layer", "b", n=genes["b"])), (Edge(0, 1), Edge(1, 2)))


class DeadNode(Pair):
    def decode(self, genotype: Genotype) -> Architecture:
        net = super().decode(genotype)
        return Architecture(net.nodes, net.edges[1:])


class SameNames(Pair):
    def decode(self, genotype: Genotype) -> Architecture:
        net = super().decode(genotype)
        return Architecture(tuple(Node(n.kind, n.attributes, "x") for n in net.nodes), net.edges)


class UnknownKind(Pair):
    def decode(self, genotype: Genotype) -> Architecture:
        net = super().decode(genotype)
        return Architecture((Node.of("stem", "i"), *net.nodes[1:]), net.edges)

    def decode_many(self, genotypes: Genotypes) -> Population:
        return Population.from_architectures([Pair.decode(self, g) for g in genotypes], self.kinds)


class OtherDecodeMany(Pair):
    def decode_many(self, genotypes: Genotypes) -> Population:
        return super().decode_many(genotypes[:, ::-1])


class Unseeded(Pair):
    def sample(self, count: int, rng: np.random.Generator) -> Genotypes:
        return super().sample(count, np.random.default_rng())


class OutOfRange(Pair):
    def sample(self, count: int, rng: np.random.Generator) -> Genotypes:
        return super().sample(count, rng) + np.int16(1)


class LazyMutation(Pair):
    def mutate(
        self, genotypes: Genotypes, rng: np.random.Generator, mutations: int = 1
    ) -> Genotypes:
        return genotypes.copy()


class FarNeighbours(Pair):
    def neighbours(self, genotype: Genotype) -> Genotypes:
        return (genotype[None] + np.int16(1)) % np.int16(3)


class Forgetful(Pair):
    def from_params(self, params: object) -> Genotype:
        return np.zeros(2, np.int16)


class SameSlots(Pair):
    def __init__(self) -> None:
        super().__init__()
        self.slots = (self.slots[0], self.slots[0])


class Moody(Pair):
    calls = 0

    def decode(self, genotype: Genotype) -> Architecture:
        Moody.calls += 1
        net = super().decode(genotype)
        return Architecture((Node.of("input", f"i{Moody.calls}"), *net.nodes[1:]), net.edges)


def run(space: type[SearchSpace], test: str) -> None:
    class Tests(SearchSpaceTests):
        def space(self) -> SearchSpace:
            return space()

    method: Callable[[], None] = getattr(Tests(), test)
    method()


EVERY = [name for name in dir(SearchSpaceTests) if name.startswith("test_")]


@pytest.mark.parametrize("test", EVERY)
def test_a_correct_space_passes(test: str) -> None:
    run(Pair, test)


@pytest.mark.parametrize(
    ("space", "test"),
    [
        (DeadNode, "test_every_node_reaches_the_output"),
        (SameNames, "test_node_names_are_unique"),
        (UnknownKind, "test_architectures_fit_the_kinds"),
        (OtherDecodeMany, "test_decode_many_agrees_with_decode"),
        (Unseeded, "test_sample_is_seeded"),
        (OutOfRange, "test_sample_is_in_range"),
        (LazyMutation, "test_mutation_changes_the_architecture"),
        (FarNeighbours, "test_neighbours_are_one_slot_away"),
        (Forgetful, "test_parameters_round_trip"),
        (Forgetful, "test_unknown_parameter_is_refused"),
        (SameSlots, "test_slots_have_different_names"),
        (Moody, "test_decode_is_repeatable"),
        (Moody, "test_suggest_works_in_a_study"),
    ],
)
def test_a_broken_space_fails(space: type[SearchSpace], test: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        run(space, test)
