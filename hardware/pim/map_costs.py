"""What one linear map costs on crossbars: energy, area and time, as arrays over maps."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dagsmith.hardware.pim.crossbars import Array, Counts, Maps, count
from dagsmith.hardware.pim.technology import Technology


@dataclass(frozen=True)
class MapCost:
    """Costs of maps, each array ``[maps]``.

    Args:
        counts: pulses, slices, tiles, conversions.
        energy_pj: of one sample, by component.
        area_um2: of one crossbar with all around it, by component.
        stage_ns: how long a sample holds up the next.
        latency_ns: until the map's output is ready.
    """

    counts: Counts
    energy_pj: Mapping[str, Array]
    area_um2: Mapping[str, Array]
    stage_ns: Array
    latency_ns: Array


def map_cost(maps: Maps, technology: Technology) -> MapCost:
    """Cost every map; `docs/hardware.md` has the equations."""
    counts = count(maps)
    convert = np.ceil(maps.size / maps.adcs) / technology["adc.rate"]
    pulses = np.maximum(technology["crossbar.read_time"], convert) * counts.pulses
    busy = np.ceil(maps.uses / maps.replication) * pulses
    # A head that only adds logits up has no rows.
    added = np.ceil(np.log2(np.maximum(counts.row_tiles, 1))) * technology["shift_add.time"]
    carried = (maps.inputs + maps.outputs) * maps.activation_bits / technology["tile.buffer_rate"]
    return MapCost(
        counts=counts,
        energy_pj=_energy(maps, counts, busy, technology),
        area_um2=crossbar_area(maps, technology),
        stage_ns=maps.uses * pulses / maps.replication,
        latency_ns=busy + added + carried + technology["digital.element_time"],
    )


def crossbar_area(maps: Maps, technology: Technology) -> dict[str, Array]:
    """Area of one crossbar with all around it, by component, in um2."""
    adders = maps.adcs * technology["shift_add.per_adc"]
    held = maps.size * technology["sample_hold.area"]
    registers = technology["input_register.area"] + technology["output_register.area"]
    return {
        "adc": maps.adcs * technology.at("adc.area", maps.adc_bits) + held,
        "dac": maps.size * technology.at("dac.area", maps.dac_bits),
        "cells": maps.size**2 * technology["crossbar.cell_area"],
        "shift_add": adders * technology["shift_add.area"],
        "registers": maps.size * registers,
    }


def tile_area(technology: Technology) -> float:
    """Area of what the crossbars of a tile share, in um2."""
    shared = ("buffer", "bus", "router", "rest")
    return sum(technology[f"tile.{part}_area"] for part in shared)


def mac(bits: Array, what: str, technology: Technology) -> Array:
    """A digital multiply-accumulate of `bits`: energy, area or leakage; the sum has 32 bits."""
    multiply = technology[f"digital.multiply_{what}"] * (bits / 32) ** 2
    return multiply + technology[f"digital.add_{what}"]


def _energy(maps: Maps, counts: Counts, busy: Array, technology: Technology) -> dict[str, Array]:
    bits = maps.uses * maps.activation_bits
    moved = bits * (maps.inputs * counts.column_tiles + maps.outputs)
    drive = technology.at("dac.power", maps.dac_bits) * technology["crossbar.read_time"]
    converted = technology["sample_hold.energy"] + technology.at("adc.energy", maps.adc_bits)
    driven = counts.drives * maps.dac_bits * technology["input_register.energy"]
    # Converters are power-gated: they leak while their operator runs.
    leaking = counts.crossbars * maps.adcs * technology.at("adc.leakage", maps.adc_bits)
    return {
        "adc": counts.conversions * converted,
        "dac": counts.drives * drive,
        "cells": counts.cell_reads * technology["crossbar.cell_read_energy"],
        "shift_add": counts.conversions * technology["shift_add.energy"],
        "registers": driven + counts.conversions * technology["output_register.energy"],
        "buffer": moved * technology["tile.buffer_energy"],
        "bus": moved * technology["tile.bus_energy"],
        "router": bits * maps.outputs * technology["tile.router_energy"],
        "digital": maps.uses * maps.outputs * technology["digital.element_energy"],
        "leakage": leaking * busy,
    }
