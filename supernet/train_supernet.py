"""Training of the supernet: one sampled subnet per step, resumable to the bit."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from torch.nn import functional

from dagsmith.data import Dataset
from dagsmith.space import Architecture
from dagsmith.supernet.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from dagsmith.supernet.inputs import to_tensors
from dagsmith.supernet.paths import Mode, PathSampler
from dagsmith.supernet.precision import Precision, computing
from dagsmith.supernet.progress import Progress, silent
from dagsmith.supernet.ranks import ALONE, Ranks
from dagsmith.supernet.schedule import warm_cosine
from dagsmith.supernet.sliced_adagrad import SlicedAdagrad, clip_gradients
from dagsmith.supernet.sliced_adam import SlicedAdam
from dagsmith.supernet.supernet import Supernet
from dagsmith.supernet.table_optimizer import add_penalty, table_optimizer

FORMAT = "dagsmith.supernet-training/1"


class TrainingError(RuntimeError):
    """Training that cannot go on, such as a loss that is no longer a number."""


@dataclass(frozen=True)
class SupernetRecipe:
    """How a supernet is trained; `NASREC_SUPERNET` has the published settings.

    Args:
        epochs: passes over the training rows.
        batch_size: rows per step, of all processes together.
        optimizer: of the network's slices, ``"adam"`` or ``"adagrad"``.
        lr: its peak learning rate.
        embedding_lr: peak learning rate of the embedding table.
        rowwise: update the table by row-wise Adagrad on the rows touched, else by Adam.
        embedding_l2: lambda of ``lambda/2 |E|^2`` added to the loss (needs ``rowwise=False``).
        eps: Adagrad's denominator constant (Adam has its own).
        clip: limit of the joint gradient norm of the active slices.
        mode: sampling mode (`dagsmith.supernet.paths.MODES`).
        warmup: share of the steps during which the full path is mixed in.
        seed: seed of data order and path draws.
        precision: of the matrix products.
        checkpoint_seconds: least time between two checkpoints.
    """

    epochs: int = 8
    batch_size: int = 512
    optimizer: Literal["adam", "adagrad"] = "adam"
    lr: float = 1e-3
    embedding_lr: float = 2e-3
    rowwise: bool = False
    embedding_l2: float = 0.0
    eps: float = 1e-2
    clip: float = 5.0
    mode: Mode = "single-operator"
    warmup: float = 0.0
    seed: int = 0
    precision: Precision = "float32"
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.rowwise and self.embedding_l2:
            raise ValueError("embedding_l2 needs dense embedding updates (rowwise=False)")


NASREC_SUPERNET = SupernetRecipe(
    epochs=1,
    batch_size=512,
    optimizer="adagrad",
    lr=0.12,
    embedding_lr=0.12,
    rowwise=True,
    eps=1e-2,
    clip=5.0,
)
"""One epoch of Adagrad, no regularisation (arXiv 2207.07187 and its code)."""


@dataclass(frozen=True)
class SupernetTraining:
    """What a finished training tells.

    Args:
        steps: steps taken in all.
        loss: mean training loss over the last tenth of the steps.
        seconds: wall time, over all interrupted parts.
    """

    steps: int
    loss: float
    seconds: float


def train_supernet(
    supernet: Supernet,
    dataset: Dataset,
    recipe: SupernetRecipe,
    *,
    checkpoint: Path | None = None,
    given: Sequence[Architecture] = (),
    progress: Progress = silent,
    ranks: Ranks = ALONE,
) -> SupernetTraining:
    """Train the supernet on the training split.

    Everything random depends on the seed and the step number alone, and the checkpoint holds
    weights and optimizer sums, so an interrupted run that is called again continues exactly.

    Several processes train one supernet with ``with torchrun_ranks() as ranks``: every step draws
    one path for all, each computes it on its rows of the batch, and all take the same step. Dropout
    and batch statistics apart, that is the training of one process.

    Args:
        supernet: trained in place.
        dataset: its ``train`` split is used.
        recipe: how to train.
        checkpoint: file to resume from and to write to, or None to keep nothing.
        given: the architectures of mode ``"given"``.
        progress: told ``("supernet", steps done, steps)``.
        ranks: the processes that train together; all read the checkpoint, the first writes it.

    Raises:
        TrainingError: the loss is NaN or infinite.
        LostRankError: another process of the training has ended.
        CheckpointError: the checkpoint is of other data or another recipe.
    """
    split = dataset.train
    per_epoch = math.ceil(len(split) / recipe.batch_size)
    steps = per_epoch * recipe.epochs
    paths = PathSampler(
        supernet.space, recipe.mode, round(recipe.warmup * steps), recipe.seed, given
    )
    optimizer: SlicedAdagrad | SlicedAdam = (
        SlicedAdagrad(supernet.bank, recipe.eps)
        if recipe.optimizer == "adagrad"
        else SlicedAdam(supernet.bank)
    )
    tables = table_optimizer(supernet.embedding, recipe.rowwise, recipe.embedding_lr)
    facts: dict[str, object] = {
        "recipe": {k: v for k, v in asdict(recipe).items() if k != "checkpoint_seconds"},
        "space": supernet.space.name,
        "dataset": dataset.fingerprint,
    }
    if given:
        facts["given"] = [architecture.key for architecture in given]
    done, seconds, recent = 0, 0.0, 0.0
    if checkpoint is not None and checkpoint.exists():
        done, seconds, recent = _resume(checkpoint, supernet, optimizer, tables, facts)
    ranks.begin(supernet.state(), done, supernet.device)
    begun = saved = time.monotonic()
    tail_from = steps - max(1, steps // 10)
    supernet.embedding.train()
    progress("supernet", done, steps)

    def save() -> None:
        if checkpoint is not None and ranks.rank == 0:
            state = supernet.state()
            state |= optimizer.state()
            table = tables.state[supernet.embedding.weight]
            state |= {f"table/{name}": tensor for name, tensor in table.items()}
            elapsed = seconds + time.monotonic() - begun
            position = {"step": done, "seconds": elapsed, "recent": recent}
            save_checkpoint(checkpoint, FORMAT, state, facts | position)

    while done < steps:
        epoch, first = divmod(done, per_epoch)
        batches = split.batches(
            recipe.batch_size, shuffle=True, seed=recipe.seed, epoch=epoch, start=first
        )
        for batch in batches:
            share = warm_cosine(done, steps)
            rows, counts = ranks.part(batch)
            dense, ids, label = to_tensors(rows, supernet.device)
            weight = torch.from_numpy(counts).to(supernet.device)
            plan = supernet.plan(paths.draw(done))
            leaves = supernet.bank.slices(plan)
            # Dropout draws from torch's own source: begun anew, a resumed run draws the same.
            torch.manual_seed(recipe.seed * 1_000_003 + done + (ranks.rank << 40))
            with computing(recipe.precision, supernet.device):
                output = supernet.forward(plan, leaves, dense, ids, training=True)
            loss = functional.binary_cross_entropy_with_logits(
                output, label, weight, reduction="sum"
            )
            loss.backward()  # type: ignore[no-untyped-call]
            value = ranks.join(loss, leaves, supernet.embedding)
            if not math.isfinite(value):
                raise TrainingError(f"supernet loss is {value} at step {done}; lower the rate")
            clip_gradients(leaves, recipe.clip)
            optimizer.step(leaves, recipe.lr * share)
            add_penalty(supernet.embedding, recipe.embedding_l2)
            tables.param_groups[0]["lr"] = recipe.embedding_lr * share
            tables.step()
            tables.zero_grad()
            if done >= tail_from:
                recent += value
            done += 1
            progress("supernet", done, steps)
            if time.monotonic() - saved > recipe.checkpoint_seconds:
                save()
                saved = time.monotonic()
    save()
    supernet.embedding.eval()
    elapsed = seconds + time.monotonic() - begun
    return SupernetTraining(steps, recent / (steps - tail_from), elapsed)


def _resume(
    path: Path,
    supernet: Supernet,
    optimizer: SlicedAdagrad | SlicedAdam,
    tables: torch.optim.Optimizer,
    facts: dict[str, object],
) -> tuple[int, float, float]:
    tensors, description = load_checkpoint(path, FORMAT)
    for key, expected in facts.items():
        if description.get(key) != expected:
            raise CheckpointError(
                f"{path}: made with {key} {description.get(key)!r}; expected {expected!r}"
            )
    supernet.load_state(tensors)
    for name, tensor in optimizer.state().items():
        tensor.copy_(tensors[name])
    # Adam has no state before its first step, so it is given whole.
    tables.state[supernet.embedding.weight] = {
        name.removeprefix("table/"): tensor.to(supernet.device)
        for name, tensor in tensors.items()
        if name.startswith("table/")
    }
    return int(description["step"]), float(description["seconds"]), float(description["recent"])
