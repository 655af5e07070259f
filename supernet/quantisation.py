"""Fake quantisation: what few bits do to a product, with gradients as if they did nothing."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


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

        q = round(x / s),    s = max |x| / (2^(bits - 1) - 1),

    and the gradient of q is that of x / s (the straight-through estimator of Bengio, Leonard and
    Courville, 2013). The scale belongs to one vector, not to a batch, so that a row's score does
    not depend on the rows beside it; it is computed, and so needs no statistics.

    Returns:
        The integers as floats, and s with size 1 along `dim`.
    """
    levels = 2 ** (bits - 1) - 1 if bits > 1 else 1
    largest = tensor.detach().abs().amax(dim=dim, keepdim=True)
    scale = torch.where(largest > 0, largest, torch.ones_like(largest)) / levels
    scaled = tensor / scale
    return scaled + (scaled.detach().round() - scaled.detach()), scale


def fake_quantise(tensor: Tensor, bits: int, dim: int) -> Tensor:
    """The tensor as `bits` can hold it; see `to_integers`."""
    integers, scale = to_integers(tensor, bits, dim)
    return integers * scale


@dataclass(frozen=True)
class Quantised:
    """The arithmetic of a mapped operator whose ADCs lose nothing.

    Args:
        mapping: its bits.
    """

    mapping: Mapping

    def product(self, name: str, inputs: Tensor, matrix: Tensor) -> Tensor:
        """``inputs matrix^T`` of ``[rows, K]`` and ``[N, K]``, with one weight scale per output."""
        # Integers up to 8 bits are exact in bfloat16 too, so the scales are applied afterwards.
        rows, row_scale = to_integers(inputs, self.mapping.activation_bits, dim=1)
        weights, weight_scale = to_integers(matrix, self.mapping.weight_bits, dim=1)
        return functional.linear(rows, weights) * (row_scale * weight_scale.t())

    def operand(self, tensor: Tensor, dim: int) -> Tensor:
        """An operand of a product of activations, which a digital unit computes."""
        return fake_quantise(tensor, self.mapping.activation_bits, dim)
