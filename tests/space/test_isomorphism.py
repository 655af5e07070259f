import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.space import (
    Architecture,
    Edge,
    NASBench101Space,
    NASBench201Space,
    Node,
    Population,
    SearchSpace,
    isomorphism_fingerprint,
    nasrec_full,
)
from dagsmith.space.testing import relabelled

SPACES: list[SearchSpace] = [
    NASBench201Space(),
    NASBench101Space(),
    nasrec_full(3, 5, blocks=3, widths=(16, 32), rows=(16,)),
]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_it_is_equal_exactly_where_the_key_is(space: SearchSpace) -> None:
    # Copies in another order of nodes see to it that there are equal ones.
    rng = np.random.default_rng(0)
    nets = [space.decode(genotype) for genotype in space.sample(300, rng)]
    nets += [relabelled(net, rng) for net in nets]
    population = Population.from_architectures(nets, space.kinds)
    marks = isomorphism_fingerprint(population).tolist()
    keys = [net.key for net in nets]
    assert 2 * 10 < len(set(keys)) <= len(nets) / 2
    assert len(set(zip(keys, marks, strict=True))) == len(set(keys)) == len(set(marks))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_one_edge_more_or_less_is_seen(seed: int) -> None:
    rng = np.random.default_rng(seed)
    space = nasrec_full(3, 5, blocks=3)
    population = space.decode_many(space.sample(8, rng))
    edges = population.edges.copy()
    row, target, source = np.argwhere(edges)[rng.integers(np.count_nonzero(edges))]
    edges[row, target, source] ^= np.uint16(1 << rng.integers(4))
    changed = Population(population.vocabulary, population.kind, population.attributes, edges)
    differs = isomorphism_fingerprint(population) != isomorphism_fingerprint(changed)
    assert np.flatnonzero(differs).tolist() == [row]


def test_it_does_not_depend_on_the_company_or_on_padding() -> None:
    space = NASBench201Space()
    population = space.decode_many(space.every_cell()[::97])
    together = isomorphism_fingerprint(population)
    alone = [isomorphism_fingerprint(population[row : row + 1])[0] for row in range(9)]
    assert together[:9].tolist() == alone
    assert isomorphism_fingerprint(population.compact()).tolist() == together.tolist()


def test_direction_is_seen() -> None:
    # The same node twice, read in a fork and in a join.
    kinds = NASBench101Space().kinds
    conv = Node.of("cell_op", op="conv3x3")
    fork = Architecture((conv, conv, conv), (Edge(0, 1), Edge(0, 2)))
    join = Architecture((conv, conv, conv), (Edge(0, 2), Edge(1, 2)))
    marks = isomorphism_fingerprint(Population.from_architectures([fork, join], kinds))
    assert marks[0] != marks[1]


def test_no_architectures_have_no_fingerprints() -> None:
    empty = Population.from_architectures([], NASBench101Space().kinds)
    assert isomorphism_fingerprint(empty).shape == (0,)
