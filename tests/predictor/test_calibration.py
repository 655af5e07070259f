import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.predictor.calibration import Calibration, leave_out


@given(st.integers(1, 9), st.integers(0, 400), st.integers(0, 2**32 - 1))
def test_every_label_is_learned_and_none_left_out_by_one_alone(
    members: int, count: int, seed: int
) -> None:
    mask = leave_out(members, count, np.random.default_rng(seed))
    assert mask.shape == (members, count)
    times = mask.sum(axis=0)
    assert set(times.tolist()) <= {0, min(2, members - 1)}
    assert (times < members).all()
    if members > 1:
        assert (times > 0).sum() == min(count, max(50, count // 5))
    # No member loses more than its turn.
    assert np.ptp(mask.sum(axis=1)) <= max(2, members)


@pytest.mark.parametrize("noise", [0.1, 0.6])
@pytest.mark.parametrize("own", [0.1, 0.8])
def test_quantiles_hold_where_members_memorise(noise: float, own: float) -> None:
    """Members err on their own, and repeat the noise of the labels that they learned."""
    rng = np.random.default_rng(0)
    members, known, unseen = 5, 2000, 4000
    truth = rng.normal(size=known + unseen)
    labels = truth + noise * rng.normal(size=len(truth))
    samples = truth + own * rng.normal(size=(members, len(truth)))
    left_out = leave_out(members, known, rng)
    samples[:, :known] = np.where(left_out, samples[:, :known], labels[:known])
    calibration = Calibration.fit(labels[:known], samples[:, :known], left_out)
    for level in (0.5, 0.8, 0.9):
        low, high = (
            calibration.quantile(samples[:, known:], 0.5 + sign * level / 2) for sign in (-1, 1)
        )
        inside = np.mean((labels[known:] >= low) & (labels[known:] <= high))
        assert inside == pytest.approx(level, abs=0.06)
    np.testing.assert_allclose(
        calibration.quantile(samples[:, known:], 0.5), samples[:, known:].mean(axis=0)
    )


def test_without_labels_left_out_the_spread_is_that_of_the_targets() -> None:
    samples = np.zeros((1, 3))
    calibration = Calibration.fit(np.arange(4.0), np.zeros((1, 4)), np.zeros((1, 4), bool))
    np.testing.assert_allclose(calibration.quantile(samples, 0.975), 1.96, atol=0.01)
