"""Trains the candidates that work on padded batches, as `GNNPredictor` trains its network.

Encoder per component kind, ensemble, losses, scales of the targets and graph features are those of
`GNNPredictor`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dagsmith.predictor.description import Description
from dagsmith.predictor.losses import pairwise_hinge, squared_error
from dagsmith.predictor.node_features import NodeFeatures, Tokens
from dagsmith.predictor.target_scale import TargetScale
from dagsmith.space import Population

FAR = 6
"""Edges from which all distances are alike."""


def relations(population: Population) -> NDArray[np.int64]:
    """How node j lies to node i, ``[batch, i, j]``: 0 no path, 1..FAR ahead, FAR+1..2FAR behind.

    A node is at distance 0 of itself, which is 2 FAR + 1.
    """
    reads = population.edges > 0
    batch, count, _ = reads.shape
    found = np.zeros((batch, count, count), np.int64)
    reach = np.broadcast_to(np.eye(count, dtype=bool), reads.shape)
    for distance in range(1, count):
        reach = (reads.astype(np.float32) @ reach.astype(np.float32)) > 0
        new = reach & (found == 0)
        found[new] = min(distance, FAR)
    behind = np.swapaxes(found, 1, 2)
    found = np.where(behind > 0, behind + FAR, found)
    found[:, np.arange(count), np.arange(count)] = 2 * FAR + 1
    return found


@dataclass(frozen=True)
class Dense:
    """A padded batch: tokens ``[batch, nodes]`` (-1 is no node), and `relations`."""

    tokens: Tensor
    relation: Tensor

    def take(self, rows: NDArray[np.int64]) -> "Dense":
        """These graphs."""
        return Dense(self.tokens[rows], self.relation[rows])


def dense_scores(
    make: Callable[[int, int, int, int, int], nn.Module],
    known: Population,
    targets: NDArray[np.float64],
    unseen: Population,
    seed: int,
    learning_rate: float = 3e-3,
) -> NDArray[np.float64]:
    """Train on `known` as `GNNPredictor` does; the mean score of `unseen`, ``[batch]``.

    Args:
        make: makes a network of (width of the features, numbers that describe a graph, members,
            hidden width, seed), which scores (tokens, `Dense`, described) as ``[members, batch]``.
        known: ``[labels]`` architectures.
        targets: of these.
        unseen: what is scored.
        seed: of initial weights and batches.
        learning_rate: its peak.
    """
    members, dim, epochs = 5, 32, 100
    rng = np.random.default_rng(seed)
    scale = TargetScale.fit(targets)
    labels = torch.from_numpy(scale.to_scores(targets).astype(np.float32))
    description = Description.fit(known, {}, graph_features=True)
    features = NodeFeatures.fit(known)

    def inputs(population: Population) -> tuple[Tensor, Dense, Tensor]:
        tokens = Tokens.of(population, features)
        dense = Dense(torch.from_numpy(tokens.index), torch.from_numpy(relations(population)))
        none = torch.zeros(len(population), 0)
        return torch.from_numpy(tokens.features), dense, description.of(population, none)

    tokens, dense, described = inputs(known)
    network = make(features.width, description.width, members, dim, seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=5e-2)
    steps = max(1, round(len(known) / 16))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, epochs * steps + 1, pct_start=0.1
    )
    weights = torch.ones(members, len(known))
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(known)), steps):
            scores = network(tokens, dense.take(rows), described[rows])
            seen = (scores, labels[rows], weights[:, rows])
            loss = squared_error(*seen) + 4.0 * pairwise_hinge(*seen, 0.5)
            optimizer.zero_grad()
            loss.sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    with torch.inference_mode():
        tokens, dense, described = inputs(unseen)
        found = [
            network(tokens, dense.take(rows), described[rows]).mean(0)
            for rows in np.array_split(np.arange(len(unseen)), max(1, len(unseen) // 256))
        ]
    return torch.cat(found).double().numpy()
