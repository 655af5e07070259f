"""The weight bank of a supernet: every shared weight once at full size, sliced by subnets."""

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from dagsmith.space import Architecture
from dagsmith.supernet.operators import Weight
from dagsmith.supernet.plan import Plan, compile_plan


class WeightBank:
    """Full-size weights by name, and their prefixes as leaves of an autograd graph.

    A subnet's weight is a *view* of the bank's: `slices` returns them as leaf tensors that share
    the bank's memory, so that gradients, clipping and optimizer steps cost what the subnet costs
    and not what the bank does.

    Args:
        weights: shape and initialisation of every full-size weight.
        seed: seed of the initialisation.
        device: where the weights live.
    """

    def __init__(self, weights: Mapping[str, Weight], seed: int, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.tensors = {
            name: initialise(weight, generator).to(device) for name, weight in weights.items()
        }

    @staticmethod
    def covering(
        architectures: Iterable[Architecture], seed: int, device: torch.device
    ) -> "WeightBank":
        """A bank large enough for each of `architectures`."""
        largest: dict[str, Weight] = {}
        for architecture in architectures:
            for name, weight in compile_plan(architecture).weights.items():
                known = largest.get(name, weight)
                shape = tuple(max(a, b) for a, b in zip(known.shape, weight.shape, strict=True))
                fan = weight.fan
                if fan and known.fan:
                    fan = (max(fan[0], known.fan[0]), max(fan[1], known.fan[1]))
                largest[name] = Weight(shape, fan, weight.constant)
        return WeightBank(largest, seed, device)

    def slices(self, plan: Plan) -> dict[str, Tensor]:
        """The prefixes that a plan uses, as leaves that share the bank's memory.

        Raises:
            KeyError: the plan is of another space than the bank.
        """
        leaves = {}
        for name, weight in plan.weights.items():
            full = self.tensors[name]
            # Architectures may spend fewer units than the bank has, never more.
            view = full[tuple(slice(0, size) for size in weight.shape)]
            leaves[name] = view.detach().requires_grad_()
        return leaves

    def parameter_count(self) -> int:
        """Number of shared scalar weights, embedding tables not counted."""
        return sum(tensor.numel() for tensor in self.tensors.values())


def initialise(weight: Weight, generator: torch.Generator) -> Tensor:
    """A fresh tensor: Xavier-uniform by the weight's fan, or constant."""
    if weight.fan is None:
        return torch.full(weight.shape, weight.constant)
    bound = math.sqrt(6.0 / (weight.fan[0] + weight.fan[1]))
    return torch.empty(weight.shape).uniform_(-bound, bound, generator=generator)
