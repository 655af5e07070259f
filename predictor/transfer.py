"""Transfer from other studies: few labels of a new target, on what many of others have taught."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, stats

from dagsmith.predictor.baselines import LinearPredictor
from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.flat_encoding import FlatEncoding
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.predictor.prediction import (
    Architectures,
    Prediction,
    Predictor,
    as_population,
    check_targets,
)
from dagsmith.space import Population, Vocabulary

NOISES = (1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
"""Candidate variances of the noise, where what the studies share has variance 1."""
OWNS = (0.0, 0.03, 0.3, 3.0)
"""Candidate variances of what no study knows: a linear function of counts."""
DOUBT = 2.0
"""By how much the log evidence must be larger with an own part than without one."""


class TransferPredictor:
    r"""Predicts a new target by what other studies predict of the same architecture.

    The story: `pretrain` is given studies with many labels (latencies on other devices, accuracies
    on other data sets), of any spaces over the same component kinds, as often as there are some;
    `fit` needs only a few labels of the new target. Its prior is a Gaussian process whose
    covariance is that of the studies, plus a linear function of counts for what they lack:

    .. math:: y(x) = \mu + \sigma \left( \tfrac{1}{\sqrt S} \sum_s a_s z_s(x)
              + \sqrt{\tfrac{o}{d}}\, b^T c(x) + \sqrt{v}\, \epsilon \right),
              \qquad a_s, b_j, \epsilon \sim N(0, 1)

    where :math:`z_s` is the standardised prediction of study s, c the standardised counts
    (`FlatEncoding`), and the offset and the scale have flat priors. The noise v and the share o of
    the own part are those of largest marginal likelihood, with a doubt about any own part.
    (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, chapter 2.) All is
    linear in the targets: costs, which are sums over a graph, keep their scale.

    Args:
        kinds: the component kinds of the architectures.
        seed: of the studies' predictors and of the samples.
        study: makes the predictor of a call of `pretrain`, which is fitted to the costs,
            ``[batch, costs]``, at once; None is ridge regression on graph features.
        members: samples of a prediction, drawn from the posterior in pairs around its mean.

    Raises:
        PredictorError: see `Predictor`; also for fewer than 2 members, or `fit` before `pretrain`.

    Example:
        >>> from dagsmith.space import NASBench201Space
        >>> space = NASBench201Space("whole")
        >>> cells = space.decode_many(space.every_cell()[::50])
        >>> convolutions = (cells.attributes[:, :, 0] < 2).sum(axis=1)
        >>> edges = cells.edges.sum(axis=(1, 2)) + 0.1 * cells.attributes[:, 1, 0]
        >>> studies = {"a": convolutions, "b": convolutions + edges, "c": 3 * convolutions - edges}
        >>> predictor = TransferPredictor(space.kinds).pretrain(cells, studies)
        >>> predicted = predictor.fit(cells[:60:6], convolutions[:60:6]).predict(cells).mean
        >>> bool(abs(predicted - convolutions).max() < 0.5)
        True
    """

    def __init__(
        self,
        kinds: Vocabulary,
        seed: int = 0,
        study: Callable[[Vocabulary, int], Predictor] | None = None,
        members: int = 20,
    ) -> None:
        if members < 2:
            raise PredictorError(f"members is {members}; expected at least 2")
        self.kinds = kinds
        self.seed = seed
        self.study = study or _linear
        self.members = members + members % 2
        self._studies: list[_Study] = []
        self._fitted: _Fitted | None = None

    def pretrain(self, architectures: Architectures, costs: Mapping[str, ArrayLike]) -> Self:
        """Add studies: every later `fit` draws on these and on all before them.

        Args:
            architectures: of any space over the component kinds.
            costs: what was measured of each, by name, ``[batch]`` each.

        Raises:
            PredictorError: no costs, or labels that cannot be learned; the cost is named.
        """
        if not costs:
            raise PredictorError("pretraining needs at least one cost; got none")
        population = as_population(architectures, self.kinds)
        columns = np.stack(
            [check_targets(population, values, name) for name, values in costs.items()], axis=1
        )
        predictor = self.study(self.kinds, self.seed).fit(population, columns)
        self._studies.append(_Study(predictor, columns.mean(axis=0), columns.std(axis=0)))
        return self

    def fit(self, architectures: Architectures, targets: ArrayLike) -> Self:
        """Learn from ``[batch]`` architectures and targets; an earlier fit is forgotten."""
        if not self._studies:
            raise PredictorError("there is nothing to transfer; call pretrain with other studies")
        population = as_population(architectures, self.kinds)
        values = check_targets(population, targets)
        counts = FlatEncoding(NodeFeatures.fit(population))
        rows = counts.transform(population)
        columns = _Columns(tuple(self._studies), counts, rows.mean(axis=0), rows.std(axis=0))
        self._fitted = _Fitted.fit(columns, population, values)
        return self

    def predict(self, architectures: Architectures) -> Prediction:
        """Answer with the posterior: its mean, and samples of it; intervals include the noise."""
        if self._fitted is None:
            raise PredictorError("this predictor was not fitted; call fit first")
        population = as_population(architectures, self.kinds)
        return self._fitted.predict(population, self.members, np.random.default_rng(self.seed))


@dataclass(frozen=True)
class _Study:
    """A fitted predictor with the mean and standard deviation of what it learned."""

    predictor: Predictor
    centre: NDArray[np.float64]
    spread: NDArray[np.float64]

    def standardised(self, population: Population) -> NDArray[np.float64]:
        """``[batch, costs]``."""
        return (self.predictor.predict(population).mean - self.centre) / self.spread


@dataclass(frozen=True)
class _Columns:
    """The columns of the linear model: the studies, then the counts."""

    studies: tuple[_Study, ...]
    counts: FlatEncoding
    centre: NDArray[np.float64]
    spread: NDArray[np.float64]

    def of(self, population: Population) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Studies and counts, each scaled so that its squares add up to about 1 per row."""
        known = np.concatenate([study.standardised(population) for study in self.studies], axis=1)
        varies = self.spread > 1e-9
        rows = self.counts.transform(population) - self.centre
        own = rows[:, varies] / self.spread[varies]
        return known / np.sqrt(known.shape[1]), own / np.sqrt(max(own.shape[1], 1))


