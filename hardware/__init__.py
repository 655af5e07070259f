"""What an architecture costs: FLOPs, parameters, bytes, and the linear algebra behind them."""

from dagsmith.hardware.bytes import Bytes
from dagsmith.hardware.cost_model import CostError, CostModel, costs
from dagsmith.hardware.flops import Flops
from dagsmith.hardware.parameters import Parameters
from dagsmith.hardware.workload import Workload, workload

__all__ = [
    "Bytes",
    "CostError",
    "CostModel",
    "Flops",
    "Parameters",
    "Workload",
    "costs",
    "workload",
]
