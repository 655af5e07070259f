"""What the stages ask of the supernet room: a recipe, a trained supernet, models from scratch."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from torch import nn

from dagsmith.data.evaluations import Evaluator
from dagsmith.errors import RunError
from dagsmith.job import Job
from dagsmith.machine import cores, memory
from dagsmith.space import Architecture
from dagsmith.supernet.evaluator import SubnetScoring, SupernetEvaluator
from dagsmith.supernet.inputs import pick_device
from dagsmith.supernet.model import ClickModel
from dagsmith.supernet.penalty import choose_penalty
from dagsmith.supernet.precision import pick_precision
from dagsmith.supernet.recipes import RECIPES, Recipe, sized_for
from dagsmith.supernet.supernet import Supernet
from dagsmith.supernet.train_supernet import NASREC_SUPERNET, SupernetRecipe, train_supernet
from dagsmith.trainings import Training

SUPERNET = "supernet.safetensors"
CHECKPOINT = "supernet.training.safetensors"
_PROCESS_BYTES = 2**29
"""What a process that trains holds beside the table, about."""

SUPERNET_PENALTY = 0.2
"""Share of the stand-alone penalty that the supernet's table gets: no subnet trains it for long
enough to hold its vectors against the full one (on Frappe it collapses)."""


def fit_recipe(job: Job) -> dict[str, Any]:
    """Fit the recipe to the data: batch size and, unless given, the embedding penalty."""
    settings = job.settings
    recipe = replace(
        RECIPES[settings.recipe],
        precision=pick_precision(settings.precision, pick_device(settings.device)),
    )
    if settings.recipe == "default":
        recipe = sized_for(recipe, len(job.dataset.train))
    given = {
        "epochs": settings.scratch_epochs,
        "batch_size": settings.batch_size,
        "embedding_l2": settings.embedding_l2,
    }
    changed: Mapping[str, Any] = {key: value for key, value in given.items() if value is not None}
    recipe = replace(recipe, **changed)
    probes: dict[str, float] = {}
    if settings.recipe == "default" and settings.embedding_l2 is None:
        choice = choose_penalty(
            training_of(job, "recipe", _probe(job), settings.seed, recipe).build(job.dataset),
            job.dataset,
            recipe,
            seed=settings.seed,
            device=settings.device,
            jobs=trainings_at_once(job),
            progress=job.progress.told,
        )
        recipe = choice.recipe
        probes = {f"{penalty:g}": loss for penalty, loss in choice.logloss.items()}
        job.progress.say(f"recipe: embedding penalty {recipe.embedding_l2:g}")
    return {"recipe": asdict(recipe), "probes": probes}


def _probe(job: Job) -> Architecture:
    """The cheapest of a few random architectures: small, but of the kind to be trained."""
    rng = np.random.default_rng(job.settings.seed)
    population = job.space.decode_many(job.space.sample(32, rng))
    return population.architecture(int(np.argsort(job.costs(population)["flops"])[8]))


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
    precision = scratch_recipe(job).precision
    return SupernetEvaluator(supernet, job.dataset, SubnetScoring(precision=precision))


def training_of(
    job: Job, stage: str, model: Architecture | str, seed: int, recipe: Recipe | None = None
) -> Training:
    """A training from scratch of this job.

    Args:
        job: the search.
        stage: ``"scratch"`` or ``"baselines"``; the folder in which its results lie.
        model: an architecture, or the name of a hand-made model.
        seed: of initial weights and order of rows.
        recipe: how to train; else what the recipe stage left.
    """
    key = model if isinstance(model, str) else model.key
    return Training(
        model,
        recipe or scratch_recipe(job),
        seed,
        job.dataset.path,
        job.path / stage / f"{key}-{seed}",
        job.settings.embedding_dim,
        job.settings.device,
    )


def trainings_at_once(job: Job) -> int:
    """How many trainings from scratch run at the same time.

    One per core of a CPU, as far as half of the memory goes: training holds the embedding table
    six times (weights, gradient, two moments, running average, best epoch). One on a GPU.
    """
    if job.settings.jobs is not None:
        return job.settings.jobs
    if pick_device(job.settings.device).type != "cpu":
        return 1
    rows = sum(field.cardinality for field in job.dataset.fields)
    needed = 6 * 4 * rows * job.settings.embedding_dim + _PROCESS_BYTES
    return max(1, min(cores(), memory() // (2 * needed)))


def supernet_recipe(job: Job) -> SupernetRecipe:
    """How the supernet is trained: its table as the models from scratch have theirs."""
    settings, recipe = job.settings, scratch_recipe(job)
    if recipe.rowwise:
        base = NASREC_SUPERNET
    else:
        base = SupernetRecipe(
            batch_size=recipe.batch_size, embedding_l2=SUPERNET_PENALTY * recipe.embedding_l2
        )
    base = replace(base, seed=settings.seed, precision=recipe.precision)
    given = {"epochs": settings.supernet_epochs, "batch_size": settings.supernet_batch_size}
    changed: Mapping[str, Any] = {key: value for key, value in given.items() if value is not None}
    return replace(base, **changed)


def scratch_recipe(job: Job) -> Recipe:
    """How models are trained from scratch, as the recipe stage left it."""
    output = job.directory.output("recipe")
    if output is None:
        raise RunError(f"{job.path}: the recipe stage is not finished")
    return Recipe(**output["recipe"])


def _supernet(job: Job) -> Supernet:
    recipe = scratch_recipe(job)
    return Supernet(
        job.space,
        job.dataset.fields,
        seed=job.settings.seed,
        std=recipe.embedding_std,
        normalise=recipe.normalise,
        device=job.settings.device,
    )


def hand_made_costs(model: ClickModel) -> dict[str, float]:
    """Parameters and FLOPs of a hand-made model, counted as `dagsmith.hardware` counts.

    Every linear layer is applied once per row, so its multiply-accumulates are its weights.
    """
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    return {
        "parameters": float(model.parameter_count()),
        "flops": float(sum(module.weight.numel() for module in linear)),
    }
