"""An analytic model of in-memory-computing hardware: latency, energy and area, part by part."""

from dagsmith.hardware.pim.crossbars import Counts, Maps, count, lossless_adc_bits
from dagsmith.hardware.pim.engine import PIMCost, pim_cost
from dagsmith.hardware.pim.hardware import Hardware, Knobs
from dagsmith.hardware.pim.memory import LookUps, look_up
from dagsmith.hardware.pim.metrics import PIM_COSTS, PIMMetric, pim_costs
from dagsmith.hardware.pim.peak import Peak, peak
from dagsmith.hardware.pim.technology import Technology, default_technology, read_technology

__all__ = [
    "PIM_COSTS",
    "Counts",
    "Hardware",
    "Knobs",
    "LookUps",
    "Maps",
    "PIMCost",
    "PIMMetric",
    "Peak",
    "Technology",
    "count",
    "default_technology",
    "look_up",
    "lossless_adc_bits",
    "peak",
    "pim_cost",
    "pim_costs",
    "read_technology",
]
