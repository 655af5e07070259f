import numpy as np
import pytest
from numpy.typing import NDArray

from dagsmith.predictor.calibration import leave_out
from dagsmith.predictor.linear_part import LinearPart
from dagsmith.predictor.target_scale import TargetScale

MEMBERS, COUNT = 5, 100


def problem(noise: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Features, a cost that is linear in them, and the answers of a network that err by `noise`."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(COUNT, 6))
    targets = np.exp(features[:, :1]) if noise == 0 else features @ rng.normal(size=(6, 1)) + 40.0
    scores = TargetScale.fit(targets[:, 0]).to_scores(targets)
    return features, targets, scores + noise * rng.normal(size=(MEMBERS, COUNT, 1))


def fitted(noise: float) -> LinearPart | None:
    features, targets, network = problem(noise)
    left_out = leave_out(MEMBERS, COUNT, np.random.default_rng(1))
    scales = (TargetScale.fit(targets[:, 0]),)
    return LinearPart.fit(features, targets, scales, network, left_out, np.ones(COUNT))


def test_a_cost_that_is_a_sum_is_left_to_the_linear_part() -> None:
    features, targets, network = problem(0.3)
    part = fitted(0.3)
    assert part is not None
    assert part.share.tolist() == [0.0]
    scale = TargetScale.fit(targets[:, 0])
    both = part.blend(network, features, (scale,)).mean(axis=0)
    np.testing.assert_allclose(both, scale.to_scores(targets), atol=1e-3)


def test_a_network_that_is_right_answers_alone() -> None:
    assert fitted(0.0) is None


def test_a_small_gain_is_not_worth_a_second_answer() -> None:
    """Errors of their own on both sides; the best share is just below 1."""
    rng = np.random.default_rng(2)
    features = rng.normal(size=(COUNT, 1))
    targets = np.sin(2.0 * features) + 0.3 * features
    left_out = leave_out(MEMBERS, COUNT, np.random.default_rng(1))
    scales = (TargetScale.fit(targets[:, 0]),)
    truth = scales[0].to_scores(targets)
    shares = []
    for noise in (0.2, 1.5):
        network = truth + noise * rng.normal(size=(COUNT, 1))[None].repeat(MEMBERS, axis=0)
        part = LinearPart.fit(features, targets, scales, network, left_out, np.ones(COUNT))
        shares.append(1.0 if part is None else float(part.share[0]))
    assert shares[0] == 1.0
    assert 0.0 < shares[1] < 0.8


def test_without_labels_left_out_nothing_is_weighed() -> None:
    features, targets, network = problem(0.3)
    scales = (TargetScale.fit(targets[:, 0]),)
    none = np.zeros((MEMBERS, COUNT), bool)
    assert LinearPart.fit(features, targets, scales, network, none, np.ones(COUNT)) is None


def test_a_member_does_not_see_what_it_leaves_out() -> None:
    features, targets, network = problem(0.3)
    left_out = leave_out(MEMBERS, COUNT, np.random.default_rng(1))
    scales = (TargetScale.fit(targets[:, 0]),)
    row = int(np.flatnonzero(left_out[2])[0])
    parts = []
    for shift in (0.0, 1.0):
        moved = targets.copy()
        # Within the range of the others, so that the scale of the features stays.
        moved[row] += shift
        part = LinearPart.fit(features, moved, scales, network, left_out, np.ones(COUNT))
        assert part is not None
        parts.append(part.offset[:, 0])
    differs = np.abs(parts[0] - parts[1]) > 1e-12
    assert not differs[left_out[:, row]].any()
    assert differs[~left_out[:, row]].all()


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_only_relative_weights_count(weight: float) -> None:
    features, targets, network = problem(0.3)
    left_out = leave_out(MEMBERS, COUNT, np.random.default_rng(1))
    scales = (TargetScale.fit(targets[:, 0]),)
    part = LinearPart.fit(features, targets, scales, network, left_out, np.full(COUNT, weight))
    expected = fitted(0.3)
    assert part is not None
    assert expected is not None
    np.testing.assert_allclose(part.slope, expected.slope)
