"""What the stages ask of the supernet room: to train a supernet, to evaluate, to train alone."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from dagsmith.data.evaluations import Evaluator
from dagsmith.job import Job
from dagsmith.metrics import documented
from dagsmith.network import WEIGHTS, save_weights
from dagsmith.progress import Progress
from dagsmith.space import Architecture
from dagsmith.supernet.evaluator import SupernetEvaluator
from dagsmith.supernet.handmade import HANDMADE
from dagsmith.supernet.metrics import MetricError
from dagsmith.supernet.model import ClickModel
from dagsmith.supernet.network import Network
from dagsmith.supernet.recipes import RECIPES, Recipe
from dagsmith.supernet.scratch import train_scratch
from dagsmith.supernet.supernet import Supernet
from dagsmith.supernet.train_supernet import SupernetRecipe, TrainingError, train_supernet

SUPERNET = "supernet.safetensors"
CHECKPOINT = "supernet.training.safetensors"

Build = Callable[[int], ClickModel]
"""From a seed to a freshly initialised model."""


def train_shared(job: Job) -> dict[str, Any]:
    """Train the supernet, or go on from its checkpoint; keep its weights."""
    supernet = _supernet(job)
    checkpoint = job.path / CHECKPOINT
    training = train_supernet(
        supernet,
        job.dataset,
        supernet_recipe(job),
        checkpoint=checkpoint,
        progress=job.progress.told,
    )
    supernet.save(job.path / SUPERNET)
    # The optimizer's sums double its size and serve nobody any more.
    checkpoint.unlink(missing_ok=True)
    return {"path": SUPERNET, "steps": training.steps, "loss": training.loss}


def subnet_evaluator(job: Job) -> Evaluator:
    """The evaluator over the trained supernet."""
    supernet = _supernet(job)
    supernet.load(job.path / SUPERNET)
    return SupernetEvaluator(supernet, job.dataset)


def train_one(
    job: Job, build: Build, key: str, seed: int, folder: Path, progress: Progress
) -> dict[str, Any]:
    """Train one model from scratch and keep its weights in `folder`.

    Args:
        job: the search.
        build: makes the model.
        key: of its architecture, or its name.
        seed: of initial weights and order of rows.
        folder: where the weights go.
        progress: told of the steps.

    Returns:
        ``{seed, seconds, epochs, valid, test}``, or ``{seed, failure}`` if the loss became NaN.
    """
    start = time.monotonic()
    try:
        trained = train_scratch(
            build(seed),
            job.dataset,
            scratch_recipe(job),
            seed=seed,
            device=job.settings.device,
            progress=progress,
        )
    except (TrainingError, MetricError) as error:
        return {"seed": seed, "failure": str(error)}
    save_weights(folder / WEIGHTS, trained.model, key)
    return {
        "seed": seed,
        "seconds": round(time.monotonic() - start, 3),
        **{split: documented(trained.metrics[split]) for split in ("valid", "test")},
    }


def stand_alone(job: Job, architecture: Architecture) -> Build:
    """Builds the network of an architecture."""
    return lambda seed: Network(architecture, job.dataset.fields, seed=seed)


def supernet_recipe(job: Job) -> SupernetRecipe:
    """How the supernet is trained."""
    settings = job.settings
    given = {"epochs": settings.supernet_epochs, "batch_size": settings.supernet_batch_size}
    changed: Mapping[str, Any] = {key: value for key, value in given.items() if value is not None}
    return dataclasses.replace(SupernetRecipe(seed=settings.seed), **changed)


def scratch_recipe(job: Job) -> Recipe:
    """How models are trained from scratch."""
    settings = job.settings
    given = {"epochs": settings.scratch_epochs, "batch_size": settings.batch_size}
    changed: Mapping[str, Any] = {key: value for key, value in given.items() if value is not None}
    return dataclasses.replace(RECIPES[settings.recipe], **changed)


def _supernet(job: Job) -> Supernet:
    return Supernet(
        job.space, job.dataset.fields, seed=job.settings.seed, device=job.settings.device
    )


def hand_made(job: Job) -> dict[str, Build]:
    """Builds the hand-made models of the field for this data, with the search's embeddings."""
    width = max(1, len(job.dataset.dense_features))

    def build(name: str) -> Build:
        return lambda seed: HANDMADE[name](
            width, job.dataset.fields, dim=job.settings.embedding_dim, seed=seed
        )

    return {name: build(name) for name in HANDMADE}


def hand_made_costs(model: ClickModel) -> dict[str, float]:
    """Parameters and FLOPs of a hand-made model, counted as `dagsmith.hardware` counts.

    Every linear layer is applied once per row, so its multiply-accumulates are its weights.
    """
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    return {
        "parameters": float(model.parameter_count()),
        "flops": float(sum(module.weight.numel() for module in linear)),
    }
