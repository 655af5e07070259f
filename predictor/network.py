"""The network: encoder per component kind, rounds on the DAG, readout."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dagsmith.predictor.ensemble import EnsembleLinear
from dagsmith.predictor.graphs import GraphBatch
from dagsmith.predictor.message_passing import DirectedRound
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.predictor.settings import GNNSettings

_LIMIT = 4.0
"""Standard deviations beyond which a number that describes a graph tells no more."""


class GraphNetwork(nn.Module):
    """An ensemble of graph networks that score architectures.

    A node is encoded by its kind's own encoder (`NodeFeatures` holds one block of columns per
    kind) into the hidden width; `rounds` of `DirectedRound` follow; the sinks, and sum, mean and
    maximum over all nodes, are read by a small network with one output per target. Nothing depends
    on the order of the nodes.

    Args:
        features: width of the node features.
        ports: number of ports in the vocabulary.
        members: ensemble members.
        dim: hidden width.
        rounds: rounds of message passing.
        outputs: targets predicted at once.
        described: numbers that every graph is described by, read beside it.
        typical_size: nodes of a typical graph; the scale of the sum.
        generator: source of the initial weights.
    """

    def __init__(
        self,
        features: int,
        ports: int,
        members: int,
        dim: int,
        rounds: int,
        outputs: int,
        described: int,
        typical_size: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.members = members
        self.described = described
        # Saved with the weights.
        self.typical_size: Tensor
        self.register_buffer("typical_size", torch.tensor(typical_size))
        self.encode = EnsembleLinear(members, features, dim, generator, gain=3.0)
        self.mix = EnsembleLinear(members, dim, dim, generator)
        self.rounds = nn.ModuleList(
            DirectedRound(members, dim, ports, generator) for _ in range(rounds)
        )
        self.hidden = EnsembleLinear(members, 4 * dim + described, dim, generator)
        self.output = EnsembleLinear(members, dim, outputs, generator)

    @staticmethod
    def build(
        features: NodeFeatures,
        settings: GNNSettings,
        *,
        outputs: int,
        typical_size: float,
        seed: int,
        described: int = 0,
    ) -> "GraphNetwork":
        """Build a network for an encoding, with initial weights drawn from `seed`."""
        return GraphNetwork(
            features.width,
            len(features.kinds.ports),
            settings.members,
            settings.dim,
            settings.rounds,
            outputs,
            described,
            typical_size,
            torch.Generator().manual_seed(seed),
        )

    def learn_from(self, other: "GraphNetwork", shared: Sequence[tuple[int, int]]) -> None:
        """Take over all that `other` knows but its last layer, whose targets were others.

        Args:
            other: of the same size, but for what describes a graph.
            shared: which numbers that describe a graph mean the same, by their places here and
                there; what is read of others stays as it was drawn.
        """
        state = {
            name: value
            for name, value in other.state_dict().items()
            if not name.startswith("output.")
        }
        known = state["hidden.weight"]
        graph = known.shape[1] - other.described
        weight = self.hidden.weight.detach().clone()
        weight[:, :graph] = known[:, :graph]
        for own, theirs in shared:
            weight[:, graph + own] = known[:, graph + theirs]
        state["hidden.weight"] = weight
        self.load_state_dict(state, strict=False)

    @torch.no_grad()
    def answer_as(
        self, other: "GraphNetwork", graphs: GraphBatch, description: Tensor, scores: Tensor
    ) -> None:
        r"""Begin with the answers of `other`, after `learn_from`, as far as they are right.

        Each member's answer z to each output becomes :math:`b z + a`, the regression of the new
        labels on it. A target that `other` ranks well begins with its ranking, whatever the units
        and the direction; of one that has nothing to do with it little is left (b is near 0).

        Args:
            other: with as many outputs.
            graphs: the labelled architectures.
            description: as for `forward`.
            scores: their labels on the learning scale, ``[batch, outputs]``.
        """
        for name, own in self.output.named_parameters():
            own.copy_(other.output.get_parameter(name))
        answers = self(graphs, description)
        centre = answers.mean(dim=1, keepdim=True)
        spread = answers - centre
        # The 1 is the variance of normal scores: answers that hardly differ are not blown up.
        square = spread.square().sum(dim=1, keepdim=True) + 1.0
        slope = (spread * (scores - scores.mean(dim=0))).sum(dim=1, keepdim=True) / square
        self.output.weight.mul_(slope)
        self.output.bias.sub_(centre).mul_(slope).add_(scores.mean(dim=0))

    def forward(self, graphs: GraphBatch, description: Tensor) -> Tensor:
        """Score a batch.

        Args:
            graphs: the architectures.
            description: numbers of each as a whole, ``[batch, described]``.

        Returns:
            ``[members, batch, outputs]``.
        """
        features = graphs.tokens.expand(self.members, -1, -1)
        encoding = self.mix(nn.functional.gelu(self.encode(features)))
        first, *others = self.rounds
        hidden: Tensor = first(None, encoding, graphs)
        for round_ in others:
            hidden = round_(hidden, encoding, graphs)
        beside = description.clamp(-_LIMIT, _LIMIT).expand(self.members, -1, -1)
        summary = torch.cat([self.readout(hidden, graphs), beside], dim=-1)
        scores: Tensor = self.output(nn.functional.gelu(self.hidden(summary)))
        return scores

    def readout(self, hidden: Tensor, graphs: GraphBatch) -> Tensor:
        """Sinks, and sum, mean and maximum of all nodes of a graph, ``[members, batch, 4 * dim]``.

        What flows through a graph ends in its sinks, the nodes that nobody reads; there GATES reads
        (arXiv 2004.01899). What does not show there is in the other three.
        """
        total = graphs.graphs(hidden)
        mean = total / graphs.sizes.clamp(min=1)[:, None]
        peak = graphs.peaks(hidden)
        parts = [graphs.sinks(hidden), total / self.typical_size, mean, peak]
        return torch.cat(parts, dim=-1)
