"""Adam over the slices that a step used, and nothing else."""

from collections.abc import Mapping

import torch
from torch import Tensor

from dagsmith.supernet.bank import WeightBank


class SlicedAdam:
    """Adam (Kingma and Ba, ICLR 2015) on a `WeightBank`: a step touches only the active slices.

    ``m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  w -= lr m' / (sqrt(v') + eps)``, where m'
    and v' are corrected by how often the weight has been part of a step. Moments of what a step
    does not use stay as they are (lazy Adam).

    Args:
        bank: the weights.
        betas: decay of both moments.
        eps: added to the denominator.
    """

    def __init__(
        self, bank: WeightBank, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        self.betas, self.eps = betas, eps
        self.first = {name: torch.zeros_like(tensor) for name, tensor in bank.tensors.items()}
        self.second = {name: torch.zeros_like(tensor) for name, tensor in bank.tensors.items()}
        self.uses = {name: torch.zeros((), dtype=torch.int64) for name in bank.tensors}

    @torch.no_grad()
    def step(self, leaves: Mapping[str, Tensor], lr: float) -> None:
        """Update the leaves that have a gradient, in place, and with them the bank."""
        used = {name: leaf for name, leaf in leaves.items() if leaf.grad is not None}
        gradients = [leaf.grad for leaf in used.values() if leaf.grad is not None]
        prefixes = [tuple(slice(0, size) for size in leaf.shape) for leaf in used.values()]
        first = [self.first[name][prefix] for name, prefix in zip(used, prefixes, strict=True)]
        second = [self.second[name][prefix] for name, prefix in zip(used, prefixes, strict=True)]
        decay, decay_square = self.betas
        torch._foreach_lerp_(first, gradients, 1.0 - decay)
        torch._foreach_mul_(second, decay_square)
        torch._foreach_addcmul_(second, gradients, gradients, 1.0 - decay_square)
        counts = []
        for name in used:
            self.uses[name] += 1
            counts.append(int(self.uses[name]))
        denominators = torch._foreach_sqrt(second)
        torch._foreach_div_(denominators, [(1.0 - decay_square**count) ** 0.5 for count in counts])
        torch._foreach_add_(denominators, self.eps)
        sizes = [-lr / (1.0 - decay**count) for count in counts]
        torch._foreach_addcdiv_(list(used.values()), first, denominators, sizes)

    def state(self) -> dict[str, Tensor]:
        """Everything that a checkpoint must hold, by name."""
        return (
            {f"first/{name}": tensor for name, tensor in self.first.items()}
            | {f"second/{name}": tensor for name, tensor in self.second.items()}
            | {f"uses/{name}": tensor for name, tensor in self.uses.items()}
        )
