"""Counting: how a linear map lies on crossbars, and how many conversions it takes.

Letters: ``K x N`` the weight matrix, ``M`` times it is applied per sample, ``b_w`` and ``b_x`` bits
of weights and activations, ``R`` crossbar rows and columns, ``c`` bits per cell, ``d`` DAC bits,
``a`` ADC bits, ``n`` ADCs per crossbar, ``r`` replication.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Maps:
    """Linear maps and the knobs they run with, each array ``[maps]``.

    Args:
        inputs: K.
        outputs: N.
        uses: M.
        weight_bits: b_w.
        activation_bits: b_x.
        replication: r.
        size: R, rows and columns of a crossbar.
        cell_bits: c.
        dac_bits: d.
        adc_bits: a.
        adcs: n.
    """

    inputs: Array
    outputs: Array
    uses: Array
    weight_bits: Array
    activation_bits: Array
    replication: Array
    size: Array
    cell_bits: Array
    dac_bits: Array
    adc_bits: Array
    adcs: Array


@dataclass(frozen=True)
class Counts:
    """What running each map once for one sample takes, each array ``[maps]``.

    Args:
        pulses: ``P = ceil(b_x / d)``, read pulses per vector.
        slices: ``S = ceil(b_w / c)``, cells per weight; signs are an offset, not an array.
        row_tiles: ``ceil(K / R)``.
        column_tiles: ``ceil(N S / R)``.
        crossbars: ``r row_tiles column_tiles``.
        cells: cells that hold a weight, ``r K N S``.
        conversions: ``M P row_tiles N S``.
        drives: rows driven, ``M P K column_tiles``.
        cell_reads: ``M P K N S``.
    """

    pulses: Array
    slices: Array
    row_tiles: Array
    column_tiles: Array
    crossbars: Array
    cells: Array
    conversions: Array
    drives: Array
    cell_reads: Array


def count(maps: Maps) -> Counts:
    """Count pulses, slices, tiles, conversions, drives and cell reads of every map."""
    pulses = np.ceil(maps.activation_bits / maps.dac_bits)
    slices = np.ceil(maps.weight_bits / maps.cell_bits)
    row_tiles = np.ceil(maps.inputs / maps.size)
    columns = maps.outputs * slices
    column_tiles = np.ceil(columns / maps.size)
    vectors = maps.uses * pulses
    return Counts(
        pulses=pulses,
        slices=slices,
        row_tiles=row_tiles,
        column_tiles=column_tiles,
        crossbars=maps.replication * row_tiles * column_tiles,
        cells=maps.replication * maps.inputs * columns,
        conversions=vectors * row_tiles * columns,
        drives=vectors * maps.inputs * column_tiles,
        cell_reads=vectors * maps.inputs * columns,
    )


def lossless_adc_bits(rows: int, dac_bits: int, cell_bits: int) -> int:
    """The ADC resolution that loses nothing of a column's partial sum.

    A column of r cells sums up to ``r (2^d - 1) (2^c - 1)``; ISAAC stores the complement of columns
    that are more than half full, so that half of it has to be told apart:

        a* = ceil(log2(r (2^d - 1) (2^c - 1) / 2 + 1)).

    This is ``log2 r + d + c - 1``, one less if d = 1 or c = 1, as PIMSYN (DATE 2024) has it.

    Args:
        rows: rows of the crossbar that are used.
        dac_bits: d.
        cell_bits: c.

    Example:
        >>> lossless_adc_bits(128, dac_bits=1, cell_bits=2)
        8
    """
    return int(largest_sum(rows, dac_bits, cell_bits)).bit_length()


def largest_sum(rows: int, dac_bits: int, cell_bits: int) -> int:
    """The largest partial sum of a column under ISAAC's encoding; see `lossless_adc_bits`."""
    full: int = rows * (2**dac_bits - 1) * (2**cell_bits - 1)
    return full // 2
