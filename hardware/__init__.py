"""What an architecture costs: FLOPs, parameters, and the linear algebra behind them."""

from dagsmith.hardware.cost_model import CostError, CostModel, costs
from dagsmith.hardware.flops import Flops
from dagsmith.hardware.parameters import Parameters
from dagsmith.hardware.workload import Workload, workload

__all__ = ["CostError", "CostModel", "Flops", "Parameters", "Workload", "costs", "workload"]
