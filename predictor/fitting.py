"""Fitting: from evaluated architectures to a trained network, its linear part and its intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from dagsmith.predictor.calibration import Calibration
from dagsmith.predictor.description import Description
from dagsmith.predictor.fitted import Fitted
from dagsmith.predictor.graphs import Graphs
from dagsmith.predictor.linear_part import LinearPart
from dagsmith.predictor.network import GraphNetwork
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.predictor.settings import GNNSettings, TrainingSettings
from dagsmith.predictor.target_scale import TargetScale
from dagsmith.predictor.threads import one_thread
from dagsmith.predictor.training import Progress, train
from dagsmith.space import Population


@dataclass(frozen=True)
class Evaluated:
    """What a network is fitted to.

    Args:
        population: ``[batch]`` architectures, all different.
        targets: in their units, ``[batch, outputs]``.
        several: whether predictions have the form ``[batch, targets]`` or ``[batch]``.
        weights: how much each architecture counts, ``[batch]``.
        extras: further inputs by name, ``[batch]`` each.
    """

    population: Population
    targets: NDArray[np.float64]
    several: bool
    weights: NDArray[np.float64]
    extras: Mapping[str, NDArray[np.float64]]


def fit_network(
    evaluated: Evaluated,
    settings: GNNSettings,
    training: TrainingSettings,
    seed: int,
    start: Fitted | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """Train a network, weigh a linear part against it, and calibrate the intervals of both.

    Args:
        evaluated: architectures and targets.
        settings: of the network.
        training: how it is trained.
        seed: of initial weights, batches, and of what each member leaves out.
        start: a fitted network to start from, whose targets may have been others; if they were as
            many, its answers are where training begins.
        progress: told the number of steps done and to do.

    Raises:
        PredictorError: training diverged, or an extra never varies.
    """
    population, targets = evaluated.population, evaluated.targets
    scales = tuple(TargetScale.fit(column) for column in targets.T)
    scores = np.stack(
        [scale.to_scores(column) for scale, column in zip(scales, targets.T, strict=True)], axis=1
    )
    description = Description.fit(
        population,
        evaluated.extras,
        settings.graph_features,
        start.description if start else None,
    )
    extra_inputs = description.extra_inputs(population, evaluated.extras)
    described = description.of(population, extra_inputs)
    features = NodeFeatures.fit(population)
    if start:
        features = replace(start.features, seen=start.features.seen | features.seen)
    network = GraphNetwork.build(
        features,
        settings,
        outputs=len(scales),
        described=description.width,
        typical_size=float(population.present.sum(axis=1).mean()),
        seed=seed,
    )
    if start:
        network.learn_from(start.network, description.shared(start.description))
        if len(start.scales) == len(scales):
            graphs = Graphs.of(population, features, settings.members)
            labels = torch.from_numpy(scores.astype(np.float32))
            network.answer_as(start.network, graphs, described, labels)
    with one_thread():
        left_out = train(
            network,
            population,
            features,
            scores,
            described,
            training,
            seed,
            evaluated.weights,
            progress,
        )
    with torch.inference_mode():
        graphs = Graphs.of(population, features, settings.members)
        samples = network(graphs, described).double().numpy()
    linear = None
    if settings.linear_part:
        numbers = described.double().numpy()
        linear = LinearPart.fit(numbers, targets, scales, samples, left_out, evaluated.weights)
        samples = linear.blend(samples, numbers, scales) if linear else samples
    calibrations = tuple(
        Calibration.fit(scores[:, i], samples[..., i], left_out) for i in range(len(scales))
    )
    several = evaluated.several
    return Fitted(network, features, scales, calibrations, description, several, linear)