@dataclass(frozen=True)
class _Fitted:
    """The posterior of the weights, the offset last, in units of the targets.

    Args:
        columns: of the linear model.
        own: prior variance of the part of the counts.
        weights: posterior mean, ``[columns + 1]``.
        root: ``root @ root.T`` is the posterior covariance, likewise.
        noise: standard deviation of the noise.
        degrees: of freedom of the predictive distribution, Student's t.
    """

    columns: _Columns
    own: float
    weights: NDArray[np.float64]
    root: NDArray[np.float64]
    noise: float
    degrees: int

    @staticmethod
    def fit(columns: _Columns, population: Population, targets: NDArray[np.float64]) -> "_Fitted":
        """Choose the share of the own part and the noise, and solve."""
        known, counts = columns.of(population)
        covariances = known @ known.T, counts @ counts.T
        own, noise = max(
            ((own, noise) for own in OWNS for noise in NOISES),
            key=lambda choice: (
                _log_evidence(covariances[0] + choice[0] * covariances[1], choice[1], targets)
                - DOUBT * (choice[0] > 0)
            ),
        )
        design = _design(known, counts, own)
        precision = design.T @ design / noise
        # The prior is on all weights but the offset.
        prior = np.append(np.ones(len(precision) - 1), 0.0)
        factor = np.linalg.cholesky(precision + np.diag(prior))
        root = linalg.solve_triangular(factor, np.eye(len(factor)), lower=True).T
        weights = root @ (root.T @ (design.T @ targets)) / noise
        missed = targets - design @ weights
        # The offset is fitted, and two numbers were chosen by the same few labels.
        degrees = max(1, len(targets) - 3)
        scale = np.sqrt((missed @ missed / noise + prior @ weights**2) / degrees)
        return _Fitted(columns, own, weights, scale * root, float(scale * np.sqrt(noise)), degrees)

    def predict(self, population: Population, members: int, rng: np.random.Generator) -> Prediction:
        """Answer with an even number of members."""
        design = _design(*self.columns.of(population), self.own)
        mean, rooted = design @ self.weights, design @ self.root
        spread = np.sqrt(np.square(rooted).sum(axis=1) + self.noise**2)
        gaps = rng.normal(size=(members // 2, rooted.shape[1])) @ rooted.T

        def quantile(level: float) -> NDArray[np.float64]:
            return np.asarray(mean + spread * stats.t.ppf(level, self.degrees))

        return Prediction.of(np.concatenate([mean + gaps, mean - gaps]), quantile)


def _design(
    known: NDArray[np.float64], counts: NDArray[np.float64], own: float
) -> NDArray[np.float64]:
    return np.concatenate([known, np.sqrt(own) * counts, np.ones((len(known), 1))], axis=1)


def _log_evidence(
    covariance: NDArray[np.float64], noise: float, targets: NDArray[np.float64]
) -> float:
    """Log marginal likelihood up to a constant, offset and scale integrated out."""
    count = len(targets)
    factor = linalg.cholesky(covariance + noise * np.eye(count), lower=True)
    whitened = linalg.solve_triangular(factor, np.stack([np.ones(count), targets], 1), lower=True)
    one, target = whitened.T
    residual = target - one * (one @ target) / (one @ one)
    determinant = 2.0 * np.log(np.diag(factor)).sum() + np.log(one @ one)
    return float(-0.5 * determinant - 0.5 * (count - 1) * np.log(residual @ residual))


def _linear(kinds: Vocabulary, seed: int) -> Predictor:
    return LinearPredictor(kinds, members=1, seed=seed, encoding="graph")
