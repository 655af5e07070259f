"""The engine: latency, energy and area of whole populations, by component and by operator.

Closed formulas over arrays, no simulation: a million maps take well under a second. Static weights
lie on crossbars; products of two activations (dot product, FM, gating, attention scores) are
computed by digital units, because writing an activation into ReRAM would cost a write per sample;
embedding look-ups go to a memory of their own. Every operator has its own crossbars and units, so
that samples follow each other through the chip as through a pipeline. `docs/hardware.md` has the
equations and where each figure comes from.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.hardware.pim.crossbars import Counts, Maps, count
from dagsmith.hardware.pim.hardware import Hardware, Knobs
from dagsmith.hardware.pim.memory import LookUps, look_up
from dagsmith.hardware.pim.technology import Technology, default_technology
from dagsmith.hardware.workload import Workload, workload
from dagsmith.space import Population

Array = NDArray[np.float64]

LANES = 128
"""Digital multiply-accumulate units of an operator that has products of activations: one crossbar's
worth of columns, so that digital and analogue stages have the same width."""

ENERGY = (
    "adc",
    "dac",
    "cells",
    "shift_add",
    "registers",
    "buffer",
    "bus",
    "router",
    "digital",
    "memory",
    "leakage",
)
"""Components of energy."""
AREA = ("adc", "dac", "cells", "shift_add", "registers", "digital", "tiles", "memory")
"""Components of area."""


@dataclass(frozen=True)
class PIMCost:
    """What each architecture costs on its hardware.

    Args:
        latency_ns: of one sample through an empty chip, ``[batch]``.
        interval_ns: between two samples at full throughput: the slowest stage, ``[batch]``.
        energy_pj: of one sample, by component of `ENERGY`, each ``[batch, nodes]``.
        area_mm2: by component of `AREA`, each ``[batch, nodes]``.
        node_latency_ns: of each operator, ``[batch, nodes]``.
        crossbars: of each operator, ``[batch, nodes]``.
        cells: cells of them that hold weights, ``[batch, nodes]``.
        programming_pj: energy of writing all weights once, ``[batch]``.
        programming_ns: time of it, all crossbars side by side, ``[batch]``.
    """

    latency_ns: Array
    interval_ns: Array
    energy_pj: Mapping[str, Array]
    area_mm2: Mapping[str, Array]
    node_latency_ns: Array
    crossbars: Array
    cells: Array
    programming_pj: Array
    programming_ns: Array

    @property
    def total_energy_pj(self) -> Array:
        """Energy of one sample, ``[batch]``."""
        return np.asarray(sum(part.sum(axis=1) for part in self.energy_pj.values()))

    @property
    def total_area_mm2(self) -> Array:
        """Area of the chip, ``[batch]``."""
        return np.asarray(sum(part.sum(axis=1) for part in self.area_mm2.values()))


def pim_cost(
    population: Population,
    hardware: Hardware | None = None,
    technology: Technology | None = None,
    *,
    table_rows: float = 0,
) -> PIMCost:
    """Cost `population` on in-memory-computing hardware.

    Args:
        population: of CTR kinds, with hardware nodes (`dagsmith.space.pim`) or without.
        hardware: runs whatever no hardware node is tied to; None is the default hardware.
        technology: the figures; None is the table that comes with dagsmith.
        table_rows: rows of all embedding tables together; they take area in ReRAM only.

    Raises:
        CostError: a kind that is no CTR kind, or a configuration that cannot be built.

    Example:
        >>> from dagsmith.space import Population, published_nets
        >>> from dagsmith.space.ctr import KINDS
        >>> net = published_nets()["kdd-full"].architecture
        >>> cost = pim_cost(Population.from_architectures([net], KINDS))
        >>> f"{cost.total_energy_pj[0] / 1e6:.2f} uJ in {cost.latency_ns[0] / 1e3:.1f} us"
        '... uJ in ... us'
    """
    technology = technology or default_technology()
    work = workload(population)
    knobs = Knobs.of(population, hardware or Hardware())
    at = np.nonzero(work.outputs)
    used = np.zeros(population.kind.shape, bool)
    used[at[0], at[1]] = True
    is_input = population.kind == population.vocabulary.index.get("sparse_input", -2)
    knobs.check(used | is_input, technology)
    maps = _maps(work, knobs, at)
    counts = count(maps)
    sums = _Sums(population.kind.shape, at)
    memory = _memory(population, is_input, knobs, table_rows, technology)

    bits = maps.uses * maps.activation_bits
    moved = bits * (maps.inputs * counts.column_tiles + maps.outputs)
    digital = work.products + work.elementwise
    lanes = np.where(digital > 0, float(LANES), 0.0)
    energy = _energy(maps, counts, moved, bits, sums, technology)
    mac = _mac(knobs.activation_bits, "energy", technology)
    energy["digital"] = energy["digital"] + digital * mac
    energy["memory"] = is_input * memory.energy_pj[:, None]

    stage, busy, first = _times(maps, counts, technology)
    digital_ns = np.ceil(digital / LANES) * technology["digital.cycle"]
    node_latency = sums(first) + digital_ns + is_input * memory.latency_ns[:, None]
    latency = _longest_path(population, node_latency)
    interval = np.maximum(sums.highest(stage), np.maximum(digital_ns.max(axis=1, initial=0), 0))
    interval = np.maximum(interval, memory.interval_ns)

    # Converters and digital units are power-gated: they leak while their operator runs.
    leaking = counts.crossbars * maps.adcs * technology.at("adc.leakage", maps.adc_bits)
    gated = lanes * _mac(knobs.activation_bits, "leakage", technology) * digital_ns
    energy["leakage"] = sums(leaking * busy) + gated

    crossbars = sums(counts.crossbars)
    area = _area(maps, counts, crossbars, sums, technology)
    area["digital"] = lanes * _mac(knobs.activation_bits, "area", technology)
    area["memory"] = is_input * memory.area_um2[:, None]
    cells = sums(counts.cells)
    written = cells.sum(axis=1) + memory.writes
    rows = np.where(used, knobs.size, 0.0).max(axis=1, initial=0)
    return PIMCost(
        latency_ns=latency,
        interval_ns=interval,
        energy_pj={name: energy[name] for name in ENERGY},
        area_mm2={name: area[name] * 1e-6 for name in AREA},
        node_latency_ns=node_latency,
        crossbars=crossbars,
        cells=cells,
        programming_pj=written * technology["crossbar.cell_write_energy"],
        programming_ns=rows * technology["crossbar.row_write_time"],
    )


class _Sums:
    """Sums values of single maps up to their nodes, ``[maps]`` to ``[batch, nodes]``."""

    def __init__(self, shape: tuple[int, ...], at: tuple[NDArray[np.int64], ...]) -> None:
        self._shape, self._row = shape, at[0]
        self._flat = at[0] * shape[1] + at[1]

    def __call__(self, values: Array) -> Array:
        size = self._shape[0] * self._shape[1]
        total = np.bincount(self._flat, values, minlength=size).astype(np.float64)
        return np.asarray(total.reshape(self._shape))

    def highest(self, values: Array) -> Array:
        """The largest value of each row's maps, ``[batch]``."""
        found = np.zeros(self._shape[0])
        np.maximum.at(found, self._row, values)
        return found


