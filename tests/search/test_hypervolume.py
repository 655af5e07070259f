import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna._hypervolume import compute_hypervolume

from dagsmith.search.hypervolume import (
    free_boxes,
    hypervolume_batch,
    improvement,
    reference_point,
)


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 12))
def test_the_boxes_give_what_the_hypervolume_gains(seed: int, objectives: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    front = rng.normal(size=(rows, objectives))
    reference = front.min(axis=0) - 0.5
    candidates = rng.normal(size=(6, objectives))
    gain = improvement(candidates, free_boxes(front, reference))
    before = volume(front, reference)
    expected = [volume(np.vstack([front, row]), reference) - before for row in candidates]
    np.testing.assert_allclose(gain, expected, atol=1e-9)


def volume(values: np.ndarray, reference: np.ndarray) -> float:
    above = values[(values > reference).all(axis=1)]
    if values.shape[1] == 1:
        return float(above.max(initial=reference[0]) - reference[0])
    return float(compute_hypervolume(-above, -reference)) if len(above) else 0.0


def test_with_one_objective_it_is_the_expected_improvement() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(7, 30, 1))
    best = 0.8
    expected = np.maximum(samples[..., 0] - best, 0).mean(axis=0)
    chosen = hypervolume_batch(samples, np.array([[best], [0.1]]), 1)
    assert chosen.tolist() == [int(expected.argmax())]


def test_a_batch_spreads_where_the_second_best_alone_would_not() -> None:
    # Twins at one end of the front promise more, each by itself, than the other end does.
    samples = np.array([[[3.0, 1.0], [2.99, 0.99], [0.6, 1.6]]])
    front = np.array([[1.0, 1.0]])
    assert hypervolume_batch(samples, front, 2).tolist() == [0, 2]


def test_running_trials_count_as_if_they_were_done() -> None:
    samples = np.array([[[3.0, 1.0], [0.6, 1.6]]])
    front = np.array([[1.0, 1.0]])
    pending = np.array([[[3.0, 1.0]]])
    assert hypervolume_batch(samples, front, 1).tolist() == [0]
    assert hypervolume_batch(samples, front, 1, pending=pending).tolist() == [1]


def test_where_nothing_is_gained_the_tie_decides() -> None:
    samples = np.zeros((2, 3, 2))
    front = np.array([[1.0, 1.0]])
    chosen = hypervolume_batch(samples, front, 5, tie=np.array([0.0, 2.0, 1.0]))
    assert chosen.tolist() == [1, 2, 0]


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_the_reference_lies_behind_the_front(objectives: int) -> None:
    values = np.random.default_rng(0).normal(size=(20, objectives))
    reference = reference_point(values)
    assert (reference < values[values.argmax(axis=0)].min(axis=0)).all()
