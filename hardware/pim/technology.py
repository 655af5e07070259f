"""The technology table: every figure of the hardware model with its unit and its source.

The table is one JSON file. What is missing, not above 0, or in a unit that is not known is refused
when the file is read: published configurations contain slips of ten and a thousand times, and a
cost model multiplies them silently.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dagsmith.hardware.cost_model import CostError
from dagsmith.space.errors import nearest

FORMAT = "dagsmith.technology/1"

UNITS: dict[str, tuple[str, float]] = {
    "pJ": ("energy", 1.0),
    "fJ": ("energy", 1e-3),
    "nJ": ("energy", 1e3),
    "pJ/bit": ("energy per bit", 1.0),
    "fJ/bit": ("energy per bit", 1e-3),
    "ns": ("time", 1.0),
    "us": ("time", 1e3),
    "ps": ("time", 1e-3),
    "um2": ("area", 1.0),
    "mm2": ("area", 1e6),
    "mW": ("power", 1.0),
    "uW": ("power", 1e-3),
    "W": ("power", 1e3),
    "GS/s": ("rate", 1.0),
    "MS/s": ("rate", 1e-3),
    "bit/ns": ("bit rate", 1.0),
    "bit": ("bits", 1.0),
    "nm": ("length", 1.0),
    "1": ("count", 1.0),
}
"""Known units: what they measure, and the factor to pJ, ns, um2, mW (= pJ/ns), GS/s and bits."""

_MEMORY = {
    "energy": "energy per bit",
    "cycle_time": "time",
    "access_time": "time",
    "burst": "bits",
    "banks": "count",
    "channels": "count",
    "rate": "bit rate",
}
FIGURES: dict[str, str] = {
    "node": "length",
    "crossbar.read_time": "time",
    "crossbar.cell_read_energy": "energy",
    "crossbar.cell_area": "area",
    "crossbar.cell_write_energy": "energy",
    "crossbar.row_write_time": "time",
    "adc.rate": "rate",
    "sample_hold.energy": "energy",
    "sample_hold.area": "area",
    "shift_add.energy": "energy",
    "shift_add.area": "area",
    "shift_add.time": "time",
    "shift_add.per_adc": "count",
    "input_register.energy": "energy per bit",
    "input_register.area": "area",
    "output_register.energy": "energy",
    "output_register.area": "area",
    "tile.crossbars": "count",
    "tile.buffer_area": "area",
    "tile.buffer_energy": "energy per bit",
    "tile.buffer_rate": "bit rate",
    "tile.bus_area": "area",
    "tile.bus_energy": "energy per bit",
    "tile.router_area": "area",
    "tile.router_energy": "energy per bit",
    "tile.rest_area": "area",
    "chip.tiles": "count",
    "chip.link_area": "area",
    "digital.multiply_energy": "energy",
    "digital.multiply_area": "area",
    "digital.multiply_leakage": "power",
    "digital.add_energy": "energy",
    "digital.add_area": "area",
    "digital.add_leakage": "power",
    "digital.cycle": "time",
    "digital.element_energy": "energy",
    "digital.element_time": "time",
    **{f"{tier}.{name}": kind for tier in ("dram", "hbm") for name, kind in _MEMORY.items()},
    "reram.sense_energy": "energy",
    "reram.sense_area": "area",
    "reram.banks": "count",
}
"""Figures that every table must have, and what each measures."""
BY_BITS: dict[str, str] = {
    "adc.energy": "energy",
    "adc.area": "area",
    "adc.leakage": "power",
    "dac.power": "power",
    "dac.area": "area",
}
"""Figures that depend on a resolution, likewise."""


@dataclass(frozen=True, eq=False)
class Technology:
    """The figures of one technology, in pJ, ns, um2, mW, GS/s and bits.

    Args:
        name: the technology's name.
        figures: every name of `FIGURES`.
        by_bits: every name of `BY_BITS`: its value by resolution.
        sources: where each comes from.
    """

    name: str
    figures: Mapping[str, float]
    by_bits: Mapping[str, Mapping[int, float]]
    sources: Mapping[str, str]

    def __getitem__(self, name: str) -> float:
        return self.figures[name]

    def resolutions(self, converter: str) -> tuple[int, ...]:
        """The bits that ``"adc"`` or ``"dac"`` can have, ascending."""
        tables = [bits for name, bits in self.by_bits.items() if name.startswith(f"{converter}.")]
        return tuple(sorted(set.intersection(*(set(bits) for bits in tables))))

    def at(self, name: str, bits: NDArray[np.float64]) -> NDArray[np.float64]:
        """The value of a resolution-dependent figure at each of `bits`, which the table must have.

        Raises:
            CostError: a resolution outside the table, named.
        """
        table = self.by_bits[name]
        dense = np.full(max(table) + 1, np.nan)
        dense[list(table)] = list(table.values())
        found = dense[np.clip(bits, 0, max(table)).astype(np.int64)]
        wrong = np.isnan(found) | (bits > max(table)) | (bits != np.floor(bits))
        if wrong.any():
            converter = name.split(".")[0]
            raise CostError(
                f"{converter}_bits is {np.asarray(bits)[wrong].ravel()[0]:g}; technology "
                f"{self.name!r} has {', '.join(map(str, self.resolutions(converter)))}"
            )
        return np.asarray(found)


@cache
def default_technology() -> Technology:
    """The table that comes with dagsmith: ISAAC's components at 32 nm."""
    document = json.loads((files(__package__) / "technology.json").read_text(encoding="utf-8"))
    return technology_from(document, "technology.json")


