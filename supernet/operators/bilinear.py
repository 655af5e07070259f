"""Many bilinear forms of two vectors at once, without their outer products in memory."""

from typing import Any

import torch
from torch import Tensor

CHUNK = 1 << 19
"""Numbers of outer products that are there at a time: two mebibytes, which a cache holds."""


def bilinear_forms(left: Tensor, right: Tensor, matrices: Tensor) -> Tensor:
    """``y_nr = x_n^T W_r e_n``: ``[n, left]``, ``[n, right]``, ``[r, left, right]`` to ``[n, r]``.

    The outer products are n times left times right numbers, which would be written and read
    several times over; they are made in pieces, and made again for the gradient. Computed in the
    precision of the arguments.
    """
    if torch.is_grad_enabled() and (
        left.requires_grad or right.requires_grad or matrices.requires_grad
    ):
        forms: Tensor = _Forms.apply(left, right, matrices)  # type: ignore[no-untyped-call]
        return forms
    return _forward(left, right, matrices)


def _pieces(left: Tensor, right: Tensor) -> int:
    return max(1, CHUNK // (left.shape[1] * right.shape[1]))


def _outer(left: Tensor, right: Tensor) -> Tensor:
    return (left.unsqueeze(2) * right.unsqueeze(1)).flatten(1)


def _forward(left: Tensor, right: Tensor, matrices: Tensor) -> Tensor:
    flat, size = matrices.flatten(1).t(), _pieces(left, right)
    return torch.cat(
        [
            _outer(x, e) @ flat
            for x, e in zip(torch.split(left, size), torch.split(right, size), strict=True)
        ]
    )


class _Forms(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor, matrices: Tensor) -> Tensor:
        ctx.save_for_backward(left, right, matrices)
        return _forward(left, right, matrices)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        left, right, matrices = ctx.saved_tensors
        flat, size = matrices.flatten(1), _pieces(left, right)
        of_left, of_right = torch.empty_like(left), torch.empty_like(right)
        of_flat = torch.zeros_like(flat)
        for x, e, g, of_x, of_e in zip(
            *(torch.split(part, size) for part in (left, right, gradients[0], of_left, of_right)),
            strict=True,
        ):
            of_flat.addmm_(g.t(), _outer(x, e))
            of_outer = (g @ flat).view(len(x), x.shape[1], e.shape[1])
            of_x.copy_((of_outer @ e.unsqueeze(2)).squeeze(2))
            of_e.copy_((x.unsqueeze(1) @ of_outer).squeeze(1))
        return of_left, of_right, of_flat.view_as(matrices)
