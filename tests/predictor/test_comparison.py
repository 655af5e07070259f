import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.predictor import PredictorError, rank_correlation
from dagsmith.predictor.comparison import compare_rankings


def noisy(n: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    return truth, truth + noise * rng.normal(size=n)


@given(st.integers(0, 1000), st.integers(5, 60))
def test_a_predictor_gains_nothing_over_itself(seed: int, n: int) -> None:
    truth, predicted = noisy(n, 0.5, seed)
    found = compare_rankings(truth, predicted, predicted, resamples=50)
    assert found.gain == 0.0
    assert (found.low, found.high) == (0.0, 0.0)


@given(st.integers(0, 1000))
def test_to_change_places_changes_the_sign(seed: int) -> None:
    truth, one = noisy(30, 0.3, seed)
    other = one + np.random.default_rng(seed + 1).normal(size=30)
    there = compare_rankings(truth, one, other, resamples=50)
    back = compare_rankings(truth, other, one, resamples=50)
    assert there.gain == -(back.gain or 0.0)
    assert there.gains == pytest.approx(-back.gains)


def test_the_figures_are_those_of_rank_correlation() -> None:
    truth, one = noisy(50, 0.3, 0)
    _, other = noisy(50, 1.0, 0)
    found = compare_rankings(truth, one, other)
    assert found.challenger == rank_correlation(truth, one).value
    assert found.champion == rank_correlation(truth, other).value
    assert found.low is not None
    assert found.high is not None
    assert found.gain is not None
    assert found.low < found.gain < found.high


def test_pairing_makes_the_interval_narrower_than_two_separate_ones() -> None:
    truth, one = noisy(80, 1.0, 3)
    other = one + 0.1 * np.random.default_rng(4).normal(size=80)
    found = compare_rankings(truth, one, other)
    alone = rank_correlation(truth, one)
    assert found.low is not None
    assert found.high is not None
    assert alone.low is not None
    assert alone.high is not None
    assert found.high - found.low < 0.5 * (alone.high - alone.low)


def test_equal_predictors_are_seldom_told_apart() -> None:
    """Two noises of the same size: an interval of 95 % leaves out 0 in about 5 % of all tries."""
    wrong = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=60)
        one, other = truth + rng.normal(size=(2, 60))
        found = compare_rankings(truth, one, other, resamples=200)
        assert found.low is not None
        wrong += found.low > 0
    # One side only: 2.5 % expected; 11 of 200 or more has a chance of about one in 300.
    assert wrong <= 11


def test_chance_is_what_a_constant_and_no_champion_have() -> None:
    truth, one = noisy(40, 0.2, 0)
    nobody = compare_rankings(truth, one, None)
    constant = compare_rankings(truth, one, np.zeros(40))
    assert nobody.champion == constant.champion == 0.0
    assert nobody.low == constant.low
    assert compare_rankings(truth, np.ones(40), None).gain == 0.0


def test_where_nothing_can_be_told_nothing_is() -> None:
    few = compare_rankings([1.0, 2.0], [1.0, 2.0], [2.0, 1.0])
    assert not few.defined
    assert few.to_dict()["gain"] is None
    assert not compare_rankings(np.ones(10), np.arange(10.0), None).defined
    with pytest.raises(PredictorError, match="two equal lengths"):
        compare_rankings([1.0, 2.0, 3.0], [1.0, 2.0], None)
