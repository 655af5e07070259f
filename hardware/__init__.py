"""What an architecture costs: FLOPs, activations, parameters, bytes; the linear algebra behind."""

from dagsmith.hardware.activations import Activations
from dagsmith.hardware.bytes import Bytes
from dagsmith.hardware.cost_model import CostError, CostModel, costs
from dagsmith.hardware.flops import Flops
from dagsmith.hardware.parameters import Parameters
from dagsmith.hardware.workload import Workload, workload

__all__ = [
    "Activations",
    "Bytes",
    "CostError",
    "CostModel",
    "Flops",
    "Parameters",
    "Workload",
    "costs",
    "workload",
]
