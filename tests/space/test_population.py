import numpy as np
import pytest

from dagsmith.space import (
    ABSENT,
    Architecture,
    ArchitectureError,
    Edge,
    NASRecSpace,
    Node,
    Population,
    nasrec_full,
)


@pytest.fixture(scope="module")
def space() -> NASRecSpace:
    return nasrec_full(3, 5, blocks=4)


@pytest.fixture(scope="module")
def fixed(space: NASRecSpace) -> Population:
    """A population in the fixed layout, with unused positions in between."""
    return space.decode_many(space.sample(64, np.random.default_rng(0)))


def rows(population: Population) -> list[Architecture]:
    return [population.architecture(row) for row in range(len(population))]


def test_architectures_survive_the_round_trip(space: NASRecSpace) -> None:
    genotypes = space.sample(64, np.random.default_rng(1))
    architectures = [space.decode(genotype) for genotype in genotypes]
    found = rows(Population.from_architectures(architectures, space.kinds))
    assert [net.key for net in found] == [net.key for net in architectures]
    assert found[0].edges == architectures[0].edges


def test_positions_stand_in_topological_order(fixed: Population) -> None:
    _, target, source = np.nonzero(fixed.edges)
    assert (source < target).all()
    assert len(source)


def test_compact_keeps_the_architectures_and_their_order(fixed: Population) -> None:
    compact = fixed.compact()
    assert rows(compact) == [
        Architecture(tuple(Node(n.kind, n.attributes) for n in net.nodes), net.edges)
        for net in rows(fixed)
    ]
    assert compact.node_count == fixed.present.sum(axis=1).max() < fixed.node_count
    # Used positions come first: nothing used stands after something unused.
    assert not (np.diff(compact.present.astype(int), axis=1) > 0).any()


def test_selecting_rows_selects_architectures(fixed: Population) -> None:
    assert rows(fixed[np.array([3, 1])]) == [fixed.architecture(3), fixed.architecture(1)]
    assert len(fixed[fixed.kind[:, 2] != ABSENT]) == (fixed.kind[:, 2] != ABSENT).sum()
    assert len(fixed[:5]) == 5


def test_fingerprints_tell_rows_apart(fixed: Population) -> None:
    keys = [net.to_json() for net in rows(fixed)]
    marks = fixed.fingerprint().tolist()
    assert len(set(keys)) > 50
    for one in range(len(keys)):
        for other in range(one):
            assert (keys[one] == keys[other]) == (marks[one] == marks[other])


def test_a_fingerprint_does_not_depend_on_the_company(fixed: Population) -> None:
    alone = [fixed[row : row + 1].fingerprint()[0] for row in range(len(fixed))]
    assert fixed.fingerprint().tolist() == alone
    # Rows that are padded to a longer neighbour keep their mark, too.
    nets = sorted(rows(fixed), key=lambda net: len(net.nodes))
    short = Population.from_architectures(nets[:1], fixed.vocabulary).fingerprint()
    both = Population.from_architectures([nets[0], nets[-1]], fixed.vocabulary).fingerprint()
    assert len(nets[0].nodes) < len(nets[-1].nodes)
    assert short[0] == both[0]


@pytest.mark.parametrize("changed", ["kind", "attributes", "edges"])
def test_a_fingerprint_sees_every_array(fixed: Population, changed: str) -> None:
    arrays = {name: getattr(fixed, name).copy() for name in ("kind", "attributes", "edges")}
    last = fixed.node_count - 1
    if changed == "kind":
        arrays["kind"][:, last] = 0
    elif changed == "attributes":
        arrays["attributes"][:, 0, 0] += 1
    else:
        arrays["edges"][:, last, 0] ^= 4
    other = Population(
        fixed.vocabulary, arrays["kind"], arrays["attributes"], arrays["edges"], fixed.names
    )
    assert (other.fingerprint() != fixed.fingerprint()).all()


def test_a_choice_of_index_zero_is_not_nothing(fixed: Population) -> None:
    attributes = fixed.attributes.copy()
    none = np.isnan(attributes)
    attributes[none] = 0
    other = Population(fixed.vocabulary, fixed.kind, attributes, fixed.edges)
    assert none.any(axis=(1, 2)).all()
    assert (other.fingerprint() != fixed.fingerprint()).all()


def test_an_empty_population_is_fine(space: NASRecSpace) -> None:
    empty = Population.from_architectures([], space.kinds)
    assert len(empty) == 0
    assert empty.fingerprint().shape == (0,)
    assert len(empty.compact()) == 0


def test_the_first_misfit_is_named(space: NASRecSpace) -> None:
    good = space.decode(space.sample(1, np.random.default_rng(0))[0])
    bad = Architecture((Node.of("dense_inptu", width=3),), ())
    with pytest.raises(ArchitectureError, match=r"architecture 1: .*did you mean 'dense_input'"):
        Population.from_architectures([good, bad], space.kinds)


def test_an_unknown_port_is_named(space: NASRecSpace) -> None:
    bad = Architecture(
        (Node.of("dense_input", width=3), Node.of("head")), (Edge(0, 1, "sideways"),)
    )
    with pytest.raises(ArchitectureError, match="'sideways'"):
        Population.from_architectures([bad], space.kinds)


def test_sources_are_where_some_row_has_an_edge(fixed: Population) -> None:
    bits = fixed.vocabulary.port_bit
    for target in range(fixed.node_count):
        for port, bit in bits.items():
            expected = np.flatnonzero((fixed.edges[:, target] & bit).any(axis=0))
            assert np.array_equal(fixed.sources(target, port), expected)
    assert fixed.sources(0, "no such port").size == 0
    # What is cut out of a population has edges of its own.
    assert not fixed[:0].linked.any()
