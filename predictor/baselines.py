"""What a graph network has to beat: the mean, and a linear model."""

from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.flat_encoding import FlatEncoding
from dagsmith.predictor.graph_features import GraphFeatures
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.predictor.prediction import (
    Architectures,
    Prediction,
    as_population,
    check_columns,
    check_targets,
)
from dagsmith.predictor.ridge import Ridge
from dagsmith.space import Vocabulary

Encoding = Literal["counts", "graph"]
"""What a linear model sees of a graph."""


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
    """Ridge regression on counts or on graph features, with a bootstrap for the uncertainty.

    The penalty of each target is the one of smallest leave-one-out error (its closed form) on all
    labels. Costs are often sums over the operations of a graph, and then this is hard to beat.

    Args:
        kinds: the component kinds of the architectures.
        members: bootstrap resamples; a single one is the fit to all labels.
        seed: of the bootstrap.
        encoding: ``"counts"`` of nodes and edges (`FlatEncoding`), or ``"graph"`` features
            (`GraphFeatures`: counts, paths, degrees).
    """

    def __init__(
        self,
        kinds: Vocabulary,
        members: int = 20,
        seed: int = 0,
        encoding: Encoding = "counts",
    ) -> None:
        if members < 1:
            raise PredictorError(f"members is {members}; expected at least 1")
        if encoding not in get_args(Encoding):
            raise PredictorError(
                f"encoding is {encoding!r}; expected one of {', '.join(get_args(Encoding))}"
            )
        self.kinds = kinds
        self.members = members
        self.seed = seed
        self.encoding = encoding
        self._columns: FlatEncoding | GraphFeatures | None = None
        self._ridges: list[Ridge] = []
        self._several = False

    def fit(self, architectures: Architectures, targets: ArrayLike) -> Self:
        """Solve one ridge regression per member for ``[batch]`` or ``[batch, targets]`` targets."""
        population = as_population(architectures, self.kinds)
        values = check_columns(population, targets)
        encoding = (
            GraphFeatures.fit(population)
            if self.encoding == "graph"
            else FlatEncoding(NodeFeatures.fit(population))
        )
        columns = encoding.transform(population).astype(np.float64)
        whole = Ridge.fit(columns, values)
        self._ridges = [whole]
        if self.members > 1:
            rng = np.random.default_rng(self.seed)
            weights = rng.exponential(size=(self.members, len(values)))
            self._ridges = [Ridge.fit(columns, values, each, whole.penalty) for each in weights]
        self._columns, self._several = encoding, np.ndim(targets) == 2
        return self

    def predict(self, architectures: Architectures) -> Prediction:
        """Answer with the mean and spread of the members."""
        if self._columns is None:
            raise PredictorError("this predictor was not fitted; call fit first")
        population = as_population(architectures, self.kinds)
        columns = self._columns.transform(population).astype(np.float64)
        samples = np.stack([ridge.predict(columns) for ridge in self._ridges])
        return Prediction.of(samples if self._several else samples[..., 0])
