"""Training an ensemble: all members in one backward pass."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dagsmith.predictor.calibration import leave_out
from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.graphs import Graphs
from dagsmith.predictor.losses import listwise, pairwise_hinge, squared_error
from dagsmith.predictor.network import GraphNetwork
from dagsmith.predictor.node_features import NodeFeatures, Tokens
from dagsmith.predictor.settings import TrainingSettings
from dagsmith.space import Population

Progress = Callable[[int, int], None]
"""Told after every step: how many steps are done, and how many there are."""


def train(
    network: GraphNetwork,
    population: Population,
    features: NodeFeatures,
    scores: NDArray[np.float64],
    described: Tensor,
    settings: TrainingSettings,
    seed: int,
    weights: NDArray[np.float64] | None = None,
    progress: Progress | None = None,
) -> NDArray[np.bool_]:
    """Train `network` in place.

    Args:
        network: ensemble with as many outputs as there are scores per architecture.
        population: ``[batch]`` architectures.
        features: the encoding of their nodes.
        scores: targets on their learning scale, ``[batch, outputs]``.
        described: numbers of whole graphs, ``[batch, described]``.
        settings: how.
        seed: of the batches and of what each member leaves out.
        weights: how much each label counts, ``[batch]``; None is alike.
        progress: told after every step.

    Returns:
        Which member left out which label, ``[members, batch]``.

    Raises:
        PredictorError: the weights became NaN or infinite.
    """
    count = len(population)
    rng = np.random.default_rng(seed)
    tokens = Tokens.of(population, features)
    labels = torch.from_numpy(scores.astype(np.float32))
    left_out = np.zeros((network.members, count), bool)
    if settings.leave_out:
        left_out = leave_out(network.members, count, rng)
    learned = np.where(left_out, 0.0, 1.0)
    if weights is not None:
        learned = learned * weights
    member_weights = torch.from_numpy(learned.astype(np.float32))
    steps = max(1, round(count / settings.batch))
    total = settings.epochs * steps
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rise_and_fall((step + 0.5) / (total + 1))
    )
    done = 0
    for _ in range(settings.epochs):
        for rows in np.array_split(rng.permutation(count), steps):
            batch = Tokens(tokens.features, tokens.index[rows])
            graphs = Graphs.join(batch, population[rows], network.members)
            outputs = network(graphs, described[rows])
            loss = torch.zeros(network.members)
            for column in range(outputs.shape[-1]):
                arguments = (outputs[..., column], labels[rows, column], member_weights[:, rows])
                if settings.regression:
                    loss = loss + settings.regression * squared_error(*arguments)
                if settings.ranking and settings.order == "listwise":
                    loss = loss + settings.ranking * listwise(*arguments)
                elif settings.ranking:
                    loss = loss + settings.ranking * pairwise_hinge(*arguments, settings.margin)
            optimizer.zero_grad()
            # A sum over members gives each the gradient that it would have alone.
            loss.sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            done += 1
            if progress is not None:
                progress(done, total)
    check_converged(network, settings.learning_rate)
    return left_out


def check_converged(network: nn.Module, learning_rate: float) -> None:
    """Raise PredictorError if a weight became NaN or infinite."""
    if not all(bool(torch.isfinite(weight).all()) for weight in network.parameters()):
        raise PredictorError(
            f"training diverged (weights are not finite) at learning_rate {learning_rate}; "
            "expected a smaller one"
        )


def _rise_and_fall(part: float) -> float:
    if part < 0.1:
        return part / 0.1
    return 0.5 * (1.0 + float(np.cos(np.pi * (part - 0.1) / 0.9)))
