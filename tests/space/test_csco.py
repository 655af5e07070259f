import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.space import (
    CSCOSpace,
    Genotype,
    Genotypes,
    SearchSpace,
    SpaceError,
    csco_cifar10,
    csco_imagenet,
    isomorphism_fingerprint,
)
from dagsmith.space.cells import upper_pairs
from dagsmith.space.csco import OPERATORS, Stage
from dagsmith.space.testing import SearchSpaceTests

SOURCE, TARGET = upper_pairs(13)
PAIR = {pair: slot for slot, pair in enumerate(zip(SOURCE.tolist(), TARGET.tolist(), strict=True))}


class TestImageNet(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return csco_imagenet()


class TestCifar(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return csco_cifar10()


class AnyGenotype(CSCOSpace):
    """The same space with samples that need mending, from nearly empty to nearly full."""

    def __init__(self) -> None:
        super().__init__("any", [Stage(8, 1, 1), Stage(16, 2, 1)])

    def sample(self, count: int, rng: np.random.Generator) -> Genotypes:
        density = rng.random((count, 1)) ** 3
        return (rng.random((count, len(self.slots))) < density).astype(np.int16)


class TestMended(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return AnyGenotype()


def one_stage(*edges: tuple[int, int]) -> tuple[CSCOSpace, Genotype]:
    space = CSCOSpace("one", [Stage(8, 1, 2)])
    genotype = np.zeros(78, np.int16)
    genotype[[PAIR[edge] for edge in edges]] = 1
    return space, genotype


def test_sizes() -> None:
    assert csco_imagenet().size() == 2**468
    assert csco_cifar10().size() == 2**234


def test_samples_follow_the_published_sampler() -> None:
    space = csco_imagenet()
    genotypes = space.sample(500, np.random.default_rng(0))
    assert space.valid(genotypes).all()
    stages = genotypes.reshape(-1, 78)
    reads = np.zeros((len(stages), 13, 13), int)
    reads[:, TARGET, SOURCE] = stages
    readers = reads.sum(axis=1)
    assert readers.max() == 3
    assert (readers > 0).sum(axis=1).min() == 2
    counts = np.bincount(stages.sum(axis=1), minlength=16)
    assert not counts[[0, 1]].any()
    assert (counts[2:] > 0).all()
    assert len(counts) == 16
    # Stages do not follow each other.
    assert len(np.unique(stages, axis=0)) > 0.9 * len(stages)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_the_graph_is_the_part_that_the_first_node_reaches(seed: int) -> None:
    rng = np.random.default_rng(seed)
    space = AnyGenotype()
    for genotype in space.sample(8, rng):
        net = space.decode(genotype)
        place = {node.name: index for index, node in enumerate(net.nodes)}
        entering = ["input", "stage1.node0", "stage2.node0", "output"]
        for number in (1, 2):
            bits = genotype[78 * (number - 1) : 78 * number] > 0
            graph: nx.DiGraph = nx.DiGraph([(SOURCE[i], TARGET[i]) for i in np.flatnonzero(bits)])
            graph.add_node(0)
            graph = graph.subgraph(nx.descendants(graph, 0) | {0})
            wanted = set(sorted(graph.edges)[:15])
            for pair in ((0, 1), (0, 2)):
                if len(wanted) < 2:
                    wanted.add(pair)
            prefix = f"stage{number}.node"
            own = {
                index: int(node.name.removeprefix(prefix))
                for index, node in enumerate(net.nodes)
                if node.name.startswith(prefix)
            }
            found = {
                (own[edge.source], own[edge.target])
                for edge in net.edges
                if edge.source in own and edge.target in own
            }
            assert found == wanted
            inner = {node for edge in found for node in edge}
            leaves = inner - {source for source, _ in found}
            after = place[entering[number + 1]]
            into = {(net.nodes[e.source].name, e.port) for e in net.inputs(after)}
            assert into == {(f"{prefix}{leaf}", "leaf") for leaf in leaves} | {
                (f"{prefix}0", "residual")
            }


def test_operators_go_round() -> None:
    space, genotype = one_stage(*((0, node) for node in range(1, 13)))
    net = space.decode(genotype)
    operators = {node.name: node["op"] for node in net.nodes if node.kind == "operator"}
    assert operators == {f"stage1.node{node}": OPERATORS[node % 4] for node in range(1, 13)}
    assert {node["channels"] for node in net.nodes if node.kind == "operator"} == {8}
    assert net.nodes[1].values == {"channels": 8, "stride": 1, "repeats": 2}


def test_stages_are_mended() -> None:
    def edges(*wanted: tuple[int, int]) -> set[tuple[int, int]]:
        space, genotype = one_stage(*wanted)
        net = space.decode(genotype)
        name = [node.name.removeprefix("stage1.node") for node in net.nodes]
        return {(int(name[e.source]), int(name[e.target])) for e in net.edges if e.port == "in"}

    assert edges() == {(0, 1), (0, 2)}
    assert edges((0, 1)) == {(0, 1), (0, 2)}
    assert edges((0, 7)) == {(0, 1), (0, 7)}
    assert edges((3, 7), (4, 8), (5, 9)) == {(0, 1), (0, 2)}
    assert edges((0, 3), (3, 7), (4, 8)) == {(0, 3), (3, 7)}
    many = [(0, node) for node in range(1, 13)] + [(1, node) for node in range(2, 8)]
    assert edges(*many) == set(many[:15])


def test_isomorphic_stages_are_one_architecture() -> None:
    # Nodes 2 and 6 are both 7x7; their readers may read either.
    space, one = one_stage((0, 2), (0, 6), (2, 9), (2, 11))
    _, other = one_stage((0, 2), (0, 6), (6, 9), (6, 11))
    _, different = one_stage((0, 2), (0, 6), (2, 9), (6, 11))
    nets = [space.decode(genotype) for genotype in (one, other, different)]
    assert nets[0].key == nets[1].key != nets[2].key
    marks = isomorphism_fingerprint(space.decode_many(np.array([one, other, different])))
    assert marks[0] == marks[1] != marks[2]


@pytest.mark.parametrize("mutations", [1, 3])
def test_mutants_have_an_edge_more_or_less(mutations: int) -> None:
    space = csco_cifar10()
    rng = np.random.default_rng(0)
    parents = space.sample(1_000, rng)
    mutants = space.mutate(parents, rng, mutations)
    assert space.valid(mutants).all()
    assert ((mutants != parents).sum(axis=1) == mutations).all()
    more = mutants.sum(axis=1) - parents.sum(axis=1)
    if mutations == 1:
        assert set(np.unique(more)) == {-1, 1}
        assert abs(more.mean()) < 0.1


def test_many_mutations_stay_within_the_limits() -> None:
    space = CSCOSpace("one", [Stage(8, 1, 2)])
    rng = np.random.default_rng(0)
    genotypes = space.sample(200, rng)
    seen = np.zeros(16, bool)
    for _ in range(150):
        genotypes = space.mutate(genotypes, rng)
        assert space.valid(genotypes).all()
        seen[genotypes.sum(axis=1)] = True
    assert np.flatnonzero(seen).tolist() == list(range(2, 16))


def test_neighbours_are_valid() -> None:
    space, genotype = one_stage((0, 1), (0, 2), (1, 5))
    near = space.neighbours(genotype)
    assert space.valid(near).all()
    # Away can go 0->2 and 1->5; new can come any edge from nodes 0, 1, 2 and 5. Without 0->1 the
    # stage is mended to what it is without 1->5, which must not hide that neighbour.
    changed = genotype ^ np.eye(len(genotype), dtype=np.int16)
    changed = changed[space.valid(changed)]
    assert len(changed) == 2 + (12 - 2) + (11 - 1) + 10 + 7
    # Many of them are isomorphic: all nodes that nobody reads yet are alike.
    keys = {space.decode(each).key for each in changed}
    assert {space.decode(each).key for each in near} == keys
    assert len(near) == len(keys) < len(changed)


def test_a_space_without_stages_is_refused() -> None:
    with pytest.raises(SpaceError, match="stages are empty"):
        CSCOSpace("none", [])
