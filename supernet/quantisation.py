"""Fake quantisation: what few bits do to a product, with gradients as if they did nothing."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable


@dataclass(frozen=True, slots=True)
class Mapping:
    """How an operator is computed on hardware; see `dagsmith.space.pim`.

    Args:
        weight_bits: bits of its weights.
        activation_bits: bits of what enters its products.
        size: rows and columns of a crossbar.
        cell_bits: bits per cell.
        dac_bits: bits per pulse.
        adc_bits: resolution of the ADCs.
    """

    weight_bits: int
    activation_bits: int
    size: int
    cell_bits: int
    dac_bits: int
    adc_bits: int


def to_integers(tensor: Tensor, bits: int, dim: int) -> tuple[Tensor, Tensor]:
    """Round to symmetric integers of `bits`, one scale per vector along `dim`.

        q = round(x / s),    s = max |x| / (2^(bits - 1) - 1).

    The scale belongs to one vector, not to a batch, so that a row's score does not depend on the
    rows beside it; it is computed, and so needs no statistics.

    Returns:
        The integers as floats, and s with size 1 along `dim`; both without gradients.
    """
    levels = 2 ** (bits - 1) - 1 if bits > 1 else 1
    tensor = tensor.detach()
    largest = tensor.abs().amax(dim=dim, keepdim=True)
    scale = torch.where(largest > 0, largest, 1.0).div_(levels)
    return (tensor / scale).round_(), scale


def fake_quantise(tensor: Tensor, bits: int, dim: int) -> Tensor:
    """The tensor as `bits` can hold it; see `to_integers`.

    Its gradient is that of the tensor itself (the straight-through estimator of Bengio, Leonard
    and Courville, 2013).
    """
    held: Tensor = _Held.apply(tensor, bits, dim)  # type: ignore[no-untyped-call]
    return held


class _Held(torch.autograd.Function):
    """`fake_quantise`."""

    @staticmethod
    def forward(ctx: FunctionCtx, tensor: Tensor, bits: int, dim: int) -> Tensor:
        integers, scale = to_integers(tensor, bits, dim)
        return integers.mul_(scale)

    @staticmethod
    def backward(ctx: FunctionCtx, upstream: Tensor) -> tuple[Tensor, None, None]:
        return upstream, None, None


class _Product(torch.autograd.Function):
    """``y = s_x s_w q_x q_w^T`` of inputs ``x = s_x q_x`` and a matrix ``w = s_w q_w``.

    Written out because every pass over the inputs counts: with the straight-through estimator
    and constant scales ``dq_x / dx = 1 / s_x``, so that s_x cancels in the gradient of x, and s_w
    in that of w:

        dx = (s_w dy) q_w,    dw = (s_x dy)^T q_x.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, matrix: Tensor, mapping: Mapping) -> Tensor:
        rows, row_scale = to_integers(inputs, mapping.activation_bits, dim=1)
        weights, weight_scale = to_integers(matrix, mapping.weight_bits, dim=1)
        kind = inputs.device.type
        if torch.is_autocast_enabled(kind):
            # Integers up to 8 bits are exact in bfloat16 too, so the scales are applied afterwards.
            half = torch.get_autocast_dtype(kind)
            rows, weights = rows.to(half), weights.to(half)
        ctx.save_for_backward(rows, row_scale, weights, weight_scale)
        ctx.types = inputs.dtype, matrix.dtype
        return (rows @ weights.t()) * row_scale * weight_scale.t()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        rows, row_scale, weights, weight_scale = ctx.saved_tensors
        needed = ctx.needs_input_grad
        inputs = matrix = None
        if needed[0]:
            inputs = ((upstream * weight_scale.t()).to(weights.dtype) @ weights).to(ctx.types[0])
        if needed[1]:
            matrix = ((upstream * row_scale).to(rows.dtype).t() @ rows).to(ctx.types[1])
        return inputs, matrix, None


@dataclass(frozen=True)
class Quantised:
    """The arithmetic of a mapped operator whose ADCs lose nothing.

    Args:
        mapping: its bits.
    """

    mapping: Mapping

    def product(self, name: str, inputs: Tensor, matrix: Tensor) -> Tensor:
        """``inputs matrix^T`` of ``[rows, K]`` and ``[N, K]``, with one weight scale per output."""
        found: Tensor = _Product.apply(inputs, matrix, self.mapping)  # type: ignore[no-untyped-call]
        return found

    def operand(self, tensor: Tensor, dim: int) -> Tensor:
        """An operand of a product of activations, which a digital unit computes."""
        return fake_quantise(tensor, self.mapping.activation_bits, dim)
