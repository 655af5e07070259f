import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.data import infer_kinds
from dagsmith.data.duplicates import architecture_numbers, averages
from dagsmith.space import (
    Architecture,
    Edge,
    NASBench201Space,
    Node,
    Population,
    isomorphism_fingerprint,
)


def by_key(population: Population) -> list[int]:
    keys = [population.architecture(row).key for row in range(len(population))]
    distinct = list(dict.fromkeys(keys))
    return [distinct.index(key) for key in keys]


@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
@settings(max_examples=20)
def test_numbers_are_those_of_the_keys(seed: int, count: int) -> None:
    # Nearly all of these have no path or a single operation, so many are alike.
    space = NASBench201Space()
    rng = np.random.default_rng(seed)
    genotypes = space.sample(count, rng) * (rng.random((count, 6)) < 0.4)
    population = space.decode_many(genotypes.astype(np.int16))
    assert architecture_numbers(population).tolist() == by_key(population)


def test_what_refinement_confuses_has_two_numbers() -> None:
    # Two rings of three against one of six, as bipartite graphs: every node sees the same.
    def rings(*lengths: int) -> Architecture:
        count, start = sum(lengths), 0
        edges = []
        for length in lengths:
            for at in range(length):
                edges += [
                    Edge(start + at, count + start + at),
                    Edge(start + at, count + start + (at + 1) % length),
                ]
            start += length
        return Architecture((Node.of("a"),) * count + (Node.of("b"),) * count, tuple(edges))

    nets = [rings(3, 3), rings(6), rings(3, 3)]
    population = Population.from_architectures(nets, infer_kinds(nets))
    assert len(set(isomorphism_fingerprint(population).tolist())) == 1
    assert architecture_numbers(population).tolist() == [0, 1, 0]


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from([0.1, 0.2, 0.3, float("nan")])), max_size=20
    )
)
def test_averages_are_means_of_what_was_measured(rows: list[tuple[int, float]]) -> None:
    groups = np.array([group for group, _ in rows], np.int64)
    values = np.array([value for _, value in rows])
    means, differs = averages(values, groups, 5)
    for group in range(5):
        own = [value for at, value in rows if at == group and not np.isnan(value)]
        assert differs[group] == (len(set(own)) > 1)
        if not own:
            assert np.isnan(means[group])
        elif len(set(own)) == 1:
            assert means[group] == own[0]
        else:
            assert means[group] == pytest.approx(np.mean(own))
