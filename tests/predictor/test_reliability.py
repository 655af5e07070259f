import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from dagsmith.predictor import Prediction, PredictorError, reliability

TRUTH = np.random.default_rng(0).normal(10.0, 2.0, 4000)


def normal(mean: float, std: float) -> Prediction:
    def quantile(level: float) -> NDArray[np.float64]:
        return np.full(len(TRUTH), mean + std * float(norm.ppf(level)))

    return Prediction.of(np.full((1, len(TRUTH)), mean), quantile)


def test_the_true_distribution_is_calibrated() -> None:
    found = reliability(TRUTH, normal(10.0, 2.0))
    assert found.calibration_error < 0.02
    np.testing.assert_allclose(found.width, 2 * norm.ppf(0.5 + found.levels / 2), rtol=0.03)


@pytest.mark.parametrize("std", [0.5, 8.0])
def test_too_sure_and_too_unsure_are_wrong_by_as_much(std: float) -> None:
    found = reliability(TRUTH, normal(10.0, std))
    expected = 2 * norm.cdf(norm.ppf(0.5 + found.levels / 2) * std / 2.0) - 1
    np.testing.assert_allclose(found.coverage, expected, atol=0.03)
    error = float(np.abs(expected - found.levels).mean())
    assert found.calibration_error == pytest.approx(error, abs=0.02)
    assert found.calibration_error > 0.2


def test_the_unit_does_not_matter() -> None:
    one = normal(10.0, 2.0)
    assert one.quantile is not None
    quantile = one.quantile
    scaled = Prediction.of(1.8 * one.samples + 32, lambda level: 1.8 * quantile(level) + 32)
    first, second = reliability(TRUTH, one), reliability(1.8 * TRUTH + 32, scaled)
    np.testing.assert_allclose(second.width, first.width)
    np.testing.assert_allclose(second.coverage, first.coverage, atol=1e-3)


def test_refusals() -> None:
    with pytest.raises(PredictorError, match="truth has shape"):
        reliability(TRUTH[:5], normal(10.0, 2.0))
    with pytest.raises(PredictorError, match="everywhere the same"):
        reliability(np.ones(len(TRUTH)), normal(10.0, 2.0))
    with pytest.raises(PredictorError, match="level is"):
        reliability(TRUTH, normal(10.0, 2.0), levels=(0.5, 1.0))
    with pytest.raises(PredictorError, match="no calibrated intervals"):
        reliability(TRUTH, Prediction.of(np.zeros((2, len(TRUTH)))))
