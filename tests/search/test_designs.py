from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.search import DESIGNS, Design, Record, SearchError, choose_design
from dagsmith.search import designs as module
from dagsmith.search.designs import (
    canonical_counts,
    designed_proposals,
    farthest_first,
    greedy_medoids,
)
from dagsmith.space import (
    NASBench201Space,
    Population,
    SearchSpace,
    isomorphism_fingerprint,
    nasrec_small,
)

CELLS = NASBench201Space()
SPACE = nasrec_small(4, 5, blocks=3)
seeds = st.integers(0, 2**32 - 1)


def points(seed: int, count: int = 12) -> np.ndarray:
    # On a grid, so that some coincide.
    return np.random.default_rng(seed).integers(0, 6, (count, 2)).astype(float)


def radius(encodings: np.ndarray, chosen: np.ndarray) -> float:
    """The farthest that any row is from its nearest chosen one."""
    table = np.linalg.norm(encodings[:, None] - encodings[chosen][None], axis=2)
    return float(table.min(axis=1).max())


def total(encodings: np.ndarray, chosen: np.ndarray, weights: np.ndarray) -> float:
    """The sum of distances to the nearest chosen row."""
    table = np.linalg.norm(encodings[:, None] - encodings[chosen][None], axis=2)
    return float(weights @ table.min(axis=1))


def record(space: SearchSpace, genotypes: np.ndarray, seen: frozenset[str]) -> Record:
    quality = np.arange(float(len(genotypes)))[:, None]
    return Record(genotypes, quality, np.ones(1), seen)


@settings(max_examples=50)
@given(seeds, st.integers(1, 4))
def test_the_farthest_cover_within_twice_the_best_radius(seed: int, count: int) -> None:
    encodings = points(seed)
    chosen = farthest_first(encodings, count)
    best = min(radius(encodings, np.array(c)) for c in combinations(range(12), count))
    assert radius(encodings, chosen) <= 2 * best + 1e-9


@settings(max_examples=50)
@given(seeds, st.integers(1, 4))
def test_medoids_cover_almost_as_well_as_any_choice(seed: int, count: int) -> None:
    encodings = points(seed)
    weights = np.random.default_rng(seed).integers(1, 4, 12).astype(float)
    chosen = greedy_medoids(encodings, count, weights=weights)
    # Greedy choices gain at least 1 - 1/e of the best gain, from the worst cover there is.
    worst = np.linalg.norm(encodings[:, None] - encodings[None], axis=2).max() + 1.0
    before = worst * weights.sum()
    best = min(total(encodings, np.array(c), weights) for c in combinations(range(12), count))
    gained = before - total(encodings, chosen, weights)
    assert gained >= (1 - 1 / np.e) * (before - best) - 1e-6


@settings(max_examples=50)
@given(seeds)
def test_lazy_medoids_are_the_greedy_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    encodings, weights = rng.normal(size=(15, 3)), rng.random(15)
    known = rng.normal(size=(2, 3))
    chosen: list[int] = []
    for _ in range(6):
        covered = np.vstack([known, encodings[chosen]])
        rest = [row for row in range(15) if row not in chosen]
        sums = [
            weights
            @ np.linalg.norm(
                encodings[:, None] - np.vstack([covered, encodings[[row]]])[None], axis=2
            ).min(axis=1)
            for row in rest
        ]
        chosen.append(rest[int(np.argmin(sums))])
    assert greedy_medoids(encodings, 6, known, weights).tolist() == chosen


@pytest.mark.parametrize("choose", [farthest_first, greedy_medoids])
@settings(max_examples=50)
@given(seed=seeds, count=st.integers(0, 15))
def test_no_row_comes_twice_and_all_can_be_had(choose: Callable, seed: int, count: int) -> None:
    chosen = choose(points(seed), count)
    assert len(chosen) == len(set(chosen.tolist())) == min(count, 12)


@pytest.mark.parametrize("choose", [farthest_first, greedy_medoids])
def test_what_is_known_is_covered(choose: Callable) -> None:
    encodings = np.array([[0.0], [0.1], [5.0], [5.1], [9.0]])
    assert choose(encodings, 1, known=np.array([[0.05], [9.0]]))[0] in (2, 3)


