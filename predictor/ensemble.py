"""Layers of an ensemble: all members at once, as the first dimension.

Shapes here: ``[members, rows, dim]``. Members never see each other.
"""

import math

import torch
from torch import Tensor, nn


class EnsembleLinear(nn.Module):
    """``y[m, r] = x[m, r] W[m] + b[m]``: one linear map per member.

    Args:
        members: number of maps.
        inputs: width of x.
        outputs: width of y.
        generator: source of the initial weights: uniform, with variance ``gain² / inputs``.
        gain: see above.
    """

    def __init__(
        self,
        members: int,
        inputs: int,
        outputs: int,
        generator: torch.Generator,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        bound = gain * math.sqrt(3.0 / max(inputs, 1))
        weight = torch.rand(members, inputs, outputs, generator=generator)
        self.weight = nn.Parameter((2.0 * weight - 1.0) * bound)
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[members, rows, inputs]`` to ``[members, rows, outputs]``."""
        return torch.baddbmm(self.bias, x, self.weight)


class EnsembleNorm(nn.Module):
    r"""Root mean square normalisation :math:`g \odot x / \sqrt{\|x\|^2 / d + 1} + b`.

    g and b are learned per member. The 1 leaves small vectors small: a node that hears nothing
    stays quiet. (Zhang and Sennrich, "Root Mean Square Layer Normalization", arXiv 1910.07467;
    several times faster here than layer normalisation, which is slow on short rows.)

    Args:
        members: ensemble members.
        dim: width.
    """

    def __init__(self, members: int, dim: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(members, 1, dim))
        self.shift = nn.Parameter(torch.zeros(members, 1, dim))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``[members, rows, dim]`` over `dim`."""
        mean_square = torch.linalg.vecdot(x, x)[..., None] / x.shape[-1]
        return torch.addcmul(self.shift, x * torch.rsqrt(mean_square + 1.0), self.gain)
