"""Batch normalisation of layers: by the batch, or by running averages once there are some."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

_MOMENTUM = 0.1


class RunningStatistics(nn.Module):
    """Mean and variance of each normalised layer, averaged over the batches of a training.

    Args:
        sizes: width of each layer, by its place.
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        super().__init__()
        for place, size in sizes.items():
            self.register_buffer(f"{place}/mean", torch.zeros(size))
            self.register_buffer(f"{place}/variance", torch.ones(size))
        # A float, so that an average of models averages it like the weights.
        self.register_buffer("batches", torch.zeros(()))
        self.used = bool(sizes)
        self._estimated: int | None = None

    @contextmanager
    def anew(self) -> Iterator[None]:
        """Forget, and average over the batches that are computed inside, all alike."""
        self._estimated = 0
        try:
            yield
        finally:
            self._estimated = None

    @property
    def estimating(self) -> bool:
        """Whether batches normalise, and are averaged, though the model is not being trained."""
        return self._estimated is not None

    @property
    def momentum(self) -> float:
        """Share of the next batch in the averages."""
        return _MOMENTUM if self._estimated is None else 1.0 / (self._estimated + 1)

    def of(self, place: str) -> tuple[Tensor, Tensor]:
        """Mean and variance of a layer; training changes them in place."""
        return self.get_buffer(f"{place}/mean"), self.get_buffer(f"{place}/variance")

    def count(self) -> None:
        """One more batch has been seen."""
        self.get_buffer("batches").add_(1.0)
        if self._estimated is not None:
            self._estimated += 1

    @property
    def known(self) -> bool:
        """Whether there has been a batch: before, only the batch at hand can normalise."""
        return bool(self.get_buffer("batches") > 0)


def batch_norm(
    tensor: Tensor,
    scale: Tensor,
    shift: Tensor,
    running: tuple[Tensor, Tensor] | None,
    training: bool,
    momentum: float,
) -> Tensor:
    """Normalise ``[batch, width]`` over the batch, or by running averages.

    Args:
        tensor: what is normalised.
        scale: of the result, ``[width]``.
        shift: of the result, ``[width]``.
        running: mean and variance; updated while training. None where there are none.
        training: use the batch's own statistics. One row has no variance of its own, so that it
            is normalised by the running ones (zero and one where there are none).
        momentum: share of the batch in the running averages.
    """
    if len(tensor) == 1 or not (training or running is None):
        mean, variance = running or (torch.zeros_like(scale), torch.ones_like(scale))
        return functional.batch_norm(tensor, mean, variance, scale, shift)
    if running is None:
        return functional.batch_norm(tensor, None, None, scale, shift, training=True)
    return functional.batch_norm(
        tensor, *running, weight=scale, bias=shift, training=True, momentum=momentum
    )