def _maps(work: Workload, knobs: Knobs, at: tuple[NDArray[np.int64], ...]) -> Maps:
    node = at[:2]
    return Maps(
        inputs=work.inputs[at],
        outputs=work.outputs[at],
        uses=work.uses[at],
        weight_bits=knobs.weight_bits[node],
        activation_bits=knobs.activation_bits[node],
        replication=knobs.replication[node],
        size=knobs.size[node],
        cell_bits=knobs.cell_bits[node],
        dac_bits=knobs.dac_bits[node],
        adc_bits=knobs.adc_bits[node],
        adcs=knobs.adcs[node],
    )


def _memory(
    population: Population,
    is_input: NDArray[np.bool_],
    knobs: Knobs,
    table_rows: float,
    technology: Technology,
) -> LookUps:
    rows = np.arange(len(population))
    at = is_input.argmax(axis=1) if is_input.size else np.zeros(len(population), np.int64)
    has = is_input.any(axis=1)

    def attribute(column: int) -> Array:
        if population.attributes.shape[2] <= column:
            return np.zeros(len(population))
        found = population.attributes[rows, at, column]
        return np.where(has, found, 0.0).astype(np.float64)

    return look_up(
        knobs.tier[rows, at],
        attribute(0),
        attribute(1),
        knobs.embedding_bits[rows, at],
        knobs.size[rows, at],
        knobs.cell_bits[rows, at],
        table_rows,
        technology,
    )


