import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from dagsmith.predictor import Prediction, PredictorError
from dagsmith.predictor.acquisition import (
    ACQUISITIONS,
    Acquisition,
    acquire,
    choose_batch,
    expected_improvement,
    log_expected_improvement,
    thompson_samples,
    upper_confidence_bound,
)

seeds = st.integers(0, 2**32 - 1)


def prediction(seed: int, batch: int = 12, members: int = 5) -> Prediction:
    rng = np.random.default_rng(seed)
    return Prediction.of(rng.normal(size=batch) + 0.5 * rng.normal(size=(members, batch)))


def mirrored(found: Prediction) -> Prediction:
    return Prediction(-found.mean, found.std, -found.samples)


def normal(mean: list[float], std: list[float]) -> Prediction:
    return Prediction(np.array(mean), np.array(std), np.array([mean]))


@pytest.mark.parametrize("larger", [True, False])
def test_expected_improvement_is_the_integral_over_the_normal_prediction(larger: bool) -> None:
    found, best = normal([0.0, 1.0, -2.5], [1.0, 0.3, 2.0]), 0.4
    sign = 1.0 if larger else -1.0
    expected = [
        integrate.quad(
            lambda y, m=m, s=s: max(sign * (y - best), 0.0) * stats.norm.pdf(y, m, s),
            m - 10 * s,
            m + 10 * s,
            points=[best],
        )[0]
        for m, s in zip(found.mean, found.std, strict=True)
    ]
    value = expected_improvement(found, best, larger_is_better=larger)
    np.testing.assert_allclose(value, expected, rtol=1e-6)


@settings(max_examples=50)
@given(seeds)
def test_the_logarithm_is_that_of_the_improvement(seed: int) -> None:
    found = prediction(seed)
    value = expected_improvement(found, 0.0, larger_is_better=True)
    logarithm = log_expected_improvement(found, 0.0, larger_is_better=True)
    # Of improvements that floating point can hold.
    held = value > 1e-250
    np.testing.assert_allclose(np.exp(logarithm[held]), value[held], rtol=1e-6)


def test_without_any_spread_the_improvement_is_the_gain_and_its_logarithm_still_ranks() -> None:
    found = normal([1.0, 3.0, 2.5, -4.0], [0.0] * 4)
    value = expected_improvement(found, 2.0, larger_is_better=True)
    assert value.tolist() == [0.0, 1.0, 0.5, 0.0]
    order = np.argsort(-log_expected_improvement(found, 2.0, larger_is_better=True))
    assert order.tolist() == [1, 2, 0, 3]


def test_the_logarithm_ranks_what_underflows() -> None:
    # 40, 50, ..., 200,000 standard deviations below the best, on both sides of every formula.
    below = np.concatenate([np.arange(0.0, 3.0, 0.25), [40.0, 50.0, 9_999.0, 1e4, 10_001.0, 2e5]])
    found = normal((-below).tolist(), [1.0] * len(below))
    value = log_expected_improvement(found, 0.0, larger_is_better=True)
    assert np.isfinite(value).all()
    assert (np.diff(value) < 0).all()
    assert (expected_improvement(found, 0.0, larger_is_better=True)[-6:] == 0.0).all()


@settings(max_examples=50)
@given(seeds)
def test_optimism_is_on_the_side_that_is_better(seed: int) -> None:
    found = prediction(seed)
    up = upper_confidence_bound(found, 2.0, larger_is_better=True)
    np.testing.assert_allclose(up, found.mean + 2.0 * found.std)
    down = upper_confidence_bound(found, 2.0, larger_is_better=False)
    np.testing.assert_allclose(down, -(found.mean - 2.0 * found.std))