def read_technology(path: str | Path) -> Technology:
    """Read a technology file.

    Raises:
        CostError: no such file, no JSON, or an entry that is missing, unknown, not above 0, without
            a source, or in a unit that is not known or measures something else.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CostError(f"{path}: no such technology file") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CostError(f"{path}: not JSON: {error}") from None
    return technology_from(document, str(path))


def technology_from(document: Any, where: str) -> Technology:
    """Check a technology document; `where` names it in errors. See `read_technology`."""
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise CostError(f"{where}: not a technology file; expected format {FORMAT!r}")
    entries = document.get("figures")
    if not isinstance(entries, Mapping):
        raise CostError(f"{where}: no 'figures'")
    known = FIGURES | BY_BITS
    for name in entries:
        if name not in known:
            raise CostError(f"{where}: unknown figure {name!r}; {nearest(str(name), known)}")
    figures: dict[str, float] = {}
    tables: dict[str, dict[int, float]] = {}
    sources: dict[str, str] = {}
    for name, dimension in known.items():
        entry = entries.get(name)
        if not isinstance(entry, Mapping):
            raise CostError(f"{where}: figure {name!r} is missing")
        factor = _factor(entry.get("unit"), dimension, f"{where}: {name!r}")
        source = entry.get("source")
        if not isinstance(source, str) or not source.strip():
            raise CostError(f"{where}: {name!r} has no source")
        sources[name] = source
        if name in FIGURES:
            figures[name] = factor * _positive(entry.get("value"), f"{where}: {name!r}")
        else:
            tables[name] = _table(entry.get("by_bits"), factor, f"{where}: {name!r}")
    return Technology(str(document.get("name", where)), figures, tables, sources)


def _factor(unit: Any, dimension: str, where: str) -> float:
    if unit not in UNITS:
        raise CostError(f"{where} has the unit {unit!r}; {nearest(str(unit), UNITS)}")
    measures, factor = UNITS[unit]
    if measures != dimension:
        fitting = [name for name, (kind, _) in UNITS.items() if kind == dimension]
        raise CostError(
            f"{where} is in {unit}, which measures {measures}; expected {' or '.join(fitting)}"
        )
    return factor


def _positive(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CostError(f"{where} is {value!r}; expected a number above 0")
    if not math.isfinite(value) or value <= 0:
        raise CostError(f"{where} is {value}; expected a number above 0")
    return float(value)


def _table(entry: Any, factor: float, where: str) -> dict[int, float]:
    if not isinstance(entry, Mapping) or not entry:
        raise CostError(f"{where} has no values 'by_bits'")
    table: dict[int, float] = {}
    for bits, value in entry.items():
        if not str(bits).isdigit() or not 1 <= int(bits) <= 32:
            raise CostError(f"{where} has bits {bits!r}; expected whole numbers from 1 to 32")
        table[int(bits)] = factor * _positive(value, f"{where} at {bits} bits")
    return dict(sorted(table.items()))
