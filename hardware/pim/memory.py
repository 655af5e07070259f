"""Embedding look-ups in their own memory: bursts, banks and channels, or ReRAM in memory mode.

Full tables do not fit compute crossbars (Criteo's 33.8 million rows of 16 bytes would fill more
than eight ISAAC chips), and a look-up is not a matrix product.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.hardware.pim.technology import Technology
from dagsmith.space.pim import TIERS

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LookUps:
    """What one sample's embedding look-ups cost, each array ``[batch]``.

    Args:
        energy_pj: of reading.
        latency_ns: until the last vector is there.
        interval_ns: time before the next sample can begin.
        area_um2: on the chip; 0 for memories beside it.
        bits_read: bits moved, over-fetch included.
        writes: cells to program, once; 0 for memories beside the chip.
    """

    energy_pj: Array
    latency_ns: Array
    interval_ns: Array
    area_um2: Array
    bits_read: Array
    writes: Array


def look_up(
    tier: Array,
    fields: Array,
    dim: Array,
    bits: Array,
    size: Array,
    cell_bits: Array,
    rows: float,
    technology: Technology,
) -> LookUps:
    """Cost the look-ups of each architecture.

    DRAM and HBM move whole bursts of B bits: ``F ceil(D b / B) B`` bits, in
    ``access + max(ceil(F / (channels banks)) t_RC, bits / rate)``. ReRAM in memory mode reads
    ``ceil(D b / (c R))`` rows of an array per look-up, with ``2^c - 1`` comparisons per cell, and
    keeps the tables on the chip.

    Args:
        tier: index into `TIERS`, ``[batch]`` as all others.
        fields: F, look-ups per sample; 0 where no embedding is read.
        dim: D, coordinates of a vector.
        bits: b, bits of a coordinate.
        size: R of the crossbars that ReRAM memory is made of.
        cell_bits: c.
        rows: rows of all tables together; 0 if they are not known.
        technology: the figures.
    """
    wanted = fields * dim * bits
    shape = fields.shape
    energy, latency, interval = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    area, moved, writes = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for index, name in enumerate(TIERS):
        at = (tier == index) & (fields > 0)
        if not at.any():
            continue
        if name == "reram":
            cells = dim * bits / cell_bits
            reads = fields * np.ceil(cells / size)
            comparisons = fields * np.ceil(cells) * (2.0**cell_bits - 1)
            drive = technology.at("dac.power", np.ones(1))[0] * technology["crossbar.read_time"]
            spent = (
                reads * drive
                + fields * np.ceil(cells) * technology["crossbar.cell_read_energy"]
                + comparisons * technology["reram.sense_energy"]
                + wanted * technology["tile.bus_energy"]
            )
            taken = np.ceil(reads / technology["reram.banks"]) * technology["crossbar.read_time"]
            stored = np.ceil(rows * cells)
            arrays = np.ceil(stored / size**2)
            edge = size * (2.0**cell_bits - 1) * technology["reram.sense_area"]
            edge = edge + size * technology.at("dac.area", np.ones(1))[0]
            area[at] = (arrays * (size**2 * technology["crossbar.cell_area"] + edge))[at]
            writes[at], moved[at] = stored[at], wanted[at]
            first = taken
        else:
            burst = technology[f"{name}.burst"]
            bits_moved = fields * np.ceil(dim * bits / burst) * burst
            banks = technology[f"{name}.channels"] * technology[f"{name}.banks"]
            rate = technology[f"{name}.channels"] * technology[f"{name}.rate"]
            cycles = np.ceil(fields / banks) * technology[f"{name}.cycle_time"]
            taken = np.maximum(cycles, bits_moved / rate)
            spent = bits_moved * technology[f"{name}.energy"]
            moved[at] = bits_moved[at]
            first = technology[f"{name}.access_time"] + taken
        energy[at], latency[at], interval[at] = spent[at], first[at], taken[at]
    return LookUps(energy, latency, interval, area, moved, writes)
