"""Linear maps over several concatenated inputs, one weight matrix per source.

A matrix per source makes slicing a prefix of each, whatever set of sources is chosen, and spares
the concatenation: ``[x_1, x_2] [W_1, W_2]^T = x_1 W_1^T + x_2 W_2^T``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.supernet.operators.weight import MappedWeights, Source, Weight, Weights, total


def linear_weights(name: str, sources: Sequence[Source], out: int) -> dict[str, Weight]:
    """Matrices ``[out, size]`` per source and a bias ``[out]``, Xavier-uniform over all sources."""
    fan = (total(sources), out)
    matrices = {
        f"{name}/from/{source.place}": Weight((out, source.size), fan) for source in sources
    }
    return matrices | {f"{name}/bias": Weight((out,))}


def linear(
    name: str, sources: Sequence[Source], tensors: Sequence[Tensor], weights: Weights
) -> Tensor:
    """Apply the map to the last axis of tensors ``[..., size]``, giving ``[..., out]``."""
    lead = tensors[0].shape[:-1]
    if isinstance(weights, MappedWeights):
        # On hardware it is one matrix: its scales and partial sums run over all sources.
        inputs = torch.cat([tensor.reshape(-1, tensor.shape[-1]) for tensor in tensors], dim=1)
        matrix = torch.cat([weights[f"{name}/from/{source.place}"] for source in sources], dim=1)
        mapped = weights.arithmetic.product(name, inputs, matrix) + weights[f"{name}/bias"]
        return mapped.view(*lead, -1)
    result = weights[f"{name}/bias"]
    for source, tensor in zip(sources, tensors, strict=True):
        matrix = weights[f"{name}/from/{source.place}"]
        result = torch.addmm(result, tensor.reshape(-1, source.size), matrix.t())
    return result.view(*lead, -1)


def product(name: str, tensor: Tensor, matrix: Tensor, weights: Weights) -> Tensor:
    """``tensor matrix^T`` along the last axis, ``[..., size]`` and ``[out, size]``, without a bias.

    On hardware it is the map `name` of the operator whose weights these are.
    """
    if not isinstance(weights, MappedWeights):
        return functional.linear(tensor, matrix)
    mapped = weights.arithmetic.product(name, tensor.reshape(-1, tensor.shape[-1]), matrix)
    return mapped.view(*tensor.shape[:-1], -1)


def norm_weights(name: str, size: int, initial: float = 1.0) -> dict[str, Weight]:
    """Scale and shift of a LayerNorm over the last axis."""
    return {f"{name}/scale": Weight((size,), None, initial), f"{name}/shift": Weight((size,))}


_normalising = ContextVar("normalising", default=True)


@contextmanager
def unnormalised() -> Iterator[None]:
    """Within, a LayerNorm only scales and shifts: some scores look through it."""
    token = _normalising.set(False)
    try:
        yield
    finally:
        _normalising.reset(token)


def normalising() -> bool:
    """Whether a LayerNorm normalises."""
    return _normalising.get()


def norm(name: str, tensor: Tensor, weights: Weights) -> Tensor:
    """LayerNorm over the last axis; statistics see exactly the active width."""
    scale = weights[f"{name}/scale"]
    if not normalising():
        return tensor * scale + weights[f"{name}/shift"]
    return functional.layer_norm(tensor, scale.shape, scale, weights[f"{name}/shift"])
