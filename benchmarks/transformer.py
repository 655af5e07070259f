"""A candidate beside message passing: a transformer over the nodes, biased by shortest paths.

Every node attends to every other one of its graph; how much, depends also on how they lie to each
other: so many edges ahead, so many behind, or neither reaches the other (Graphormer: Ying et al.,
NeurIPS 2021, arXiv 2106.05234, with directed distances). With `neighbours_only` it attends to what
it reads, what reads it, and itself: graph attention (Velickovic et al., ICLR 2018, arXiv
1710.10903), with the dot products of a transformer.
"""

import torch
from dense_training import FAR, Dense
from torch import Tensor, nn

from dagsmith.predictor.ensemble import EnsembleLinear, EnsembleNorm


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

    def forward(self, hidden: Tensor, relation: Tensor, hidden_from: Tensor) -> Tensor:
        """``[members, batch, nodes, dim]`` to the same; `hidden_from` is a mask of pairs."""
        members, batch, nodes, dim = hidden.shape

        def rows(layer: nn.Module, values: Tensor) -> Tensor:
            mapped: Tensor = layer(values.reshape(members, batch * nodes, -1))
            return mapped.view(members, batch, nodes, -1)

        parts = rows(self.qkv, rows(self.norms[0], hidden))
        query, key, value = parts.view(members, batch, nodes, 3, self.heads, -1).unbind(3)
        weight = torch.einsum("mbihd,mbjhd->mbhij", query, key) / (dim // self.heads) ** 0.5
        weight = weight + self.bias[:, relation].permute(0, 1, 4, 2, 3)
        weight = weight.masked_fill(hidden_from[None, :, None], float("-inf")).softmax(-1)
        heard = torch.einsum("mbhij,mbjhd->mbihd", weight, value).reshape(hidden.shape)
        hidden = hidden + rows(self.out, heard)
        return hidden + rows(
            self.down, nn.functional.gelu(rows(self.up, rows(self.norms[1], hidden)))
        )


class TransformerNetwork(nn.Module):
    """Encoder, layers of attention, mean and maximum of the nodes, graph features, one output."""

    LAYERS = 3

    def __init__(
        self,
        features: int,
        described: int,
        members: int,
        dim: int,
        seed: int,
        neighbours_only: bool = False,
    ) -> None:
        super().__init__()
        self.neighbours_only = neighbours_only
        generator = torch.Generator().manual_seed(seed)
        self.members = members
        self.encode = EnsembleLinear(members, features, dim, generator, gain=3.0)
        self.mix = EnsembleLinear(members, dim, dim, generator)
        self.layers = nn.ModuleList(_Layer(members, dim, 4, generator) for _ in range(self.LAYERS))
        self.hidden = EnsembleLinear(members, 2 * dim + described, dim, generator)
        self.output = EnsembleLinear(members, dim, 1, generator)

    def forward(self, tokens: Tensor, dense: Dense, described: Tensor) -> Tensor:
        """Score a batch, ``[members, batch]``."""
        different = tokens.expand(self.members, -1, -1)
        encoding = self.mix(nn.functional.gelu(self.encode(different)))
        absent = dense.tokens < 0
        hidden_from = absent[:, None].expand_as(dense.relation)
        if self.neighbours_only:
            near = torch.tensor([1, FAR + 1, 2 * FAR + 1])
            hidden_from = ~torch.isin(dense.relation, near)
        hidden = encoding[:, dense.tokens.clamp(min=0)]
        for layer in self.layers:
            hidden = layer(hidden, dense.relation, hidden_from)
        present = (~absent)[None, :, :, None]
        mean = (hidden * present).sum(2) / present.sum(2)
        peak = hidden.masked_fill(~present, float("-inf")).amax(2)
        beside = described.clamp(-4.0, 4.0).expand(self.members, -1, -1)
        summary = torch.cat([mean, peak, beside], -1)
        scores: Tensor = self.output(nn.functional.gelu(self.hidden(summary)))
        return scores[..., 0]