def test_medoids_are_where_the_architectures_are_and_the_farthest_at_the_ends() -> None:
    encodings = np.concatenate([np.zeros(50), [-40.0], [40.0]])[:, None]
    assert 0 <= greedy_medoids(encodings, 1)[0] < 50
    assert set(farthest_first(encodings, 3).tolist()) == {0, 50, 51}
    heavy = np.where(np.arange(52) == 51, 100.0, 1.0)
    assert greedy_medoids(encodings, 1, weights=heavy).tolist() == [51]


@settings(max_examples=50)
@given(seeds)
def test_isomorphic_architectures_have_the_same_encoding(seed: int) -> None:
    rng = np.random.default_rng(seed)
    population = CELLS.decode_many(CELLS.sample(200, rng))
    single = [population.architecture(row).canonical() for row in range(20)]
    relabelled = Population.from_architectures(single, CELLS.kinds)
    encodings, others = canonical_counts(population, relabelled)
    np.testing.assert_allclose(encodings[:20], others, atol=1e-9)
    # As two equal rows, they would be no choice; so the columns must vary.
    assert (encodings.std(axis=0) > 0.99).all()


@pytest.mark.parametrize("design", DESIGNS)
@settings(max_examples=50)
@given(seed=seeds)
def test_a_design_holds_no_architecture_twice_and_none_that_is_known(
    design: Design, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    population = CELLS.decode_many(CELLS.sample(60, rng))
    prints = isomorphism_fingerprint(population)
    rows = choose_design(design, population, 100, rng, population[:10])
    chosen = prints[rows].tolist()
    assert len(chosen) == len(set(chosen))
    assert set(chosen) == set(prints.tolist()) - set(prints[:10].tolist())


@pytest.mark.parametrize("design", DESIGNS)
def test_a_design_follows_from_its_seed(design: Design) -> None:
    population = SPACE.decode_many(SPACE.sample(80, np.random.default_rng(0)))
    one, same, other = (
        choose_design(design, population, 8, np.random.default_rng(seed)).tolist()
        for seed in (1, 1, 2)
    )
    assert one == same
    # The best medoids are the same whatever the seed, unless the pool is cut.
    assert (one != other) == (design != "medoids")


def test_a_large_pool_of_medoids_is_cut_at_random(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MEDOID_POOL", 20)
    population = SPACE.decode_many(SPACE.sample(200, np.random.default_rng(0)))
    one, other = (
        choose_design("medoids", population, 8, np.random.default_rng(s)).tolist() for s in (1, 2)
    )
    assert len(one) == 8
    assert one != other
    assert len(choose_design("medoids", population, 60, np.random.default_rng(1))) == 60


@pytest.mark.parametrize("design", DESIGNS)
def test_proposals_are_new_and_their_keys_theirs(design: Design, space: SearchSpace) -> None:
    known = space.sample(5, np.random.default_rng(1))
    running = space.sample(1, np.random.default_rng(2))[0]
    seen = frozenset(space.decode(row).key for row in [*known, running])
    proposals = designed_proposals(
        design, space, record(space, known, seen), 12, np.random.default_rng(0)
    )
    assert len(set(proposals.keys)) == len(proposals) == 12
    assert not seen & set(proposals.keys)
    assert proposals.keys == tuple(space.decode(row).key for row in proposals.genotypes)


@pytest.mark.parametrize("design", DESIGNS)
def test_a_small_space_is_offered_whole(design: Design, exhaustible: SearchSpace) -> None:
    nothing = record(exhaustible, exhaustible.sample(0, np.random.default_rng(0)), frozenset())
    few = designed_proposals(design, exhaustible, nothing, 10_000, np.random.default_rng(0))
    assert 10 < len(few) == len(set(few.keys)) < 10_000


def test_bad_input() -> None:
    population = SPACE.decode_many(SPACE.sample(4, np.random.default_rng(0)))
    with pytest.raises(SearchError, match="unknown design 'fartest'; did you mean 'farthest'"):
        choose_design("fartest", population, 2, np.random.default_rng(0))  # type: ignore[arg-type]
    with pytest.raises(SearchError, match="count is -1"):
        choose_design("random", population, -1, np.random.default_rng(0))
