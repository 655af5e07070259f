"""What an operator needs to be run: its weights' shapes, and where its inputs come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from dagsmith.space import Node

HIDDEN_NORM = 0.17
"""Initial LayerNorm weight inside attention, as NASRec sets it."""


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight tensor to be allocated (stand-alone) or sliced out of a larger one (supernet).

    Args:
        shape: its shape; in a supernet the prefix of this shape is used.
        fan: ``(fan_in, fan_out)`` for Xavier-uniform initialisation, or None for a constant.
        constant: the initial value where `fan` is None.
    """

    shape: tuple[int, ...]
    fan: tuple[int, int] | None = None
    constant: float = 0.0


@dataclass(frozen=True, slots=True)
class Source:
    """One input of an operator.

    Args:
        place: the block that it comes from; weights that read it belong to this place.
        size: its width (dense) or rows (sparse).
        dim: width of its embedding vectors; 0 for a dense tensor.
    """

    place: str
    size: int
    dim: int = 0


Sources = Mapping[str, Sequence[Source]]
Tensors = Mapping[str, Sequence[Tensor]]
Weights = Mapping[str, Tensor]


class Arithmetic(Protocol):
    """How a mapped operator multiplies."""

    def product(self, name: str, inputs: Tensor, matrix: Tensor) -> Tensor:
        """``inputs matrix^T`` of ``[rows, K]`` and ``[N, K]``; `name` is the matrix's own."""
        ...

    def operand(self, tensor: Tensor, dim: int) -> Tensor:
        """An operand of a product of activations, whose vectors lie along `dim`."""
        ...


class MappedWeights(dict[str, Tensor]):
    """An operator's weights, together with the arithmetic of the hardware that it is mapped to."""

    def __init__(self, tensors: Mapping[str, Tensor], arithmetic: Arithmetic) -> None:
        super().__init__(tensors)
        self.arithmetic = arithmetic


def operand(tensor: Tensor, weights: Weights, dim: int) -> Tensor:
    """An operand of a product of activations, as the operator's hardware holds it."""
    if isinstance(weights, MappedWeights):
        return weights.arithmetic.operand(tensor, dim)
    return tensor


class Operator(Protocol):
    """One operator: its weights, its output, its formula.

    For a node of an architecture `output` tells the size of what comes out, `weights` which
    tensors are needed (by a name that is unique within the node), and `forward` computes the
    formula from the input tensors and those weights. Dense tensors are ``[batch, width]``,
    sparse ones ``[batch, dim, rows]``: rows last, so that a linear map along the rows and its
    normalisation run over contiguous memory. Inputs come by port, each a sequence in the order
    of the sources. Source: NASRec, arXiv 2207.07187, section 3, and its public code.
    """

    def output(self, node: Node, sources: Sources) -> Source:
        """Size of the output (its place is filled in by the caller)."""
        ...

    def weights(self, node: Node, sources: Sources) -> dict[str, Weight]:
        """The weights needed for this node and these sources."""
        ...

    def forward(self, node: Node, sources: Sources, tensors: Tensors, weights: Weights) -> Tensor:
        """The output tensor."""
        ...


def full(tensor: Tensor) -> Tensor:
    """In full precision at least: what autocast halved becomes float32, float64 stays."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def width_of(node: Node, attribute: str = "width") -> int:
    """The node's output size."""
    return int(node[attribute])


def total(sources: Sequence[Source]) -> int:
    """Summed size of the sources."""
    return sum(source.size for source in sources)
