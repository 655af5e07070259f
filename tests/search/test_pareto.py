import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dagsmith.search import SearchError, pareto_front
from dagsmith.search.pareto import crowding_distance, domination_ranks

tables = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=12).filter(lambda shape: shape[1] <= 4),
    elements=st.integers(-3, 3).map(float),
)


def dominates(first: np.ndarray, second: np.ndarray) -> bool:
    return bool((first >= second).all() and (first > second).any())


@given(tables)
def test_the_front_is_exactly_what_nothing_dominates(table: np.ndarray) -> None:
    front = set(pareto_front(table, ["maximize"] * table.shape[1]).tolist())
    free = {i for i, row in enumerate(table) if not any(dominates(other, row) for other in table)}
    assert front == free


@given(tables)
def test_a_rank_is_one_more_than_the_worst_rank_above(table: np.ndarray) -> None:
    ranks = domination_ranks(table)
    for row, rank in zip(table, ranks, strict=True):
        above = [r for other, r in zip(table, ranks, strict=True) if dominates(other, row)]
        assert rank == max(above, default=-1) + 1


@given(tables)
def test_minimizing_mirrors_maximizing(table: np.ndarray) -> None:
    down = pareto_front(table, ["minimize"] * table.shape[1])
    up = pareto_front(-table, ["maximize"] * table.shape[1])
    np.testing.assert_array_equal(down, up)


def test_front_is_ordered_and_leaves_out_nan() -> None:
    values = np.array([[3.0, 1.0], [1.0, 3.0], [2.0, 2.0], [3.0, 3.0], [np.nan, 0.0]])
    assert pareto_front(values, ["minimize", "minimize"]).tolist() == [1, 2, 0]


def test_directions_are_checked() -> None:
    with pytest.raises(SearchError, match="2 columns of values but 1 directions"):
        pareto_front(np.zeros((3, 2)), ["minimize"])
    with pytest.raises(SearchError, match="'down'"):
        pareto_front(np.zeros(3), ["down"])


def test_crowding_leaves_the_ends_free_and_sees_the_gap() -> None:
    front = np.array([[0.0, 10.0], [1.0, 9.0], [2.0, 8.0], [8.0, 2.0], [10.0, 0.0]])
    distance = crowding_distance(front)
    assert np.isinf(distance[[0, 4]]).all()
    assert distance[3] > distance[2] > distance[1]
