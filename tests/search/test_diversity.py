import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.search.diversity import similarity, spread_out
from dagsmith.space import SearchSpace, nasrec_small

SPACE = nasrec_small(4, 5, blocks=3)


@given(st.integers(0, 10_000))
def test_similarity_is_one_for_equals_symmetric_and_below_one_for_others(seed: int) -> None:
    genotypes = SPACE.sample(6, np.random.default_rng(seed))
    population = SPACE.decode_many(genotypes)
    table = np.stack([similarity(population, row) for row in range(6)])
    np.testing.assert_allclose(table, table.T)
    prints = population.fingerprint()
    np.testing.assert_array_equal(table == 1.0, prints[:, None] == prints[None])
    assert ((table >= 0) & (table <= 1)).all()


def test_without_diversity_the_best_come_in_order(space: SearchSpace) -> None:
    genotypes = space.sample(40, np.random.default_rng(0))
    score = np.random.default_rng(1).normal(size=40)
    chosen, keys = spread_out(space, genotypes, np.stack([score] * 3), frozenset(), 0.0)
    best = genotypes[np.argsort(-score)[:3]]
    np.testing.assert_array_equal(chosen, best)
    assert keys == tuple(space.decode(g).key for g in best)


def test_known_and_repeated_candidates_are_passed_over(space: SearchSpace) -> None:
    genotypes = np.repeat(space.sample(4, np.random.default_rng(0)), 3, axis=0)
    score = -np.arange(12.0)
    known = frozenset({space.decode(genotypes[0]).key})
    _, keys = spread_out(space, genotypes, np.stack([score] * 9), known, 0.0)
    assert keys == tuple(space.decode(genotypes[row]).key for row in (3, 6, 9))


def test_each_row_of_scores_gets_its_own_best(space: SearchSpace) -> None:
    genotypes = space.sample(30, np.random.default_rng(0))
    scores = np.zeros((2, 30))
    scores[0, 17] = scores[1, 4] = 1.0
    chosen, _ = spread_out(space, genotypes, scores, frozenset(), 0.1)
    np.testing.assert_array_equal(chosen, genotypes[[17, 4]])