def _energy(
    maps: Maps, counts: Counts, moved: Array, bits: Array, sums: _Sums, technology: Technology
) -> dict[str, Array]:
    """Dynamic energy of the maps by component, each ``[batch, nodes]``."""
    pulse = technology["crossbar.read_time"]
    drive = technology.at("dac.power", maps.dac_bits) * pulse
    converted = technology["sample_hold.energy"] + technology.at("adc.energy", maps.adc_bits)
    driven = counts.drives * maps.dac_bits * technology["input_register.energy"]
    return {
        "adc": sums(counts.conversions * converted),
        "dac": sums(counts.drives * drive),
        "cells": sums(counts.cell_reads * technology["crossbar.cell_read_energy"]),
        "shift_add": sums(counts.conversions * technology["shift_add.energy"]),
        "registers": sums(driven + counts.conversions * technology["output_register.energy"]),
        "buffer": sums(moved * technology["tile.buffer_energy"]),
        "bus": sums(moved * technology["tile.bus_energy"]),
        "router": sums(bits * maps.outputs * technology["tile.router_energy"]),
        "digital": sums(maps.uses * maps.outputs * technology["digital.element_energy"]),
    }


def _times(maps: Maps, counts: Counts, technology: Technology) -> tuple[Array, Array, Array]:
    """Of each map: how long it holds up the next sample, is busy, and takes to its output."""
    convert = np.ceil(maps.size / maps.adcs) / technology["adc.rate"]
    pulse = np.maximum(technology["crossbar.read_time"], convert) * counts.pulses
    stage = maps.uses * pulse / maps.replication
    added = np.ceil(np.log2(counts.row_tiles)) * technology["shift_add.time"]
    moved = (maps.inputs + maps.outputs) * maps.activation_bits / technology["tile.buffer_rate"]
    busy = np.ceil(maps.uses / maps.replication) * pulse
    return stage, busy, busy + added + moved + technology["digital.element_time"]


def _mac(bits: Array, what: str, technology: Technology) -> Array:
    """A digital multiply-accumulate of `bits`: energy, area or leakage; the sum has 32 bits."""
    multiply = technology[f"digital.multiply_{what}"] * (bits / 32) ** 2
    return multiply + technology[f"digital.add_{what}"]


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


def _area(
    maps: Maps, counts: Counts, crossbars: Array, sums: _Sums, technology: Technology
) -> dict[str, Array]:
    each = crossbar_area(maps, technology)
    area = {name: sums(counts.crossbars * part) for name, part in each.items()}
    total = crossbars.sum(axis=1, keepdims=True)
    tiles = np.ceil(total / technology["tile.crossbars"]) * tile_area(technology)
    # What the tiles share is split by the crossbars that each operator has in them.
    area["tiles"] = crossbars / np.maximum(total, 1) * tiles
    return area


def _longest_path(population: Population, latency: Array) -> Array:
    """Latency of the slowest way through each graph, ``[batch]``."""
    done = np.zeros_like(latency)
    for node in range(population.node_count):
        entering = population.edges[:, node, :node] != 0
        waits = np.where(entering, done[:, :node], 0.0).max(axis=1, initial=0.0)
        done[:, node] = waits + latency[:, node]
    return np.asarray(done.max(axis=1, initial=0.0))
