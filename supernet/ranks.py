"""Several processes that train one supernet: each takes its rows of a batch, all take one step."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed

from dagsmith.data import Batch
from dagsmith.supernet.embedding import EmbeddingTable
from dagsmith.supernet.inputs import pick_device

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others before it gives up."""


class LostRankError(RuntimeError):
    """Another process of the training has ended, or never came."""


@dataclass(frozen=True)
class Ranks:
    """The processes that train one supernet; a single one by default.

    The semantics are those of torch's DistributedDataParallel (Li et al., VLDB 2020, arXiv
    2006.15704): all begin with the weights of rank 0, each computes the gradient of its own rows,
    ``g = sum_r g_r`` is the gradient of the whole batch, and every rank takes the same step with
    it. Batch normalisation sees a rank's own rows; its running averages are the mean over ranks.

    The wrapper itself does not fit. It registers a fixed list of parameters, while a step here
    trains fresh views of the bank, others each time; told to look for unused parameters it would
    send the gradient of the whole bank. One subnet is drawn for all ranks, by (seed, step), so its
    slices lie in the same order everywhere: they are sent as one flat tensor, and a step costs
    what the subnet weighs. Sparse gradients of the table are gathered by the rows touched, dense
    ones are summed whole.

    Args:
        rank: number of this process, from 0; rank 0 writes the checkpoints.
        size: how many processes there are.
    """

    rank: int = 0
    size: int = 1

    def part(self, batch: Batch) -> tuple[Batch, NDArray[np.float32]]:
        """This rank's rows ``[rows]``, and what each counts; over all ranks this sums to 1.

        All ranks get as many rows: where they do not come out even, the first row of the batch
        fills up and counts nothing.
        """
        each = -(-len(batch) // self.size)
        places = np.arange(each) * self.size + self.rank
        counts = (places < len(batch)).astype(np.float32) / np.float32(len(batch))
        if self.size == 1:
            return batch, counts
        chosen = np.where(places < len(batch), places, 0)
        rows = replace(
            batch,
            dense=batch.dense[chosen],
            sparse=batch.sparse[chosen],
            label=batch.label[chosen],
        )
        return rows, counts

    def begin(self, tensors: Mapping[str, Tensor], step: int, device: torch.device) -> None:
        """Give every rank the weights of rank 0.

        Args:
            tensors: the supernet's state, the same names on every rank; written in place.
            step: at which this rank goes on.
            device: where the ranks meet.

        Raises:
            LostRankError: a rank has ended, or goes on at another step than this one.
        """
        if self.size == 1:
            return
        with _together(self):
            steps = torch.tensor([step, -step], device=device)
            distributed.all_reduce(steps, distributed.ReduceOp.MAX)
            first, last = -int(steps[1]), int(steps[0])
            if first != last:
                raise LostRankError(
                    f"the processes go on at steps {first} to {last}: "
                    "not all of them see the same checkpoint"
                )
            for tensor in tensors.values():
                sent = tensor.detach().to(device)
                distributed.broadcast(sent, 0)
                tensor.detach().copy_(sent)

    def join(self, loss: Tensor, leaves: Mapping[str, Tensor], table: EmbeddingTable) -> float:
        """Sum loss and gradients over the ranks, in place; return the loss of the whole batch.

        Args:
            loss: of this rank's rows, each as `part` counts it.
            leaves: the slices of the step's subnet, after ``backward``.
            table: the embedding table, likewise.

        Raises:
            LostRankError: a rank has ended.
        """
        if self.size == 1:
            return float(loss.detach())
        with _together(self):
            gradients = [leaf.grad for leaf in leaves.values() if leaf.grad is not None]
            averages: list[Tensor] = []
            if table.norm is not None:
                averages = [b for b in table.norm.buffers() if b.is_floating_point()]
                for average in averages:
                    average /= self.size
            whole = loss.detach().reshape(1)
            self._sum([whole, *gradients, *averages])
            found = table.weight.grad
            if found is not None and found.is_sparse:
                table.weight.grad = self._gather(found)
            elif found is not None:
                distributed.all_reduce(found)
            return float(whole)

    def _sum(self, tensors: Sequence[Tensor]) -> None:
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat)
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def _gather(self, gradient: Tensor) -> Tensor:
        """The sparse gradients of all ranks as one; each lists as many entries (see `part`)."""
        joined = []
        for own in (gradient._indices(), gradient._values()):
            parts = [torch.empty_like(own) for _ in range(self.size)]
            distributed.all_gather(parts, own.contiguous())
            joined.append(parts)
        indices, values = torch.cat(joined[0], dim=1), torch.cat(joined[1])
        return torch.sparse_coo_tensor(
            indices, values, gradient.shape, is_coalesced=False, check_invariants=False
        )


ALONE = Ranks()
"""A single process."""


def own_rank() -> int:
    """The number that torchrun gave this process; 0 where it was started otherwise."""
    return int(os.environ.get("RANK", "0"))


@contextmanager
def torchrun_ranks(device: str = "auto") -> Iterator[Ranks]:
    """Meet the processes that torchrun started with this one; alone where it started none.

    They talk by NCCL on CUDA, where each takes the GPU of its local rank, and by Gloo elsewhere.

    Example:
        >>> with torchrun_ranks("cpu") as ranks:
        ...     ranks.size  # 2 under torchrun --nproc-per-node 2
        1

    Raises:
        LostRankError: not all of them came within ten minutes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    ranks = Ranks(own_rank(), size)
    cuda = pick_device(device).type == "cuda"
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    with _together(ranks):
        distributed.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
    try:
        yield ranks
    finally:
        distributed.destroy_process_group()


@contextmanager
def _together(ranks: Ranks) -> Iterator[None]:
    """Where another rank is missed, one clear error instead of the transport's."""
    try:
        yield
    except LostRankError:
        raise
    except RuntimeError as error:
        raise LostRankError(
            f"process {ranks.rank + 1} of {ranks.size}: another process of this training has ended "
            f"or did not come; started again, all go on from the checkpoint ({_reason(error)})"
        ) from error


def _reason(error: Exception) -> str:
    """What the transport says, without the place in its source and its advice."""
    said = str(error).strip().partition("\n")[0]
    return re.sub(r"^\[[^\]]*\] ", "", said).partition(". ")[0]
