"""Training a model from scratch, by a recipe: architectures and hand-made models alike."""

import copy
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from dagsmith.data import Dataset, Split
from dagsmith.supernet.estimated_statistics import estimate_statistics
from dagsmith.supernet.inputs import pick_device, to_tensors
from dagsmith.supernet.metrics import auc, click_metrics, logloss
from dagsmith.supernet.model import ClickModel
from dagsmith.supernet.platt import fit_platt
from dagsmith.supernet.precision import Precision, computing
from dagsmith.supernet.progress import Progress, silent
from dagsmith.supernet.recipes import Recipe
from dagsmith.supernet.schedule import warm_cosine
from dagsmith.supernet.table_optimizer import add_penalty, table_optimizer
from dagsmith.supernet.train_supernet import TrainingError


@dataclass(frozen=True)
class TrainedModel:
    """A model after training.

    Args:
        model: in evaluation mode, with the weights of the best epoch.
        metrics: ``{split: {metric: value}}`` for every split evaluated.
        epochs: epochs trained.
        best_epoch: the epoch whose weights were kept, from 1.
        steps: optimizer steps taken.
        seconds: wall time of training, evaluation between epochs included.
    """

    model: ClickModel
    metrics: Mapping[str, Mapping[str, float]]
    epochs: int
    best_epoch: int
    steps: int
    seconds: float


def train_scratch(
    model: ClickModel,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: str = "auto",
    splits: tuple[str, ...] = ("valid", "test"),
    progress: Progress = silent,
) -> TrainedModel:
    """Train `model` on the training split, choose the epoch on ``valid``, measure on `splits`.

    A recipe that calibrates fits two numbers on ``valid``, too, by the weights that are kept.

    Args:
        model: freshly initialised; trained in place.
        dataset: needs ``train``, ``valid`` and every split in `splits`.
        recipe: how to train.
        seed: seed of data order and dropout.
        device: where to train.
        splits: measured with the kept weights.
        progress: told ``("scratch", steps done, most steps)``.

    Raises:
        TrainingError: the loss is NaN or infinite.
        MetricError: the scores are NaN, or AUC chooses the epoch and ``valid`` has one class only.
    """
    begun = time.monotonic()
    target = pick_device(device)
    model = model.to(target)
    torch.manual_seed(seed)
    model.dropout = recipe.dropout
    optimizers = _optimizers(model, recipe)
    average = copy.deepcopy(model) if recipe.average else None
    per_epoch = math.ceil(len(dataset.train) / recipe.batch_size)
    steps, done, rate = per_epoch * recipe.epochs, 0, 1.0
    best: tuple[float, int, dict[str, Tensor]] | None = None
    stale = epoch = 0
    for epoch in range(1, recipe.epochs + 1):
        model.train()
        for batch in dataset.train.batches(
            recipe.batch_size, shuffle=True, seed=seed, epoch=epoch - 1
        ):
            share = warm_cosine(done, steps) if recipe.schedule == "cosine" else rate
            for optimizer in optimizers:
                optimizer.param_groups[0]["lr"] = recipe.lr * share
            _step(model, optimizers, to_tensors(batch, target), recipe, done)
            done += 1
            if average is not None:
                _blend(average, model, min(recipe.average, (1 + done) / (10 + done)))
            progress("scratch", done, steps)
        if recipe.monitor is None:
            continue
        candidate = average if average is not None else model
        # Which epoch is best does not hang on one chip, whose partial sums take their time.
        candidate.ideal = True
        _estimate(candidate, dataset, recipe, seed)
        measure = auc if recipe.monitor == "auc" else logloss
        scores = predict(candidate, dataset.valid, target, precision=recipe.precision)
        found = measure(dataset.valid.label, scores)
        score = found if recipe.monitor == "auc" else -found
        if best is None or score > best[0] + 1e-6:
            kept = {name: value.detach().clone() for name, value in candidate.state_dict().items()}
            best, stale = (score, epoch, kept), 0
        else:
            stale += 1
            rate = rate * 0.1 if recipe.schedule == "plateau" else rate
            if stale >= recipe.patience:
                break
    if best is not None:
        model.load_state_dict(best[2])
    elif average is not None:
        model.load_state_dict(average.state_dict())
    if best is None:
        model.ideal = True
        _estimate(model, dataset, recipe, seed)
    model.eval()
    model.ideal = False
    if recipe.calibrate:
        # What is fitted takes the place of an earlier fit; it does not come on top of it.
        model.platt = None
        answers = predict(model, dataset.valid, target)
        fitted = fit_platt(dataset.valid.label, answers)
        model.platt = torch.tensor(fitted, dtype=torch.float32, device=target)
    seconds = time.monotonic() - begun
    metrics = {
        name: click_metrics(
            dataset.splits[name].label, predict(model, dataset.splits[name], target)
        )
        for name in splits
    }
    return TrainedModel(model, metrics, epoch, best[1] if best else epoch, done, seconds)


