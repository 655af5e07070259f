"""The multi-layer perceptron on counts: the predictor that most systems have."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from dagsmith.predictor.ensemble import EnsembleLinear
from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.extras import Extras, extra_columns
from dagsmith.predictor.flat_encoding import FlatEncoding
from dagsmith.predictor.losses import pairwise_hinge, squared_error
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.predictor.prediction import (
    Architectures,
    Prediction,
    as_population,
    check_targets,
)
from dagsmith.predictor.ridge import inverse_spread
from dagsmith.predictor.settings import check_counts, check_not_negative, check_positive
from dagsmith.predictor.target_scale import TargetScale
from dagsmith.predictor.threads import one_thread
from dagsmith.predictor.training import check_converged
from dagsmith.space import Population, Vocabulary


@dataclass(frozen=True, slots=True)
class MLPSettings:
    """Size and training of an `MLPPredictor`.

    Args:
        members: networks in the ensemble, which differ by their initial weights.
        dim: hidden width.
        layers: hidden layers.
        epochs: passes over the labels.
        batch: architectures per step.
        learning_rate: its peak, at the start; it falls as a cosine.
        weight_decay: decoupled, as in AdamW.
        margin: margin of the pairwise hinge, in standard deviations of the target.
    """

    members: int = 5
    dim: int = 64
    layers: int = 2
    epochs: int = 100
    batch: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    margin: float = 0.5

    def __post_init__(self) -> None:
        check_counts(self, "members", "dim", "layers", "epochs", "batch")
        check_positive(self, "learning_rate", "margin")
        check_not_negative(self, "weight_decay")


class MLPPredictor:
    """Fully connected layers on the standardised `FlatEncoding`.

    The targets (on the scale of their normal scores) and the losses are those of `GNNPredictor`,
    so that what differs is what the network sees. CSCO (arXiv 2404.17152) and PIDS (arXiv
    2211.15759) rank with such networks, on encodings of their own.

    Args:
        kinds: the component kinds of the architectures.
        settings: size and training.
        seed: of initial weights and batches.

    Raises:
        PredictorError: see `Predictor`.
    """

    def __init__(
        self, kinds: Vocabulary, settings: MLPSettings | None = None, seed: int = 0
    ) -> None:
        self.kinds = kinds
        self.settings = settings or MLPSettings()
        self.seed = seed
        self._fitted: _Fitted | None = None

    def fit(
        self, architectures: Architectures, targets: ArrayLike, extras: Extras | None = None
    ) -> Self:
        """Train all members at once; an earlier fit is forgotten.

        Args:
            architectures: what was evaluated.
            targets: one number each, ``[batch]``.
            extras: further inputs; `predict` then needs the same ones.
        """
        population = as_population(architectures, self.kinds)
        values = check_targets(population, targets)
        scale = TargetScale.fit(values)
        columns = _Columns.fit(population, extras)
        labels = torch.from_numpy(scale.to_scores(values).astype(np.float32))
        with one_thread():
            network = self._train(columns.transform(population, extras), labels)
        self._fitted = _Fitted(columns, scale, network)
        return self

    def predict(self, architectures: Architectures, extras: Extras | None = None) -> Prediction:
        """Answer with the mean and spread of the members."""
        if self._fitted is None:
            raise PredictorError("this predictor was not fitted; call fit first")
        population = as_population(architectures, self.kinds)
        rows = self._fitted.columns.transform(population, extras)
        with one_thread(), torch.inference_mode():
            parts = [rows[start : start + 1024] for start in range(0, max(len(rows), 1), 1024)]
            samples = torch.cat([self._fitted.network(part) for part in parts], dim=1)
        return Prediction.of(self._fitted.scale.to_targets(samples.double().numpy()))

    def _train(self, rows: Tensor, labels: Tensor) -> "_Network":
        settings, rng = self.settings, np.random.default_rng(self.seed)
        network = _Network(rows.shape[1], settings, self.seed)
        weights = torch.ones(settings.members, len(rows))
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        steps = max(1, round(len(rows) / settings.batch))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs * steps)
        for _ in range(settings.epochs):
            for part in np.array_split(rng.permutation(len(rows)), steps):
                seen = (network(rows[part]), labels[part], weights[:, part])
                loss = squared_error(*seen) + pairwise_hinge(*seen, settings.margin)
                optimizer.zero_grad()
                # A sum over members gives each the gradient that it would have alone.
                loss.sum().backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
        check_converged(network, settings.learning_rate)
        return network


@dataclass(frozen=True)
class _Columns:
    """The standardised inputs: the flat encoding, then the extras."""

    encoding: FlatEncoding
    extras: tuple[str, ...]
    centre: NDArray[np.float64]
    factor: NDArray[np.float64]

    @staticmethod
    def fit(population: Population, extras: Extras | None) -> "_Columns":
        encoding, names = FlatEncoding(NodeFeatures.fit(population)), tuple(extras or ())
        rows = np.concatenate(
            [encoding.transform(population), extra_columns(population, extras, names)], axis=1
        )
        return _Columns(encoding, names, rows.mean(axis=0), inverse_spread(rows))

    def transform(self, population: Population, extras: Extras | None) -> Tensor:
        further = extra_columns(population, extras, self.extras)
        rows = np.concatenate([self.encoding.transform(population), further], axis=1)
        return torch.from_numpy(((rows - self.centre) * self.factor).astype(np.float32))


@dataclass(frozen=True)
class _Fitted:
    columns: _Columns
    scale: TargetScale
    network: "_Network"


class _Network(nn.Module):
    """From standardised columns to one score per member and architecture."""

    def __init__(self, width: int, settings: MLPSettings, seed: int) -> None:
        super().__init__()
        self.members = settings.members
        generator = torch.Generator().manual_seed(seed)
        sizes = [width, *[settings.dim] * settings.layers]
        self.layers = nn.ModuleList(
            EnsembleLinear(settings.members, before, after, generator, gain=2**0.5)
            for before, after in pairwise(sizes)
        )
        self.output = EnsembleLinear(settings.members, settings.dim, 1, generator)

    def forward(self, rows: Tensor) -> Tensor:
        """Score ``[batch, width]``; returns ``[members, batch]``."""
        hidden = rows.expand(self.members, *rows.shape)
        for layer in self.layers:
            hidden = nn.functional.relu(layer(hidden))
        scores: Tensor = self.output(hidden)
        return scores[..., 0]
