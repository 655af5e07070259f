"""A conformance suite for search spaces: what every space must keep, yours too.

Subclass it in a test module, and pytest runs all of it::

    class TestMySpace(SearchSpaceTests):
        def space(self) -> SearchSpace:
            return MySpace()

The methods also run on their own, without pytest: ``TestMySpace().test_json_round_trip()``.
"""

from abc import ABC, abstractmethod

import numpy as np
import optuna

from dagsmith.space.architecture import Architecture, Edge
from dagsmith.space.errors import SpaceError
from dagsmith.space.isomorphism import isomorphism_fingerprint
from dagsmith.space.search_space import Genotypes, SearchSpace


class SearchSpaceTests(ABC):
    """Tests that hold for every search space; write `space`, and override `count` at will.

    Attributes:
        count: genotypes that a test samples.
        seed: seed of the samples.
    """

    count = 32
    seed = 0

    @abstractmethod
    def space(self) -> SearchSpace:
        """Return the space under test."""

    def test_slots_have_different_names(self) -> None:
        """A name is a parameter of a study, so it must be unique."""
        names = [slot.name for slot in self.space().slots]
        assert len(set(names)) == len(names), f"slot names are repeated: {sorted(names)}"

    def test_size_is_the_product_of_choices(self) -> None:
        """The size is the number of genotypes."""
        space = self.space()
        product = 1
        for slot in space.slots:
            product *= len(slot.choices)
        assert space.size() == product, f"size is {space.size()}, choices multiply to {product}"

    def test_sample_is_in_range(self) -> None:
        """Every gene is the index of a choice."""
        space = self.space()
        genotypes = self._sample(space)
        assert genotypes.shape == (self.count, len(space.slots)), f"shape is {genotypes.shape}"
        space.check(genotypes)

    def test_sample_is_seeded(self) -> None:
        """The same seed draws the same genotypes."""
        space = self.space()
        assert np.array_equal(self._sample(space), self._sample(space)), "samples differ by call"

    def test_decode_is_repeatable(self) -> None:
        """A genotype means one architecture, in this space and in another instance of it."""
        space, other = self.space(), self.space()
        for genotype in self._sample(space):
            first = space.decode(genotype)
            assert first == space.decode(genotype), f"decode differs by call for {genotype}"
            assert first == other.decode(genotype), f"decode differs by instance for {genotype}"

    def test_architectures_fit_the_kinds(self) -> None:
        """Kinds, attributes and ports are those of the space's vocabulary."""
        space = self.space()
        for architecture in self._architectures(space):
            architecture.validate(space.kinds)

    def test_every_node_reaches_the_output(self) -> None:
        """The output is the last node, and nothing is left that it does not need."""
        for architecture in self._architectures(self.space()):
            assert architecture.nodes, "an architecture without nodes"
            live = architecture.live()
            dead = [node for node in architecture.nodes if node not in live.nodes]
            assert live == architecture, f"nodes that do not reach the last node: {dead}"

    def test_node_names_are_unique(self) -> None:
        """Named nodes have different names, because shared weights go by name."""
        for architecture in self._architectures(self.space()):
            names = [node.name for node in architecture.nodes if node.name]
            assert len(set(names)) == len(names), f"node names are repeated: {sorted(names)}"

    def test_decode_many_agrees_with_decode(self) -> None:
        """The population holds the architectures that `decode` gives, one by one."""
        space = self.space()
        genotypes = self._sample(space)
        population = space.decode_many(genotypes)
        assert len(population) == len(genotypes), f"{len(population)} rows"
        for row, genotype in enumerate(genotypes):
            found, expected = population.architecture(row), space.decode(genotype)
            assert found.key == expected.key, f"decode_many and decode differ for {genotype}"

    def test_mutation_changes_the_architecture(self) -> None:
        """Every mutant is another architecture, one slot away, and the parent stays as it was."""
        space = self.space()
        genotypes = self._sample(space)
        if len(np.unique(space.decode_many(genotypes).fingerprint())) == 1:
            return  # a space of one architecture has no mutants
        parents = genotypes.copy()
        mutants = space.mutate(genotypes, np.random.default_rng(self.seed + 1))
        assert np.array_equal(parents, genotypes), "mutate changed its argument"
        space.check(mutants)
        moved = (mutants != parents).sum(axis=1)
        assert (moved == 1).all(), f"one mutation redrew {moved.tolist()} slots"
        before = space.decode_many(parents).fingerprint()
        same = before == space.decode_many(mutants).fingerprint()
        assert not same.any(), f"mutation left architectures {np.flatnonzero(same)} as they were"

    def test_mutation_is_seeded(self) -> None:
        """The same seed makes the same mutants."""
        space = self.space()
        genotypes = self._sample(space)
        first, second = (space.mutate(genotypes, np.random.default_rng(7)) for _ in range(2))
        assert np.array_equal(first, second), "mutants differ by call"

    def test_neighbours_are_one_slot_away(self) -> None:
        """Neighbours differ from the centre and from each other, by exactly one slot."""
        space = self.space()
        for genotype in self._sample(space)[:4]:
            near = space.check(space.neighbours(genotype))
            distance = (near != genotype).sum(axis=1)
            assert (distance == 1).all(), f"neighbours are {distance.tolist()} slots away"
            marks = isomorphism_fingerprint(space.decode_many(np.vstack([genotype[None], near])))
            assert len(set(marks.tolist())) == len(marks), "neighbours mean the same architecture"

    def test_parameters_round_trip(self) -> None:
        """A genotype survives the way through Optuna's parameters."""
        space = self.space()
        for genotype in self._sample(space):
            found = space.from_params(space.to_params(genotype))
            assert np.array_equal(found, genotype), f"{genotype} came back as {found}"

    def test_unknown_parameter_is_refused(self) -> None:
        """A slot that does not exist is an error that names it."""
        space = self.space()
        params = space.to_params(self._sample(space)[0]) | {"no such slot": 1}
        message = ""
        try:
            space.from_params(params)
        except SpaceError as error:
            message = str(error)
        assert "no such slot" in message, f"expected an error that names the slot, got {message!r}"

    def test_json_round_trip(self) -> None:
        """JSON keeps the architecture: nodes, names and key."""
        for architecture in self._architectures(self.space()):
            found = Architecture.from_json(architecture.to_json())
            assert found.key == architecture.key, "JSON changed the key"
            assert {node.name for node in found.nodes} == {node.name for node in architecture.nodes}

    def test_suggest_works_in_a_study(self) -> None:
        """A trial of a real study yields the architecture of its parameters."""
        space = self.space()
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=self.seed))
        for _ in range(4):
            trial = study.ask()
            suggested = space.suggest(trial)
            assert trial.distributions == space.distributions(), "suggest and distributions differ"
            meant = space.decode(space.from_params(trial.params))
            assert suggested == meant, f"trial {trial.number} is not what its parameters mean"
            study.tell(trial, float(len(suggested.nodes)))

    def test_relabelling_keeps_the_key(self) -> None:
        """The key does not depend on the order or the names of nodes."""
        rng = np.random.default_rng(self.seed)
        for architecture in self._architectures(self.space()):
            found = relabelled(architecture, rng)
            assert found.key == architecture.key, f"relabelling changed the key of {architecture}"

    def _sample(self, space: SearchSpace) -> Genotypes:
        return space.sample(self.count, np.random.default_rng(self.seed))

    def _architectures(self, space: SearchSpace) -> list[Architecture]:
        return [space.decode(genotype) for genotype in self._sample(space)]


def relabelled(architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """An isomorphic copy: the nodes in another random topological order, without names."""
    place = rng.permutation(len(architecture.nodes)).tolist()
    nodes = [architecture.nodes[old] for old in np.argsort(place)]
    nodes = [type(node)(node.kind, node.attributes) for node in nodes]
    edges = [Edge(place[e.source], place[e.target], e.port) for e in architecture.edges]
    return Architecture.build(nodes, edges)
