"""Crossbars as they compute: bit by bit, through ADCs of too few bits, on cells that vary.

For evaluation, not for training. An ADC that loses nothing gives what `Quantised` gives.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from dagsmith.space import SpaceError
from dagsmith.space.errors import nearest
from dagsmith.supernet.quantisation import Mapping, Quantised, to_integers

Readout = Literal["truncate", "clip"]
READOUTS: tuple[str, ...] = get_args(Readout)

_ELEMENTS = 1 << 18
"""Partial sums held at a time: they are gone over several times, so they stay in the cache."""


@dataclass(frozen=True)
class Analog:
    """What analogue crossbars do to a product.

    Args:
        readout: what an ADC of too few bits does: ``"truncate"`` keeps the range and coarsens the
            step, ``"clip"`` keeps the step and saturates.
        variation: standard deviation of a cell's conductance, as a share of it; MNSIM 2.0 has 1 %.
        seed: seed of the cells; a chip is drawn once, so the same seed is the same chip, on every
            device.

    Raises:
        SpaceError: an unknown readout, or a variation below 0.
    """

    readout: Readout = "truncate"
    variation: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if self.readout not in READOUTS:
            raise SpaceError(f"unknown readout {self.readout!r}; {nearest(self.readout, READOUTS)}")
        if not self.variation >= 0:
            raise SpaceError(f"variation is {self.variation}; expected at least 0")

    def arithmetic(self, place: str, mapping: Mapping) -> "AnalogArithmetic":
        """The arithmetic of the operator at `place`."""
        return AnalogArithmetic(mapping, self, place)


@dataclass(frozen=True)
class AnalogArithmetic(Quantised):
    """The arithmetic of a mapped operator on this chip.

    Weights and activations are stored with an offset, so that cells and pulses are not negative:
    ``x w = (X - o_x) (W - o_w)``, where X is driven d bits at a time and W lies c bits to a cell.
    Of every row tile, pulse and slice the ADC reads one partial sum per column; columns more than
    half full are stored as their complement (ISAAC). All else is digital and exact.

    What a column answers to the offset of the activations alone is the same for every row of data:
    it is measured once, when the cells are written, and taken off, with what they vary by.

    Args:
        mapping: bits and crossbar.
        analog: the imperfections.
        place: where the operator sits; its cells are drawn by it.
    """

    analog: Analog
    place: str

    def product(self, name: str, inputs: Tensor, matrix: Tensor) -> Tensor:
        """``inputs matrix^T`` of ``[rows, K]`` and ``[N, K]``."""
        mapping = self.mapping
        lossless = _lossless(min(mapping.size, matrix.shape[1]), mapping) <= mapping.adc_bits
        if lossless and not self.analog.variation:
            return super().product(name, inputs, matrix)
        with torch.autocast(inputs.device.type, enabled=False), _short_factors():
            return self._simulated(name, inputs.float(), matrix.float(), lossless)

    def _simulated(self, name: str, inputs: Tensor, matrix: Tensor, lossless: bool) -> Tensor:
        mapping, size = self.mapping, self.mapping.size
        x, x_scale = to_integers(inputs, mapping.activation_bits, dim=1)
        w, w_scale = to_integers(matrix, mapping.weight_bits, dim=1)
        x_offset, w_offset = _offset(mapping.activation_bits), _offset(mapping.weight_bits)
        seed = zlib.crc32(f"{self.analog.seed}/{self.place}/{name}".encode())
        # Generators of other devices draw other numbers, which would be another chip.
        generator = torch.Generator(device="cpu").manual_seed(seed)
        tiles = [slice(start, start + size) for start in range(0, x.shape[1], size)]
        stored = [self._stored((w[:, tile] + w_offset).t(), generator) for tile in tiles]
        if lossless:
            # What the ADCs read is added up as it is, so the cells may be added up before. What
            # cells vary by is in it unrounded; but for that of the offset, which is calibrated.
            cells = [_unflip(*tile, mapping) for tile in stored]
            total = x @ (torch.cat([_joined(tile, mapping) for tile in cells]) - w_offset)
        else:
            # Here it is rounded by the ADCs, and next to nothing of it is left.
            shifted = x + x_offset
            total = torch.zeros(len(x), len(w), device=x.device)
            for tile, kept in zip(tiles, stored, strict=True):
                total += self._read(shifted[:, tile], *kept)
            # (X - o_x) (W - o_w) = X W - o_w sum X - o_x sum W + K o_x o_w
            total -= w_offset * shifted.sum(dim=1, keepdim=True)
            total -= x_offset * w.sum(dim=1)
        return total * (x_scale * w_scale.t())

    def _stored(self, weights: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Cells ``[slices, rows, N]`` of offset weights ``[rows, N]``, and which columns flip."""
        base = 2**self.mapping.cell_bits
        slices = -(-self.mapping.weight_bits // self.mapping.cell_bits)
        cells = torch.stack([torch.floor(weights / base**s) % base for s in range(slices)])
        flipped = 2 * cells.sum(dim=1, keepdim=True) > cells.shape[1] * (base - 1)
        cells = torch.where(flipped, base - 1 - cells, cells)
        if self.analog.variation:
            noise = torch.randn(cells.shape, generator=generator, device=generator.device)
            cells = cells * (1 + self.analog.variation * noise.to(cells.device))
        return cells, flipped

    def _read(self, driven: Tensor, cells: Tensor, flipped: Tensor) -> Tensor:
        """The tile's product through its ADCs, ``[rows, N]``."""
        mapping = self.mapping
        slices, used, outputs = cells.shape
        base, pulses = 2**mapping.dac_bits, -(-mapping.activation_bits // mapping.dac_bits)
        missing = max(0, _lossless(used, mapping) - mapping.adc_bits)
        step = 2**missing if self.analog.readout == "truncate" else 1
        flat = cells.permute(1, 0, 2).reshape(used, slices * outputs) / step
        # A flipped column's sum is what a full column would give, less what was read.
        shift = step * _shifts(slices, mapping, cells.device)
        sign = torch.where(flipped[:, 0], -shift[:, None], shift[:, None])
        full = (flipped[:, 0] * shift[:, None]).sum(dim=0) * ((2**mapping.cell_bits - 1) / step)
        top = 2**mapping.adc_bits - 1
        saturates = bool((flat.sum(dim=0) * (base - 1) >= top + 0.5).any() or (flat < 0).any())
        parts = []
        for rows in torch.split(driven, max(1, _ELEMENTS // (slices * outputs))):
            part = torch.zeros(len(rows), outputs, device=rows.device)
            left = rows
            for pulse in range(pulses):
                higher = torch.floor(left / base)
                bits, left = left - base * higher, higher
                read = (bits @ flat).round_()
                if saturates:
                    read.clamp_(0, top)
                # A product and a sum: einsum would permute the partial sums first.
                sums = (read.view(len(rows), slices, outputs) * sign).sum(dim=1)
                part += base**pulse * (sums + bits.sum(dim=1, keepdim=True) * full)
            parts.append(part)
        return torch.cat(parts)


@contextmanager
def _short_factors() -> Iterator[None]:
    """Allow products of float32 to take their factors, not their sums, in fewer bits.

    Bits, pulses and what is written to cells are small whole numbers, so nothing is lost of them;
    what a cell varies by is a draw in any case. oneDNN is then asked for every product, and is
    twice as fast as what torch takes else on some processors.
    """
    products = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = products.fp32_precision
    products.fp32_precision = "bf16"
    try:
        yield
    finally:
        products.fp32_precision = before


def _unflip(cells: Tensor, flipped: Tensor, mapping: Mapping) -> Tensor:
    return torch.where(flipped, 2**mapping.cell_bits - 1 - cells, cells)


def _joined(slices: Tensor, mapping: Mapping) -> Tensor:
    """Shift and add over the slices, ``[slices, *, *]`` to ``[*, *]``."""
    return torch.einsum("skn,s->kn", slices, _shifts(len(slices), mapping, slices.device))


def _shifts(slices: int, mapping: Mapping, device: torch.device) -> Tensor:
    return 2.0 ** (mapping.cell_bits * torch.arange(slices, device=device))


def _offset(bits: int) -> int:
    return 2 ** (bits - 1) if bits > 1 else 1


def _lossless(rows: int, mapping: Mapping) -> int:
    """ADC bits that lose nothing of `rows` cells; `dagsmith.hardware.pim` has the same rule."""
    largest: int = rows * (2**mapping.dac_bits - 1) * (2**mapping.cell_bits - 1) // 2
    return largest.bit_length()
