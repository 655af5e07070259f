from typing import Self

import numpy as np
import pytest
from numpy.typing import ArrayLike

from dagsmith.predictor import MeanPredictor, Prediction
from dagsmith.predictor.prediction import Architectures
from dagsmith.predictor.testing import check_predictor
from dagsmith.space import Population


class Forgetful(MeanPredictor):
    """Fits without returning itself."""

    def fit(self, architectures: Architectures, targets: ArrayLike) -> Self:
        super().fit(architectures, targets)
        return None  # type: ignore[return-value]


class Positional(MeanPredictor):
    """Answers by the place in the batch."""

    def predict(self, architectures: Architectures) -> Prediction:
        found = super().predict(architectures)
        return Prediction.of(found.samples + np.arange(len(found)))


class Unitless(MeanPredictor):
    """Answers on a scale of its own."""

    def predict(self, architectures: Architectures) -> Prediction:
        found = super().predict(architectures)
        return Prediction.of(np.tanh(found.samples))


class Credulous(MeanPredictor):
    """Takes any targets."""

    def fit(self, architectures: Architectures, targets: ArrayLike) -> Self:
        self._targets = np.nan_to_num(np.asarray(targets, float))
        return self


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (Forgetful, "does not return the predictor"),
        (Positional, "place in the batch"),
        (Unitless, "unit of the targets"),
        (Credulous, "no PredictorError for one target too few"),
    ],
)
def test_a_broken_promise_is_found(
    broken: type[MeanPredictor], promise: str, population: Population
) -> None:
    with pytest.raises(AssertionError, match=promise):
        check_predictor(lambda: broken(population.vocabulary), population)