@torch.inference_mode()
def predict(
    model: ClickModel,
    split: Split,
    device: torch.device,
    batch_size: int | None = None,
    precision: Precision = "float32",
) -> NDArray[np.float32]:
    """Click probabilities of a split's rows, in order, ``[rows]``.

    Without a `batch_size` it is 2,048 on a processor, whose cache holds what so many rows give from
    layer to layer, and 8,192 elsewhere.
    """
    model.eval()
    parts = [torch.zeros(0)]
    for batch in split.batches(batch_size or (2048 if device.type == "cpu" else 8192)):
        dense, ids, _ = to_tensors(batch, device)
        with computing(precision, device):
            logits = model(dense, ids)
        parts.append(torch.sigmoid(logits).cpu())
    return torch.cat(parts).numpy()


def _step(
    model: ClickModel,
    optimizers: list[torch.optim.Optimizer],
    rows: tuple[Tensor, Tensor, Tensor],
    recipe: Recipe,
    done: int,
) -> None:
    dense, ids, label = rows
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    with computing(recipe.precision, label.device):
        output = model(dense, ids)
    loss = functional.binary_cross_entropy_with_logits(output, label)
    value = float(loss.detach())
    if not math.isfinite(value):
        raise TrainingError(f"training loss is {value} at step {done}")
    loss.backward()  # type: ignore[no-untyped-call]
    table = model.embedding.weight if model.embedding is not None else None
    if model.embedding is not None:
        add_penalty(model.embedding, recipe.embedding_l2)
    if recipe.clip is not None:
        dense_parameters = [p for p in model.parameters() if p is not table or not recipe.rowwise]
        nn.utils.clip_grad_norm_(dense_parameters, recipe.clip)
    for optimizer in optimizers:
        optimizer.step()


def _optimizers(model: ClickModel, recipe: Recipe) -> list[torch.optim.Optimizer]:
    table = model.embedding.weight if model.embedding is not None else None
    network = [parameter for parameter in model.parameters() if parameter is not table]
    optimizers: list[torch.optim.Optimizer] = (
        [torch.optim.Adagrad(network, recipe.lr, eps=recipe.eps, foreach=True)]
        if recipe.optimizer == "adagrad"
        else [torch.optim.Adam(network, recipe.lr, eps=recipe.eps, fused=True)]
    )
    if model.embedding is not None:
        optimizers.append(table_optimizer(model.embedding, recipe.rowwise, recipe.lr))
    return optimizers


def _estimate(model: ClickModel, dataset: Dataset, recipe: Recipe, seed: int) -> None:
    estimate_statistics(
        model, dataset.train, recipe.batch_size, seed=seed, precision=recipe.precision
    )


@torch.no_grad()
def _blend(average: nn.Module, model: nn.Module, decay: float) -> None:
    """``average = decay average + (1 - decay) model`` for every weight."""
    old, new = average.state_dict(), model.state_dict()
    floats = [name for name, value in new.items() if value.is_floating_point()]
    # The running statistics of a batch normalisation belong to the weights: averaged like them.
    torch._foreach_lerp_([old[name] for name in floats], [new[name] for name in floats], 1 - decay)
