from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from optuna.study import StudyDirection

from dagsmith.search import CostLimit, RecordReader, SearchError
from dagsmith.search.budget import Budget
from dagsmith.search.random_search import random_proposals
from dagsmith.space import SearchSpace


@pytest.fixture
def tight(space: SearchSpace, costs: Callable) -> Budget:
    """What one of twenty random architectures keeps to."""
    every = costs(space.decode_many(space.sample(1000, np.random.default_rng(9))))["flops"]
    return Budget(space, costs, [CostLimit("flops", float(np.quantile(every, 0.05)))])


def test_no_mutant_and_no_neighbour_is_farther_beyond_than_its_parent(
    space: SearchSpace, tight: Budget
) -> None:
    rng = np.random.default_rng(1)
    parents = space.sample(300, rng)
    far = tight.excess(parents)
    assert 0 < (far == 0).sum() < 60
    within = parents[far == 0]
    children = tight.mutants(within, rng, 2)
    assert len(children) > 0.9 * len(within)
    assert not tight.excess(children).any()
    outside = parents[[far.argmax()]].repeat(40, axis=0)
    children = tight.mutants(outside, rng, 1)
    assert len(children)
    assert (tight.excess(children) <= far.max()).all()
    around = tight.neighbours(within[0])
    assert 0 < len(around) < len(space.neighbours(within[0]))
    assert not tight.excess(around).any()


def test_where_no_mutant_is_near_enough_there_is_none(space: SearchSpace, costs: Callable) -> None:
    growing = 0.0

    def dearer(population: object) -> dict[str, np.ndarray]:
        nonlocal growing
        growing += 1.0
        return {"flops": np.full(len(population), growing)}  # type: ignore[arg-type]

    budget = Budget(space, dearer, [CostLimit("flops", 0.5)])
    rng = np.random.default_rng(1)
    assert budget.mutants(space.sample(3, rng), rng, 1).shape == (0, len(space.slots))


def test_without_limits_mutants_are_those_of_the_space(space: SearchSpace) -> None:
    parents = space.sample(20, np.random.default_rng(1))
    free = Budget(space, None, ())
    found = free.mutants(parents, np.random.default_rng(2), 1)
    assert (found == space.mutate(parents, np.random.default_rng(2), 1)).all()
    assert (free.neighbours(parents[0]) == space.neighbours(parents[0])).all()


def test_random_ones_are_within_or_nearest_and_new(space: SearchSpace, tight: Budget) -> None:
    found = random_proposals(space, frozenset(), 20, np.random.default_rng(3), tight)
    assert len(set(found.keys)) == 20
    assert not tight.excess(found.genotypes).any()
    more = random_proposals(space, frozenset(found.keys), 20, np.random.default_rng(3), tight)
    assert not set(more.keys) & set(found.keys)
    nothing = replace(tight, limits=[CostLimit("flops", 1e-3)])
    nearest = random_proposals(space, frozenset(), 20, np.random.default_rng(3), nothing)
    plain = random_proposals(space, frozenset(), 20, np.random.default_rng(3))
    assert nothing.excess(nearest.genotypes).max() < np.median(nothing.excess(plain.genotypes))


def test_a_small_space_is_offered_to_its_end_whatever_the_budget(
    exhaustible: SearchSpace, costs: Callable
) -> None:
    rng = np.random.default_rng(0)
    everything = random_proposals(exhaustible, frozenset(), 10_000, rng).keys
    budget = Budget(exhaustible, costs, [CostLimit("flops", 1e-3)])
    assert set(random_proposals(exhaustible, frozenset(), 10_000, rng, budget).keys) == set(
        everything
    )


def test_a_record_tells_what_is_beyond(space: SearchSpace, tight: Budget) -> None:
    record = replace(
        RecordReader(space).read([], [StudyDirection.MINIMIZE]),
        genotypes=space.sample(30, np.random.default_rng(1)),
    )
    far = tight.excess(record.genotypes)
    assert far.max() > 0
    assert (tight.constrained(record).violation == far).all()
    told = replace(record, constraints=np.full((30, 1), 2.0))
    assert tight.constrained(told).violation == pytest.approx(far + 2.0)
    assert Budget(space, None, ()).constrained(record) is record


def test_limits_need_costs(space: SearchSpace) -> None:
    with pytest.raises(SearchError, match="need the `costs` that compute them"):
        Budget(space, None, [CostLimit("flops", 1.0)])
