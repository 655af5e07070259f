"""Trees on graph features: the honest baselines, a random forest and gradient boosting.

They need scikit-learn, which ``pip install "dagsmith[baselines]"`` brings.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.extras import Extras, extra_columns
from dagsmith.predictor.graph_features import GraphFeatures
from dagsmith.predictor.prediction import (
    Architectures,
    Prediction,
    as_population,
    check_targets,
)
from dagsmith.predictor.settings import check_counts
from dagsmith.predictor.target_scale import TargetScale
from dagsmith.space import Population, Vocabulary


@dataclass(frozen=True, slots=True)
class ForestSettings:
    """Size of a `ForestPredictor`.

    Args:
        trees: of the forest.
        features: part of the features that a split may choose from.
    """

    trees: int = 300
    features: float = 1 / 3

    def __post_init__(self) -> None:
        check_counts(self, "trees")
        _check_part("features", self.features)


@dataclass(frozen=True, slots=True)
class BoostingSettings:
    """Size and training of a `BoostingPredictor`.

    Args:
        members: boosted models, which differ by their seed.
        trees: of each.
        depth: of each tree.
        learning_rate: what a tree's answer is multiplied by.
        rows: part of the labels that a tree is fitted to.
        features: part of the features that a split may choose from.
    """

    members: int = 5
    trees: int = 500
    depth: int = 5
    learning_rate: float = 0.03
    rows: float = 0.5
    features: float = 0.2

    def __post_init__(self) -> None:
        check_counts(self, "members", "trees", "depth")
        for name in ("learning_rate", "rows", "features"):
            _check_part(name, getattr(self, name))


class _TreePredictor(ABC):
    """`fit` and `predict` of every kind of trees; which ones they are, says `_grow`."""

    def __init__(self, kinds: Vocabulary, seed: int) -> None:
        self.kinds = kinds
        self.seed = seed
        self._ensemble = _scikit_learn(type(self).__name__)
        self._fitted: _Fitted | None = None

    @abstractmethod
    def _grow(self, columns: NDArray[np.float32], scores: NDArray[np.float64]) -> list[Any]:
        """The members, fitted to ``[batch, width]`` columns and ``[batch]`` scores."""

    def fit(
        self, architectures: Architectures, targets: ArrayLike, extras: Extras | None = None
    ) -> Self:
        """Grow the trees; an earlier fit is forgotten.

        Args:
            architectures: what was evaluated.
            targets: one number each, ``[batch]``.
            extras: further inputs; `predict` then needs the same ones.
        """
        population = as_population(architectures, self.kinds)
        self._fitted = _fit(population, targets, extras, self._grow)
        return self

    def predict(self, architectures: Architectures, extras: Extras | None = None) -> Prediction:
        """Answer with the mean and spread of the members."""
        return _predict(self._fitted, as_population(architectures, self.kinds), extras)


class ForestPredictor(_TreePredictor):
    """Regression trees on `GraphFeatures`, each grown on a bootstrap of the labels.

    The targets are learned on the scale of their normal scores; each tree is a member of the
    ensemble. (Breiman, "Random Forests", Machine Learning 45, 2001.)

    Args:
        kinds: the component kinds of the architectures.
        settings: size.
        seed: of the bootstraps and splits.

    Raises:
        PredictorError: scikit-learn is not installed; else see `Predictor`.
    """

    def __init__(
        self, kinds: Vocabulary, settings: ForestSettings | None = None, seed: int = 0
    ) -> None:
        super().__init__(kinds, seed)
        self.settings = settings or ForestSettings()

    def _grow(self, columns: NDArray[np.float32], scores: NDArray[np.float64]) -> list[Any]:
        forest = self._ensemble.RandomForestRegressor(
            self.settings.trees, max_features=self.settings.features, random_state=self.seed
        )
        return list(forest.fit(columns, scores).estimators_)


class BoostingPredictor(_TreePredictor):
    """Gradient boosting of regression trees on `GraphFeatures`, with squared error.

    The targets are learned on the scale of their normal scores. Each tree sees a part of the
    labels: stochastic gradient boosting (Friedman, Computational Statistics and Data Analysis 38,
    2002).

    Args:
        kinds: the component kinds of the architectures.
        settings: size and training.
        seed: of the parts of labels and features.

    Raises:
        PredictorError: scikit-learn is not installed; else see `Predictor`.
    """

    def __init__(
        self, kinds: Vocabulary, settings: BoostingSettings | None = None, seed: int = 0
    ) -> None:
        super().__init__(kinds, seed)
        self.settings = settings or BoostingSettings()

    def _grow(self, columns: NDArray[np.float32], scores: NDArray[np.float64]) -> list[Any]:
        settings = self.settings
        seeds = np.random.SeedSequence(self.seed).generate_state(settings.members)
        return [
            self._ensemble.GradientBoostingRegressor(
                n_estimators=settings.trees,
                max_depth=settings.depth,
                learning_rate=settings.learning_rate,
                subsample=settings.rows,
                max_features=settings.features,
                random_state=int(seed),
            ).fit(columns, scores)
            for seed in seeds
        ]


@dataclass(frozen=True)
class _Fitted:
    """What was learned: the columns, the scale of the targets, and the members."""

    features: GraphFeatures
    extras: tuple[str, ...]
    scale: TargetScale
    members: Sequence[Any]

    def columns(self, population: Population, extras: Extras | None) -> NDArray[np.float32]:
        further = extra_columns(population, extras, self.extras).astype(np.float32)
        return np.concatenate([self.features.transform(population), further], axis=1)


def _fit(
    population: Population,
    targets: ArrayLike,
    extras: Extras | None,
    train: Callable[[NDArray[np.float32], NDArray[np.float64]], list[Any]],
) -> _Fitted:
    values = check_targets(population, targets)
    features, scale = GraphFeatures.fit(population), TargetScale.fit(values)
    untrained = _Fitted(features, tuple(extras or ()), scale, ())
    columns = untrained.columns(population, extras)
    if not columns.shape[1]:
        # A tree needs something to split by, even if it never tells two architectures apart.
        raise PredictorError("the architectures are all alike; expected different ones")
    return _Fitted(features, untrained.extras, scale, train(columns, scale.to_scores(values)))


def _predict(fitted: _Fitted | None, population: Population, extras: Extras | None) -> Prediction:
    if fitted is None:
        raise PredictorError("this predictor was not fitted; call fit first")
    columns = fitted.columns(population, extras)
    scores = np.zeros((len(fitted.members), len(population)))
    if len(population):
        for row, member in zip(scores, fitted.members, strict=True):
            row[:] = member.predict(columns)
    return Prediction.of(fitted.scale.to_targets(scores))


def _scikit_learn(who: str) -> Any:
    try:
        from sklearn import ensemble
    except ImportError as error:
        raise PredictorError(
            f"{who} needs scikit-learn; install it with: pip install 'dagsmith[baselines]'"
        ) from error
    return ensemble


def _check_part(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise PredictorError(f"{name} is {value}; expected above 0 and at most 1")
