"""The GNN predictor: an ensemble of graph networks behind `fit` and `predict`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.fitted import Fitted
from dagsmith.predictor.graphs import Graphs
from dagsmith.predictor.network import GraphNetwork
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.predictor.prediction import (
    Architectures,
    Prediction,
    as_population,
    check_targets,
)
from dagsmith.predictor.settings import GNNSettings, TrainingSettings
from dagsmith.predictor.storage import SavedPredictor, read_predictor, write_predictor
from dagsmith.predictor.target_scale import TargetScale
from dagsmith.predictor.threads import for_each, one_thread
from dagsmith.predictor.training import Progress, train
from dagsmith.space import Population, Vocabulary

_CHUNK = 128
"""Architectures scored at once: their hidden states stay in the processor's cache."""


class GNNPredictor:
    """Predicts a target of any typed DAG from a few hundred evaluated ones.

    Each component kind has its own encoder, gated messages run along and against the edges, and
    the ensemble is trained at once to meet the targets (on the scale of their normal scores) and
    to order the pairs. `pretrain` learns first what is free: parameters, FLOPs, hardware cost.
    The same seed and data give the same predictor on one machine with one number of threads.

    Args:
        kinds: the component kinds of the architectures.
        settings: size and training.
        seed: of initial weights, batches and bootstrap.

    Raises:
        PredictorError: see `Predictor`.

    Example:
        >>> from dagsmith.space import nasrec_small
        >>> space = nasrec_small(dense_features=13, sparse_fields=26)
        >>> known = space.decode_many(space.sample(40, np.random.default_rng(0)))
        >>> from dagsmith.predictor import TrainingSettings
        >>> quick = GNNSettings(members=2, dim=8, training=TrainingSettings(epochs=2))
        >>> predictor = GNNPredictor(space.kinds, quick).fit(known, known.present.sum(axis=1))
        >>> predictor.predict(known).samples.shape
        (2, 40)
    """

    def __init__(
        self, kinds: Vocabulary, settings: GNNSettings | None = None, seed: int = 0
    ) -> None:
        self.kinds = kinds
        self.settings = settings or GNNSettings()
        self.seed = seed
        self._fitted: Fitted | None = None
        self._pretrained: Fitted | None = None

    def fit(
        self, architectures: Architectures, targets: ArrayLike, progress: Progress | None = None
    ) -> Self:
        """Learn from ``[batch]`` architectures and targets; an earlier fit is forgotten.

        Args:
            architectures: what was evaluated.
            targets: one number each, in any unit, ``[batch]``.
            progress: told the number of steps done and to do.

        Raises:
            PredictorError: targets that cannot be learned (see `check_targets`), architectures
                over other kinds, or training that diverges.
        """
        population = as_population(architectures, self.kinds)
        values = check_targets(population, targets)[:, None]
        self._fitted = self._train(
            population, values, self.settings.training, self._pretrained, progress
        )
        return self

    def pretrain(
        self,
        architectures: Architectures,
        costs: Mapping[str, ArrayLike],
        progress: Progress | None = None,
    ) -> Self:
        """Learn free labels, so that every later `fit` starts from what they taught.

        Args:
            architectures: any architectures of the space, not necessarily evaluated ones.
            costs: what is known of each, by name (``"parameters"``, ``"flops"``), ``[batch]`` each.
            progress: told the number of steps done and to do.

        Raises:
            PredictorError: no costs, or as for `fit`; the cost is named.
        """
        if not costs:
            raise PredictorError("pretraining needs at least one cost; got none")
        population = as_population(architectures, self.kinds)
        columns = [check_targets(population, values, name) for name, values in costs.items()]
        self._pretrained = self._train(
            population, np.stack(columns, axis=1), self.settings.pretraining, None, progress
        )
        return self

    def predict(self, architectures: Architectures) -> Prediction:
        """Predict the target of each architecture, in its own units.

        Raises:
            PredictorError: nothing was fitted, or the architectures are over other kinds.
        """
        if self._fitted is None:
            raise PredictorError("this predictor was not fitted; call fit first")
        population = as_population(architectures, self.kinds)
        fitted = self._fitted
        samples = np.zeros((self.settings.members, len(population)))

        def score(chunk: slice) -> None:
            with torch.inference_mode():
                graphs = Graphs.of(population[chunk], fitted.features, self.settings.members)
                samples[:, chunk] = fitted.network(graphs)[..., 0].numpy()

        starts = range(0, len(population), _CHUNK)
        for_each(score, [slice(start, start + _CHUNK) for start in starts])
        return Prediction.of(fitted.scales[0].to_targets(samples))

    def save(self, path: str | Path) -> None:
        """Write what was fitted and pretrained to one safetensors file, all of it or nothing.

        Raises:
            PredictorError: nothing was fitted or pretrained.
        """
        tensors: dict[str, torch.Tensor] = {}
        for name, part in (("fitted", self._fitted), ("pretrained", self._pretrained)):
            if part is not None:
                tensors |= part.tensors(name)
        if not tensors:
            raise PredictorError("this predictor was not fitted; there is nothing to save")
        write_predictor(Path(path), SavedPredictor(self.kinds, self.settings, self.seed, tensors))

    @staticmethod
    def load(path: str | Path) -> "GNNPredictor":
        """Read what `save` wrote.

        Raises:
            PredictorError: no such file, a damaged one, or one of a newer version.
        """
        saved = read_predictor(Path(path))
        predictor = GNNPredictor(saved.kinds, saved.settings, saved.seed)
        predictor._fitted = Fitted.restore(saved.tensors, "fitted", saved.kinds, saved.settings)
        predictor._pretrained = Fitted.restore(
            saved.tensors, "pretrained", saved.kinds, saved.settings
        )
        return predictor

    def _train(
        self,
        population: Population,
        targets: NDArray[np.float64],
        settings: TrainingSettings,
        start: Fitted | None,
        progress: Progress | None,
    ) -> Fitted:
        """Train a network on ``[batch, outputs]`` targets, from `start` if there is one."""
        scales = tuple(TargetScale.fit(column) for column in targets.T)
        scores = np.stack(
            [scale.to_scores(column) for scale, column in zip(scales, targets.T, strict=True)],
            axis=1,
        )
        features = start.features if start else NodeFeatures.fit(population)
        network = GraphNetwork.build(
            features,
            self.settings,
            outputs=len(scales),
            typical_size=float(population.present.sum(axis=1).mean()),
            seed=self.seed,
        )
        if start:
            network.learn_from(start.network)
        with one_thread():
            train(network, population, features, scores, settings, self.seed, progress)
        return Fitted(network, features, scales)
