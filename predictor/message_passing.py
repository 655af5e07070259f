"""One round of message passing along and against the edges of a DAG."""

import torch
from torch import Tensor, nn

from dagsmith.predictor.ensemble import EnsembleLinear, EnsembleNorm
from dagsmith.predictor.graphs import GraphBatch, RowMap


class DirectedRound(nn.Module):
    r"""Every node hears what flows into it and what reads it, through gates.

    .. math::
        u_v &= W_0 h_v + g_v \odot \sum_{(s \to v, p)} a_p \odot W_1 h_s
              + g'_v \odot \sum_{(v \to t, p)} a'_p \odot W_2 h_t \\
        h'_v &= h_v + \mathrm{gelu}(\mathrm{norm}(u_v))

    where p is the port of an edge, a and a' are learned per port and channel, and the gates
    :math:`g_v = \sigma(W_3 x_v)`, :math:`g'_v = \sigma(W_4 x_v)` depend on what the node is
    (its encoding x): an operation transforms the information that flows through it, as in GATES
    (Ning et al., ECCV 2020, arXiv 2004.01899).

    Args:
        members: ensemble members.
        dim: hidden width.
        ports: number of ports in the vocabulary.
        generator: source of the initial weights.
    """

    def __init__(self, members: int, dim: int, ports: int, generator: torch.Generator) -> None:
        super().__init__()

        def linear() -> EnsembleLinear:
            return EnsembleLinear(members, dim, dim, generator)

        self.own, self.forth, self.back = linear(), linear(), linear()
        self.gate_forth, self.gate_back = linear(), linear()
        # One port needs no telling apart.
        spread = 0.5 if ports > 1 else 0.0
        draw = torch.randn(2, ports, members, 1, dim, generator=generator)
        self.port_forth = nn.Parameter(1.0 + spread * draw[0])
        self.port_back = nn.Parameter(1.0 + spread * draw[1])
        self.norm = EnsembleNorm(members, dim)

    def forward(self, hidden: Tensor | None, encoding: Tensor, graphs: GraphBatch) -> Tensor:
        """Return the new hidden states.

        Args:
            hidden: ``[members, nodes, dim]``, or None in the first round, where the state of a
                node is its encoding.
            encoding: of the different nodes, ``[members, tokens, dim]``.
            graphs: the batch.

        Returns:
            ``[members, nodes, dim]``.
        """

        def mapped(linear: EnsembleLinear) -> Tensor:
            # There are far fewer different nodes than nodes: map those, then copy.
            return graphs.nodes(linear(encoding)) if hidden is None else linear(hidden)

        def heard(
            message: EnsembleLinear, port: Tensor, sums: RowMap, gate: EnsembleLinear
        ) -> Tensor:
            gates = graphs.nodes(torch.sigmoid(gate(encoding)))
            return sums(mapped(message) * port) * gates

        update = (
            mapped(self.own)
            + heard(self.forth, self.port_forth, graphs.into, self.gate_forth)
            + heard(self.back, self.port_back, graphs.out_of, self.gate_back)
        )
        before = graphs.nodes(encoding) if hidden is None else hidden
        return before + nn.functional.gelu(self.norm(update))
