"""A candidate beside message passing: what flows through the graph is simulated, node after node.

Information goes from the inputs to the outputs in topological order: a node transforms what it
reads through a gate that depends on what it is (GATES: Ning et al., ECCV 2020, arXiv 2004.01899).
Then it goes back from the outputs, and both change what each node is taken for, before the next
time step, as training changes the operations of a network (TA-GATES: Ning et al., NeurIPS 2022; the
forward and backward steps also of FLAN: Akhauri and Abdelfattah, ICML 2024, arXiv 2403.02484).
Where message passing needs a round per edge of a path, one time step goes all the way.
"""

import torch
from dense_training import Dense
from torch import Tensor, nn

from dagsmith.predictor.ensemble import EnsembleLinear, EnsembleNorm


class _Pass(nn.Module):
    """One pass over the nodes: ``h_v = x_v + gelu(norm(W x_v + g(x_v) * sum U h_u))``."""

    def __init__(self, members: int, dim: int, generator: torch.Generator) -> None:
        super().__init__()
        self.own = EnsembleLinear(members, dim, dim, generator)
        self.gate = EnsembleLinear(members, dim, dim, generator)
        self.message = EnsembleLinear(members, dim, dim, generator)
        self.norm = EnsembleNorm(members, dim)

    def forward(self, state: Tensor, kind: Tensor, heard: Tensor, backwards: bool) -> Tensor:
        """Flow through ``[members, batch, nodes, dim]``.

        Args:
            state: what the nodes start from.
            kind: what the nodes are, which decides on their gates.
            heard: 1 where a node hears another, ``[batch, nodes, nodes]``.
            backwards: from the last node to the first.
        """
        members, batch, nodes, dim = state.shape

        def rows(layer: nn.Module, values: Tensor) -> Tensor:
            mapped: Tensor = layer(values.reshape(members, batch * nodes, dim))
            return mapped.view(values.shape)

        own, gate = rows(self.own, state), torch.sigmoid(rows(self.gate, kind))
        messages = [torch.zeros_like(state[:, :, 0]) for _ in range(nodes)]
        found = list(messages)
        for node in reversed(range(nodes)) if backwards else range(nodes):
            # Nodes whose turn is yet to come have said nothing.
            sums = torch.einsum("bu,mbud->mbd", heard[:, node], torch.stack(messages, dim=2))
            update = self.norm(own[:, :, node] + gate[:, :, node] * sums)
            found[node] = state[:, :, node] + nn.functional.gelu(update)
            messages[node] = self.message(found[node])
        return torch.stack(found, dim=2)


class FlowNetwork(nn.Module):
    """Encoder, time steps of a pass forth and one back, sinks and all nodes, one output."""

    STEPS = 2
    """Time steps, as in TA-GATES and FLAN."""

    def __init__(self, features: int, described: int, members: int, dim: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.members = members
        self.encode = EnsembleLinear(members, features, dim, generator, gain=3.0)
        self.mix = EnsembleLinear(members, dim, dim, generator)
        self.forth = _Pass(members, dim, generator)
        self.back = _Pass(members, dim, generator)
        self.change = EnsembleLinear(members, 3 * dim, dim, generator)
        self.hidden = EnsembleLinear(members, 3 * dim + described, dim, generator)
        self.output = EnsembleLinear(members, dim, 1, generator)

    def forward(self, tokens: Tensor, dense: Dense, described: Tensor) -> Tensor:
        """Score a batch, ``[members, batch]``."""
        different = tokens.expand(self.members, -1, -1)
        encoding = self.mix(nn.functional.gelu(self.encode(different)))
        kind = encoding[:, dense.tokens.clamp(min=0)]
        reads = (dense.relation == 1).float()
        present = (dense.tokens >= 0).float()
        for step in range(self.STEPS):
            flowed = self.forth(kind, kind, reads, backwards=False)
            if step + 1 < self.STEPS:
                returned = self.back(flowed, kind, reads.transpose(1, 2), backwards=True)
                both = torch.cat([kind, flowed, returned], dim=-1).flatten(1, 2)
                kind = kind + nn.functional.gelu(self.change(both)).view_as(kind)
        unread = (present * (reads.amax(dim=1) == 0))[..., None]
        sinks = (flowed * unread).sum(2)
        mean = (flowed * present[..., None]).sum(2) / present.sum(1)[:, None]
        peak = flowed.masked_fill(present[..., None] == 0, float("-inf")).amax(2)
        beside = described.clamp(-4.0, 4.0).expand(self.members, -1, -1)
        summary = torch.cat([sinks, mean, peak, beside], -1)
        scores: Tensor = self.output(nn.functional.gelu(self.hidden(summary)))
        return scores[..., 0]
