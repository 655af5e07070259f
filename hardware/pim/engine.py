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

from dagsmith.hardware.pim.crossbars import Maps
from dagsmith.hardware.pim.hardware import Hardware, Knobs
from dagsmith.hardware.pim.map_costs import MapCost, mac, map_cost, tile_area
from dagsmith.hardware.pim.memory import LookUps, look_up
from dagsmith.hardware.pim.technology import Technology, default_technology
from dagsmith.hardware.tables import TableReads
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
    reads = TableReads.of(population)
    is_input = np.zeros(population.kind.shape, bool)
    is_input[np.flatnonzero(reads.some), reads.node[reads.some]] = True
    knobs.check(used | is_input, technology)
    maps = _maps(work, knobs, at)
    cost = map_cost(maps, technology)
    sums = _Sums(population.kind.shape, at)
    memory = _memory(reads, knobs, table_rows, technology)

    digital = work.products + work.elementwise
    digital_ns = np.ceil(digital / LANES) * technology["digital.cycle"]
    lanes = np.where(digital > 0, float(LANES), 0.0)
    energy = {name: sums(part) for name, part in cost.energy_pj.items()}
    energy["digital"] += digital * mac(knobs.activation_bits, "energy", technology)
    energy["memory"] = is_input * memory.energy_pj[:, None]
    energy["leakage"] += lanes * mac(knobs.activation_bits, "leakage", technology) * digital_ns

    node_latency = sums(cost.latency_ns) + digital_ns + is_input * memory.latency_ns[:, None]
    stages = (sums.highest(cost.stage_ns), digital_ns.max(axis=1, initial=0), memory.interval_ns)

    crossbars = sums(cost.counts.crossbars)
    area = _area(cost, crossbars, sums, technology)
    area["digital"] = lanes * mac(knobs.activation_bits, "area", technology)
    area["memory"] = is_input * memory.area_um2[:, None]
    cells = sums(cost.counts.cells)
    written = cells.sum(axis=1) + memory.writes
    rows = np.where(used, knobs.size, 0.0).max(axis=1, initial=0)
    return PIMCost(
        latency_ns=_longest_path(population, node_latency),
        interval_ns=np.max(stages, axis=0),
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


def _memory(reads: TableReads, knobs: Knobs, table_rows: float, technology: Technology) -> LookUps:
    at = np.arange(len(reads.node)), reads.node
    return look_up(
        knobs.tier[at],
        reads.fields,
        reads.width,
        knobs.embedding_bits[at],
        knobs.size[at],
        knobs.cell_bits[at],
        table_rows,
        technology,
    )


def _area(cost: MapCost, crossbars: Array, sums: _Sums, technology: Technology) -> dict[str, Array]:
    area = {name: sums(cost.counts.crossbars * part) for name, part in cost.area_um2.items()}
    total = crossbars.sum(axis=1, keepdims=True)
    tiles = np.ceil(total / technology["tile.crossbars"]) * tile_area(technology)
    # What the tiles share is split by the crossbars that each operator has in them.
    area["tiles"] = crossbars / np.maximum(total, 1) * tiles
    return area


def _longest_path(population: Population, latency: Array) -> Array:
    """Latency of the slowest way through each graph, ``[batch]``."""
    done = np.zeros_like(latency)
    for node in range(population.node_count):
        sources = np.flatnonzero(population.linked[node])
        done[:, node] = latency[:, node]
        if sources.size:
            entering = population.edges[:, node, sources] != 0
            done[:, node] += (done[:, sources] * entering).max(axis=1)
    return np.asarray(done.max(axis=1, initial=0.0))
