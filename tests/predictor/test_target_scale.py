import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.predictor.target_scale import TargetScale

targets = st.lists(
    st.integers(-1000, 1000).map(lambda value: value / 8), min_size=3, max_size=40
).filter(lambda values: len(set(values)) >= 3)


@given(targets)
def test_there_and_back(values: list[float]) -> None:
    array = np.array(values)
    scale = TargetScale.fit(array)
    grid = np.linspace(array.min() - 10, array.max() + 10, 50)
    np.testing.assert_allclose(scale.to_targets(scale.to_scores(grid)), grid, atol=1e-6)


@given(targets)
def test_it_keeps_the_order_and_standardises(values: list[float]) -> None:
    array = np.array(values)
    scale = TargetScale.fit(array)
    grid = np.unique(np.concatenate([array, np.linspace(array.min() - 5, array.max() + 5, 30)]))
    assert (np.diff(scale.to_scores(grid)) > 0).all()
    np.testing.assert_allclose(scale.to_scores(array).std(), 1.0)


def test_a_failure_does_not_take_all_of_the_scale() -> None:
    crowded = np.append(np.linspace(0.90, 0.94, 99), 0.1)
    scores = TargetScale.fit(crowded).to_scores(crowded)
    # On its own scale the crowd would lie within 0.3 standard deviations.
    assert np.ptp(scores[:99]) > 4.0
    assert scores[99] > -4.0


def test_ties_get_one_score() -> None:
    scale = TargetScale.fit(np.array([1.0, 2.0, 2.0, 2.0, 3.0]))
    np.testing.assert_allclose(scale.to_scores(np.array([2.0])), 0.0, atol=1e-12)


def test_beyond_the_best_goes_on_like_the_good_ones_not_like_the_failures() -> None:
    losses = np.append(np.linspace(0.12, 0.16, 90), np.linspace(0.3, 10.0, 10))
    scale = TargetScale.fit(losses)
    ahead = scale.to_targets(scale.scores[:1] - 1.0)[0]
    assert 0.08 < ahead < 0.12
