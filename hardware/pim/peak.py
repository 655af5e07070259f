"""The peak figures of a full chip, to be held against what its designers published."""

from dataclasses import dataclass

import numpy as np

from dagsmith.hardware.pim.crossbars import Maps, count
from dagsmith.hardware.pim.hardware import Hardware
from dagsmith.hardware.pim.map_costs import crossbar_area, tile_area
from dagsmith.hardware.pim.technology import Technology, default_technology


@dataclass(frozen=True)
class Peak:
    """A chip whose crossbars are all in use.

    Args:
        tops: operations per second in 10^12; a multiply-accumulate is two.
        tile_mm2: area of one tile.
        chip_mm2: area of the chip, its link to others included.
    """

    tops: float
    tile_mm2: float
    chip_mm2: float

    @property
    def gops_per_mm2(self) -> float:
        """Operations per second and area, in 10^9 per mm2."""
        return self.tops * 1e3 / self.chip_mm2


def peak(hardware: Hardware, technology: Technology | None = None) -> Peak:
    """The peak of a chip of the technology's number of tiles.

    Example:
        >>> isaac = peak(Hardware(weight_bits=16, activation_bits=16))
        >>> f"{isaac.tops:.1f} TOPS"
        '41.3 TOPS'
    """
    technology = technology or default_technology()

    def each(value: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([value], float)

    slices = -(-hardware.weight_bits // hardware.cell_bits)
    outputs = hardware.size // slices
    maps = Maps(
        inputs=each(hardware.size),
        outputs=each(outputs),
        uses=each(1),
        weight_bits=each(hardware.weight_bits),
        activation_bits=each(hardware.activation_bits),
        replication=each(1),
        size=each(hardware.size),
        cell_bits=each(hardware.cell_bits),
        dac_bits=each(hardware.dac_bits),
        adc_bits=each(hardware.adc_bits),
        adcs=each(hardware.adcs),
    )
    convert = np.ceil(hardware.size / hardware.adcs) / technology["adc.rate"]
    pulse = max(technology["crossbar.read_time"], float(convert))
    operations = 2 * hardware.size * outputs / (float(count(maps).pulses[0]) * pulse)
    crossbars = technology["tile.crossbars"]
    around = sum(float(part[0]) for part in crossbar_area(maps, technology).values())
    tile = crossbars * around + tile_area(technology)
    chip = technology["chip.tiles"] * tile + technology["chip.link_area"]
    return Peak(
        tops=operations * crossbars * technology["chip.tiles"] / 1e3,
        tile_mm2=tile * 1e-6,
        chip_mm2=chip * 1e-6,
    )
