"""PIM costs by name: one at a time as a `CostModel`, or all from one pass."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.hardware.cost_model import CostError
from dagsmith.hardware.pim.engine import PIMCost, pim_cost
from dagsmith.hardware.pim.hardware import Hardware
from dagsmith.hardware.pim.technology import Technology
from dagsmith.space import Population
from dagsmith.space.errors import nearest

PIM_COSTS: dict[str, tuple[str, Callable[[PIMCost], NDArray[np.float64]]]] = {
    "latency_ns": ("ns", lambda cost: cost.latency_ns),
    "interval_ns": ("ns", lambda cost: cost.interval_ns),
    "energy_pj": ("pJ", lambda cost: cost.total_energy_pj),
    "area_mm2": ("mm2", lambda cost: cost.total_area_mm2),
    "power_mw": ("mW", lambda cost: cost.total_energy_pj / cost.interval_ns),
    "crossbars": ("1", lambda cost: cost.crossbars.sum(axis=1)),
    "programming_pj": ("pJ", lambda cost: cost.programming_pj),
}
"""Unit and value of each: of one sample, the power at full throughput."""

_ROWS = 512
"""Architectures costed at a time: their arrays fit the cache."""


def pim_costs(
    population: Population,
    hardware: Hardware | None = None,
    technology: Technology | None = None,
    *,
    table_rows: float = 0,
) -> dict[str, NDArray[np.float64]]:
    """Every cost of `PIM_COSTS`, ``{name: [batch]}``; see `pim_cost`."""
    parts = []
    for start in range(0, max(1, len(population)), _ROWS):
        part = population[slice(start, start + _ROWS)] if len(population) > _ROWS else population
        cost = pim_cost(part, hardware, technology, table_rows=table_rows)
        parts.append({name: np.asarray(value(cost)) for name, (_, value) in PIM_COSTS.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in PIM_COSTS}


@dataclass(frozen=True)
class PIMMetric:
    """One cost of in-memory-computing hardware, as a `CostModel`.

    Args:
        name: one of `PIM_COSTS`.
        hardware: runs what no hardware node is tied to; see `pim_cost`.
        technology: the figures; None is the table that comes with dagsmith.
        table_rows: rows of all embedding tables together.

    Raises:
        CostError: an unknown name.
    """

    name: str
    hardware: Hardware | None = None
    technology: Technology | None = None
    table_rows: float = 0

    def __post_init__(self) -> None:
        if self.name not in PIM_COSTS:
            raise CostError(f"no PIM cost {self.name!r}; {nearest(self.name, PIM_COSTS)}")

    @property
    def unit(self) -> str:
        """The unit of this cost."""
        return PIM_COSTS[self.name][0]

    def cost(self, population: Population) -> NDArray[np.float64]:
        """Return the cost of each architecture, ``[batch]``."""
        found = pim_cost(population, self.hardware, self.technology, table_rows=self.table_rows)
        return np.asarray(PIM_COSTS[self.name][1](found))
