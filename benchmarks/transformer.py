"""A candidate beside message passing: a transformer over the nodes, biased by shortest paths.

Every node attends to every other one of its graph; how much, depends also on how they lie to each
other: so many edges ahead, so many behind, or neither reaches the other (Graphormer: Ying et al.,
NeurIPS 2021, arXiv 2106.05234, with directed distances). Encoder per component kind, ensemble,
losses, scales of the targets and graph features are those of `GNNPredictor`.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dagsmith.predictor.description import Description
from dagsmith.predictor.ensemble import EnsembleLinear, EnsembleNorm
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


class _Layer(nn.Module):
    def __init__(self, members: int, dim: int, heads: int, generator: torch.Generator) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = EnsembleLinear(members, dim, 3 * dim, generator)
        self.out = EnsembleLinear(members, dim, dim, generator)
        self.up = EnsembleLinear(members, dim, 2 * dim, generator)
        self.down = EnsembleLinear(members, 2 * dim, dim, generator)
        self.norms = nn.ModuleList(EnsembleNorm(members, dim) for _ in range(2))
        self.bias = nn.Parameter(torch.zeros(members, 2 * FAR + 2, heads))

    def forward(self, hidden: Tensor, relation: Tensor, absent: Tensor) -> Tensor:
        """``[members, batch, nodes, dim]`` to the same."""
        members, batch, nodes, dim = hidden.shape

        def rows(layer: nn.Module, values: Tensor) -> Tensor:
            mapped: Tensor = layer(values.reshape(members, batch * nodes, -1))
            return mapped.view(members, batch, nodes, -1)

        parts = rows(self.qkv, rows(self.norms[0], hidden))
        query, key, value = parts.view(members, batch, nodes, 3, self.heads, -1).unbind(3)
        weight = torch.einsum("mbihd,mbjhd->mbhij", query, key) / (dim // self.heads) ** 0.5
        weight = weight + self.bias[:, relation].permute(0, 1, 4, 2, 3)
        weight = weight.masked_fill(absent[None, :, None, None, :], float("-inf")).softmax(-1)
        heard = torch.einsum("mbhij,mbjhd->mbihd", weight, value).reshape(hidden.shape)
        hidden = hidden + rows(self.out, heard)
        return hidden + rows(
            self.down, nn.functional.gelu(rows(self.up, rows(self.norms[1], hidden)))
        )


class TransformerNetwork(nn.Module):
    """Encoder, layers of attention, mean and maximum of the nodes, graph features, one output."""

    def __init__(
        self, features: int, described: int, members: int, dim: int, layers: int, seed: int
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.members = members
        self.encode = EnsembleLinear(members, features, dim, generator, gain=3.0)
        self.mix = EnsembleLinear(members, dim, dim, generator)
        self.layers = nn.ModuleList(_Layer(members, dim, 4, generator) for _ in range(layers))
        self.hidden = EnsembleLinear(members, 2 * dim + described, dim, generator)
        self.output = EnsembleLinear(members, dim, 1, generator)

    def forward(self, tokens: Tensor, dense: Dense, described: Tensor) -> Tensor:
        """Score a batch, ``[members, batch]``."""
        different = tokens.expand(self.members, -1, -1)
        encoding = self.mix(nn.functional.gelu(self.encode(different)))
        absent = dense.tokens < 0
        hidden = encoding[:, dense.tokens.clamp(min=0)]
        for layer in self.layers:
            hidden = layer(hidden, dense.relation, absent)
        present = (~absent)[None, :, :, None]
        mean = (hidden * present).sum(2) / present.sum(2)
        peak = hidden.masked_fill(~present, float("-inf")).amax(2)
        beside = described.clamp(-4.0, 4.0).expand(self.members, -1, -1)
        summary = torch.cat([mean, peak, beside], -1)
        scores: Tensor = self.output(nn.functional.gelu(self.hidden(summary)))
        return scores[..., 0]


def transformer_scores(
    known: Population,
    targets: NDArray[np.float64],
    unseen: Population,
    seed: int,
    layers: int = 3,
    learning_rate: float = 3e-3,
) -> NDArray[np.float64]:
    """Train on `known` as `GNNPredictor` does; the mean score of `unseen`, ``[batch]``."""
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
    network = TransformerNetwork(features.width, description.width, members, dim, layers, seed)
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
