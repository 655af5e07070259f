"""What a graph network has to beat: the mean, and a linear model of counts."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.flat_encoding import FlatEncoding
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.predictor.prediction import (
    Architectures,
    Prediction,
    as_population,
    check_targets,
)
from dagsmith.space import Vocabulary


class MeanPredictor:
    """Predicts the mean of the fitted targets for everything; its samples are those targets.

    Args:
        kinds: the component kinds of the architectures.
    """

    def __init__(self, kinds: Vocabulary) -> None:
        self.kinds = kinds
        self._targets: NDArray[np.float64] | None = None

    def fit(self, architectures: Architectures, targets: ArrayLike) -> Self:
        """Remember the targets."""
        self._targets = check_targets(as_population(architectures, self.kinds), targets)
        return self

    def predict(self, architectures: Architectures) -> Prediction:
        """Answer with the mean."""
        if self._targets is None:
            raise PredictorError("this predictor was not fitted; call fit first")
        batch = len(as_population(architectures, self.kinds))
        return Prediction(
            np.full(batch, self._targets.mean()),
            np.full(batch, self._targets.std()),
            np.broadcast_to(self._targets[:, None], (len(self._targets), batch)),
        )


class LinearPredictor:
    """Ridge regression on `FlatEncoding`, with a bootstrap ensemble for the uncertainty.

    The penalty is the one of smallest leave-one-out error (its closed form) on all labels.

    Args:
        kinds: the component kinds of the architectures.
        members: bootstrap resamples.
        seed: of the bootstrap.
    """

    PENALTIES = tuple(10.0**power for power in range(-4, 5))
    """Candidate penalties, relative to the mean square of the standardised columns."""

    def __init__(self, kinds: Vocabulary, members: int = 20, seed: int = 0) -> None:
        if members < 1:
            raise PredictorError(f"members is {members}; expected at least 1")
        self.kinds = kinds
        self.members = members
        self.seed = seed
        self._encoding: FlatEncoding | None = None

    def fit(self, architectures: Architectures, targets: ArrayLike) -> Self:
        """Solve one ridge regression per member."""
        population = as_population(architectures, self.kinds)
        values = check_targets(population, targets)
        self._encoding = FlatEncoding(NodeFeatures.fit(population))
        columns = self._encoding.transform(population)
        self._centre = columns.mean(axis=0)
        # A column that never varied gets no say, now or later.
        spread = columns.std(axis=0)
        self._factor = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 1e-9)
        X = (columns - self._centre) * self._factor
        self._offset = values.mean()
        y = values - self._offset
        penalty = _leave_one_out_penalty(X, y, len(y) * np.array(self.PENALTIES))
        rng = np.random.default_rng(self.seed)
        weights = rng.exponential(size=(self.members, len(y)))
        self._coefficients = np.stack([_ridge(X, y, penalty, weight) for weight in weights])
        return self

    def predict(self, architectures: Architectures) -> Prediction:
        """Answer with the mean and spread of the members."""
        if self._encoding is None:
            raise PredictorError("this predictor was not fitted; call fit first")
        population = as_population(architectures, self.kinds)
        X = (self._encoding.transform(population) - self._centre) * self._factor
        X = np.concatenate([X, np.ones((len(X), 1))], axis=1)
        return Prediction.of(self._coefficients @ X.T + self._offset)


def _leave_one_out_penalty(
    X: NDArray[np.float64], y: NDArray[np.float64], penalties: NDArray[np.float64]
) -> float:
    """The penalty of smallest leave-one-out error, by the diagonal of the hat matrix."""
    U, singular, _ = np.linalg.svd(X, full_matrices=False)
    errors = []
    for penalty in penalties:
        shrink = singular**2 / (singular**2 + penalty)
        fitted = (U * shrink) @ (U.T @ y)
        leverage = (U**2) @ shrink + 1.0 / len(y)
        errors.append(np.mean(((y - fitted) / np.maximum(1.0 - leverage, 1e-3)) ** 2))
    return float(penalties[int(np.argmin(errors))])


def _ridge(
    X: NDArray[np.float64], y: NDArray[np.float64], penalty: float, weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted ridge coefficients, the intercept (not penalised) last, ``[columns + 1]``."""
    weight = weight / weight.mean()
    centre, offset = np.average(X, axis=0, weights=weight), np.average(y, weights=weight)
    root = np.sqrt(weight)
    A, b = (X - centre) * root[:, None], (y - offset) * root
    # The dual form: there are usually more columns than labels.
    dual = np.linalg.solve(A @ A.T + penalty * np.eye(len(y)), b)
    slope = A.T @ dual
    return np.append(slope, offset - centre @ slope)