@settings(max_examples=50)
@given(seeds, st.integers(0, 13))
def test_every_member_has_its_turn_before_any_has_two(seed: int, picks: int) -> None:
    found = prediction(seed)
    table = thompson_samples(found, picks, np.random.default_rng(seed), larger_is_better=True)
    assert table.shape == (picks, 12)
    heard = [int((found.samples == row).all(axis=1).argmax()) for row in table]
    assert all(
        (found.samples[member] == row).all() for member, row in zip(heard, table, strict=True)
    )
    turns = np.bincount(heard, minlength=5)
    assert turns.max() - turns.min() <= 1


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
@settings(max_examples=50)
@given(seed=seeds)
def test_turning_the_target_around_changes_no_choice(acquisition: Acquisition, seed: int) -> None:
    found, keys = prediction(seed), np.arange(12)

    def rows(answers: Prediction, best: float, larger: bool) -> list[int]:
        chosen = acquire(
            answers,
            keys,
            5,
            acquisition=acquisition,
            best=best,
            rng=np.random.default_rng(seed),
            larger_is_better=larger,
        )
        return [int(row) for row in chosen]

    assert rows(found, 0.3, True) == rows(mirrored(found), -0.3, False)


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
@settings(max_examples=50)
@given(seed=seeds, count=st.integers(0, 15))
def test_no_architecture_comes_twice_and_no_known_one(
    acquisition: Acquisition, seed: int, count: int
) -> None:
    found = prediction(seed)
    keys = np.random.default_rng(seed).integers(0, 8, 12).astype(np.uint64)
    known = keys[:2]
    rows = acquire(
        found,
        keys,
        count,
        acquisition=acquisition,
        best=0.0,
        rng=np.random.default_rng(seed),
        known=known,
    )
    chosen = keys[rows]
    assert len(set(chosen.tolist())) == len(chosen)
    assert not set(chosen.tolist()) & set(known.tolist())
    left = set(keys.tolist()) - set(known.tolist())
    assert len(rows) == min(count, len(left))


def test_each_acquisition_looks_for_its_own() -> None:
    found = Prediction.of(np.array([[2.0, 1.9, 0.0], [2.0, 0.1, 0.2]]))

    def first(acquisition: Acquisition, beta: float = 1.0) -> int:
        rng = np.random.default_rng(0)
        rows = acquire(
            found,
            ["a", "b", "c"],
            1,
            acquisition=acquisition,
            best=2.0,
            rng=rng,
            beta=beta,
            larger_is_better=True,
        )
        return int(rows[0])

    assert first("mean") == 0
    assert first("uncertainty") == 1
    # The first is known to be no improvement at all.
    assert first("ei") == 1
    assert first("ucb", 0.1) == 0
    assert first("ucb", 3.0) == 1


def test_every_pick_follows_its_own_row_of_values() -> None:
    values = np.array([[0.0, 1.0, 2.0, 3.0], [9.0, 0.0, 0.0, 8.0]])
    assert choose_batch(values, ["a", "b", "c", "d"], 4).tolist() == [3, 0, 2, 1]


@settings(max_examples=50)
@given(seeds)
def test_one_row_of_values_is_a_sort(seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 5, 20).astype(float)
    expected = np.argsort(-values, kind="stable")
    assert choose_batch(values, np.arange(20), 20).tolist() == expected.tolist()


def test_hashes_that_differ_in_the_last_bit_are_different() -> None:
    # Compared as floats they would be equal.
    keys = np.array([2**63 + 1, 2**63 + 2], np.uint64)
    rows = choose_batch(np.array([1.0, 0.0]), keys, 2, known=np.array([2**63 + 3], np.uint64))
    assert rows.tolist() == [0, 1]
    assert choose_batch(np.array([1.0, 0.0]), np.array([3, 4], np.uint64), 2, [3]).tolist() == [1]


def test_bad_input() -> None:
    with pytest.raises(PredictorError, match=r"values have shape \(3,\) and keys \(2,\)"):
        choose_batch(np.zeros(3), ["a", "b"], 1)
    with pytest.raises(PredictorError, match="count is -1"):
        choose_batch(np.zeros(2), ["a", "b"], -1)
    with pytest.raises(PredictorError, match="NaN in 1 places"):
        choose_batch(np.array([0.0, np.nan]), ["a", "b"], 1)
    with pytest.raises(PredictorError, match="unknown acquisition 'ie'; did you mean 'ei'"):
        acquire(
            prediction(0),
            np.arange(12),
            1,
            acquisition="ie",  # type: ignore[arg-type]
            best=0.0,
            rng=np.random.default_rng(0),
        )
