"""The GNN predictor: an ensemble of graph networks behind `fit` and `predict`."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Self, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from dagsmith.predictor.alike import merge_alike
from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.extras import Extras, extra_columns
from dagsmith.predictor.fitted import Fitted
from dagsmith.predictor.fitting import Evaluated, fit_network
from dagsmith.predictor.prediction import (
    Architectures,
    Prediction,
    as_population,
    check_columns,
    check_targets,
)
from dagsmith.predictor.principal_components import principal_components
from dagsmith.predictor.settings import GNNSettings, Unknown
from dagsmith.predictor.storage import SavedPredictor, read_predictor, write_predictor
from dagsmith.predictor.strange import ignorance, refuse_strange, strange_rows
from dagsmith.predictor.threads import for_each
from dagsmith.predictor.training import Progress
from dagsmith.space import Vocabulary

_CHUNK = 128
"""Architectures scored at once: their hidden states stay in the processor's cache."""


class GNNPredictor:
    """Predicts a target of any typed DAG from a few hundred evaluated ones.

    Each component kind has its own encoder, gated messages run along and against the edges, and
    the ensemble is trained at once to meet the targets (on the scale of their normal scores) and
    to order the pairs. `pretrain` learns first what is free: parameters, FLOPs, hardware cost, and
    what the graphs themselves tell.
    The same seed and data give the same predictor on one machine with one number of threads.

    Args:
        kinds: the component kinds of the architectures.
        settings: size and training.
        seed: of initial weights, batches, and of the labels that each member leaves out.
        unknown: what `predict` does with a component kind or choice that no fitted architecture
            had: ``"error"`` refuses it by name; ``"mean"`` predicts the fitted targets' centre with
            their whole spread.

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
        self,
        kinds: Vocabulary,
        settings: GNNSettings | None = None,
        seed: int = 0,
        unknown: Unknown = "error",
    ) -> None:
        if unknown not in get_args(Unknown):
            raise PredictorError(f"unknown is {unknown!r}; expected one of {get_args(Unknown)}")
        self.kinds = kinds
        self.settings = settings or GNNSettings()
        self.seed = seed
        self.unknown = unknown
        self._fitted: Fitted | None = None
        self._pretrained: Fitted | None = None

    def fit(
        self,
        architectures: Architectures,
        targets: ArrayLike,
        extras: Extras | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Learn from ``[batch]`` architectures and targets; an earlier fit is forgotten.

        Architectures that are isomorphic are one: the average of their targets is learned, with the
        weight of all of them. The logger ``dagsmith.predictor`` tells how many there were.

        Args:
            architectures: what was evaluated.
            targets: one number each, in any unit, ``[batch]``; or several, ``[batch, targets]``
                (quality, latency on each device, energy), learned by one network: what they share
                is learned from all of their labels, and `predict` answers for all.
            extras: further inputs by name, ``[batch]`` each: costs, scores without training or
                after a short one. `predict` then needs the same ones.
            progress: told the number of steps done and to do.

        Raises:
            PredictorError: targets that cannot be learned (see `check_targets`), architectures
                over other kinds, or training that diverges.
        """
        population = as_population(architectures, self.kinds)
        values = check_columns(population, targets)
        count = values.shape[1]
        # In an order that does not depend on how they were given: that of a saved predictor.
        names = sorted(extras or {})
        further = extra_columns(population, extras, names)
        merged = merge_alike(population, np.concatenate([values, further], axis=1))
        labels, known = merged.columns[:, :count], merged.columns[:, count:]
        for column in labels.T:
            check_targets(merged.population, column, "the averages of equal architectures")
        evaluated = Evaluated(
            merged.population,
            labels,
            np.ndim(targets) == 2,
            merged.counts,
            dict(zip(names, known.T, strict=True)),
        )
        self._fitted = fit_network(
            evaluated, self.settings, self.settings.training, self.seed, self._pretrained, progress
        )
        return self

    def pretrain(
        self,
        architectures: Architectures,
        costs: Mapping[str, ArrayLike] | None = None,
        progress: Progress | None = None,
        components: int = 0,
    ) -> Self:
        """Learn free labels, so that every later `fit` starts from what they taught.

        Architectures without any label teach something, too: with `components`, the network learns
        to answer that many principal components of their `GraphFeatures`.

        Args:
            architectures: any architectures of the space, not necessarily evaluated ones.
            costs: what is known of each, by name (``"parameters"``, ``"flops"``), ``[batch]`` each.
            progress: told the number of steps done and to do.
            components: how many principal components to learn beside the costs; 0 is none.

        Raises:
            PredictorError: neither costs nor components, or as for `fit`; the cost is named.
        """
        if not costs and components == 0:
            raise PredictorError("pretraining needs at least one cost, or components; got none")
        population = as_population(architectures, self.kinds)
        known = dict(costs or {})
        if components:
            known |= principal_components(population, components)
        columns = [check_targets(population, values, name) for name, values in known.items()]
        evaluated = Evaluated(
            population, np.stack(columns, axis=1), True, np.ones(len(population)), {}
        )
        self._pretrained = fit_network(
            evaluated, self.settings, self.settings.pretraining, self.seed, progress=progress
        )
        return self

    def start_from(self, other: "GNNPredictor") -> Self:
        """Let every later `fit` start from what `other` was fitted to.

        More than of `pretrain` is kept: training begins with the answers of `other` to the newly
        labelled architectures, put on their scale.

        Raises:
            PredictorError: `other` was not fitted, or is over other kinds or of another size.
        """
        if other._fitted is None:
            raise PredictorError("the predictor to start from was not fitted")
        if other.kinds != self.kinds:
            raise PredictorError(
                f"the predictor to start from knows {other.kinds}; this one {self.kinds}"
            )
        shape = [(s.members, s.dim, s.rounds) for s in (self.settings, other.settings)]
        if shape[0] != shape[1]:
            raise PredictorError(
                f"the predictor to start from has members, dim and rounds {shape[1]}; "
                f"expected {shape[0]}"
            )
        self._pretrained = other._fitted
        return self

    def predict(self, architectures: Architectures, extras: Extras | None = None) -> Prediction:
        """Predict the target of each architecture, or all of its targets, in their own units.

        Args:
            architectures: over the component kinds of this predictor.
            extras: the further inputs that were fitted, ``[batch]`` each.

        Raises:
            PredictorError: nothing was fitted, the architectures are over other kinds, the extras
                are others than were fitted, or (unless `unknown` is ``"mean"``) an architecture has
                a kind or choice that was never fitted.
        """
        fitted = self._known
        population = as_population(architectures, self.kinds)
        further = fitted.description.extra_inputs(population, extras)
        members = self.settings.members
        samples = np.zeros((members, len(population), len(fitted.scales)))

        def score(chunk: slice) -> None:
            samples[:, chunk] = fitted.score(population[chunk], further[chunk])

        strange = np.zeros(len(population), bool)
        if self.unknown == "mean":
            strange = strange_rows(population, fitted.features)
        else:
            advice = 'fit some that have it, or make the predictor with unknown="mean"'
            refuse_strange(population, fitted.features, advice)
        starts = range(0, len(population), _CHUNK)
        for_each(score, [slice(start, start + _CHUNK) for start in starts])
        if strange.any():
            samples[:, strange] = ignorance(members)[:, None, None]
        return Prediction.of(fitted.to_targets(samples), partial(fitted.quantile, samples))

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
        write_predictor(
            Path(path), SavedPredictor(self.kinds, self.settings, self.seed, self.unknown, tensors)
        )

    def export_onnx(self, path: str | Path, level: float = 0.9) -> None:
        """Write what was fitted as an ONNX file, for programs without torch.

        It takes the dense batch that `onnx_inputs` makes, of any size, and gives ``mean``, ``std``,
        ``low`` and ``high`` (the ends of the interval of `level`), ``[batch]`` or
        ``[batch, targets]`` float64. Needs ``pip install 'dagsmith[onnx]'``.

        Raises:
            PredictorError: nothing was fitted, a level outside (0, 1), or onnx is not installed.
        """
        from dagsmith.predictor.onnx_export import write_onnx

        write_onnx(Path(path), self._known, level)

    def onnx_inputs(
        self, architectures: Architectures, extras: Extras | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """The inputs of an exported predictor for these architectures, by name.

        Raises:
            PredictorError: as for `predict`; what was never fitted is refused in any case.
        """
        from dagsmith.predictor.onnx_export import onnx_inputs

        population, fitted = as_population(architectures, self.kinds), self._known
        refuse_strange(population, fitted.features, "fit some that have it")
        further = fitted.description.extra_inputs(population, extras)
        return onnx_inputs(population, fitted.features, fitted.description, further)

    @property
    def _known(self) -> Fitted:
        if self._fitted is None:
            raise PredictorError("this predictor was not fitted; call fit first")
        return self._fitted

    @staticmethod
    def load(path: str | Path) -> "GNNPredictor":
        """Read what `save` wrote.

        Raises:
            PredictorError: no such file, a damaged one, or one of a newer version.
        """
        saved = read_predictor(Path(path))
        predictor = GNNPredictor(saved.kinds, saved.settings, saved.seed, saved.unknown)
        predictor._fitted = Fitted.restore(saved.tensors, "fitted", saved.kinds, saved.settings)
        predictor._pretrained = Fitted.restore(
            saved.tensors, "pretrained", saved.kinds, saved.settings
        )
        return predictor
