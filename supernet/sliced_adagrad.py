"""Adagrad over the slices that a step used, and nothing else."""

from collections.abc import Mapping

import torch
from torch import Tensor

from dagsmith.supernet.bank import WeightBank


class SlicedAdagrad:
    """Adagrad on a `WeightBank`: a step reads and writes only the active slices.

    ``G += g^2;  w -= lr g / (sqrt(G) + eps)`` on the slice, so one supernet step costs what the
    stand-alone step of the same subnet costs.

    Args:
        bank: the weights.
        eps: added to the denominator (1e-2 in NASRec).
    """

    def __init__(self, bank: WeightBank, eps: float = 1e-2) -> None:
        self.sums = {name: torch.zeros_like(tensor) for name, tensor in bank.tensors.items()}
        self.eps = eps

    @torch.no_grad()
    def step(self, leaves: Mapping[str, Tensor], lr: float) -> None:
        """Update the leaves that have a gradient, in place, and with them the bank."""
        used = [(name, leaf) for name, leaf in leaves.items() if leaf.grad is not None]
        gradients = [leaf.grad for _, leaf in used if leaf.grad is not None]
        sums = [
            self.sums[name][tuple(slice(0, size) for size in leaf.shape)] for name, leaf in used
        ]
        torch._foreach_addcmul_(sums, gradients, gradients, 1.0)
        denominators = torch._foreach_sqrt(sums)
        torch._foreach_add_(denominators, self.eps)
        torch._foreach_addcdiv_([leaf for _, leaf in used], gradients, denominators, -lr)

    def state(self) -> dict[str, Tensor]:
        """Everything that a checkpoint must hold, by name."""
        return {f"sum/{name}": tensor for name, tensor in self.sums.items()}


@torch.no_grad()
def clip_gradients(leaves: Mapping[str, Tensor], limit: float) -> Tensor:
    """Scale all gradients so that their joint L2 norm is at most `limit`; return the norm."""
    gradients = [leaf.grad for leaf in leaves.values() if leaf.grad is not None]
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    scale = limit / (norm + 1e-6)
    if scale < 1.0:
        torch._foreach_mul_(gradients, scale)
    return norm
