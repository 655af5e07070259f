"""What the stages ask of the supernet room: a recipe, a trained supernet, models from scratch."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from dagsmith.data.evaluations import Evaluator
from dagsmith.errors import RunError
from dagsmith.files import write_text
from dagsmith.job import Job
from dagsmith.machine import cores, memory
from dagsmith.network import WEIGHTS, restore
from dagsmith.settings import SearchSettings
from dagsmith.space import Architecture, named_architecture
from dagsmith.space.offered import PLUS
from dagsmith.supernet.evaluator import SubnetScoring, SupernetEvaluator
from dagsmith.supernet.few_epochs import FewEpochsEvaluator
from dagsmith.supernet.inputs import pick_device
from dagsmith.supernet.latency import MeasuredLatency, WithLatency
from dagsmith.supernet.penalty import Losses, PenaltyChoice, choose_penalties
from dagsmith.supernet.precision import pick_precision
from dagsmith.supernet.ranks import torchrun_ranks
from dagsmith.supernet.recipes import RECIPES, Recipe, sized_for
from dagsmith.supernet.short_training import ShortTraining, ShortTrainingEvaluator
from dagsmith.supernet.supernet import Supernet
from dagsmith.supernet.train_supernet import NASREC_SUPERNET, SupernetRecipe, train_supernet
from dagsmith.trainings import Training

_PENALTIES = "penalties.json"
"""Losses measured while the penalty is chosen; goes when it is."""
SEARCHED = "searched"
"""Stands for all architectures of the space among the models that have a penalty."""
SUPERNET = "supernet.safetensors"
CHECKPOINT = "supernet.training.safetensors"
_PROCESS_BYTES = 2**29
"""What a process that trains holds beside the table, about."""

BASELINES = ("dnn", "deepfm", "dcnv2", "finalmlp")
"""Hand-made models that a search trains beside its own."""
SUPERNET_BATCH = 4
"""How many times smaller than alone a supernet's batches are: a step trains one subnet only, so
the shared weights need more of them."""


def base_recipe(job: Job) -> Recipe:
    """The recipe as it was asked for, sized for the data; its penalty is not chosen yet."""
    return recipe_for(job.settings, len(job.dataset.train))


def recipe_for(settings: SearchSettings, rows: int) -> Recipe:
    """The recipe as it was asked for, sized for so many training rows."""
    recipe = replace(
        RECIPES[settings.recipe],
        precision=pick_precision(settings.precision, pick_device(settings.device)),
    )
    if settings.recipe == "default":
        recipe = sized_for(recipe, rows)
    given = {
        "epochs": settings.scratch_epochs,
        "batch_size": settings.batch_size,
        "embedding_l2": settings.embedding_l2,
        "lr": settings.learning_rate,
        "dropout": settings.dropout,
        "calibrate": settings.calibrate,
    }
    changed: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if settings.width_factor is not None:
        changed["width_factor"] = settings.width_factor or None
    return replace(recipe, **changed)


def search_probes(job: Job) -> dict[str, Architecture]:
    """The models whose penalties a search fits: one for all searched ones, and the baselines.

    Each hand-made model has its own penalty: a comparison with models held down by that of
    another would flatter the search.
    """
    # One of these is a probe in any case: in a space as mixed as ctr-plus a random architecture may
    # be too poor to tell the penalty of a good one. There the best are more like FinalMLP.
    alone = "finalmlp" if job.settings.space in PLUS else "dnn"
    names = (alone,) if job.settings.no_baselines else BASELINES
    hand_made = {name: baseline(job, name, base_recipe(job)) for name in names}
    return {SEARCHED: _probe(job), **hand_made}


def fit_recipe(job: Job, models: Callable[[], Mapping[str, Architecture]]) -> dict[str, Any]:
    """Fit the recipe to the data: batch size and, unless given, embedding penalties.

    Args:
        job: what is trained.
        models: gives the models to fit penalties for, by name; the recipe's is that of the best.
    """
    settings, recipe = job.settings, base_recipe(job)
    if settings.recipe != "default" or settings.embedding_l2 is not None:
        return {"recipe": asdict(recipe), "handmade": {}, "probes": {}}
    probes = models()
    kept = job.path / _PENALTIES
    choices = fit_penalties(job, probes, recipe, kept)
    kept.unlink(missing_ok=True)
    best = min(choices, key=lambda name: min(choices[name].logloss.values()))
    recipe = choices[best].recipe
    handmade = {name: choices[name].recipe.embedding_l2 for name in probes if name != SEARCHED}
    chosen = [f"{name} {choices[name].recipe.embedding_l2:g}" for name in probes]
    job.progress.say(f"recipe: embedding penalty of {', '.join(chosen)}; best: {best}")
    tried = {
        name: {f"{penalty:g}": loss for penalty, loss in choice.logloss.items()}
        for name, choice in choices.items()
    }
    return {"recipe": asdict(recipe), "handmade": handmade, "probes": tried}


def fit_penalties(
    job: Job, probes: Mapping[str, Architecture], recipe: Recipe, kept: Path
) -> dict[str, PenaltyChoice]:
    """`choose_penalties` for models of the job, resumable by the losses in the file `kept`."""
    seed = job.settings.seed
    return choose_penalties(
        {
            name: training_of(job, "recipe", model, seed, recipe=recipe).build(job.dataset)
            for name, model in probes.items()
        },
        job.dataset,
        recipe,
        seed=seed,
        device=job.settings.device,
        jobs=trainings_at_once(job),
        known=_read_losses(kept),
        keep=lambda losses: write_text(kept, json.dumps(losses)),
        progress=job.progress.told,
    )


def _read_losses(path: Path) -> Losses:
    """What an interrupted choice of the penalty had measured."""
    if not path.is_file():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    return {name: {float(key): loss for key, loss in row.items()} for name, row in found.items()}


def _probe(job: Job) -> Architecture:
    """The cheapest of a few random architectures: small, but of the kind to be trained."""
    rng = np.random.default_rng(job.settings.seed)
    population = job.space.decode_many(job.space.sample(32, rng))
    return population.architecture(int(np.argsort(job.costs(population)["flops"])[8]))


def train_shared(job: Job) -> dict[str, Any]:
    """Train the supernet, or go on from its checkpoint; keep its weights.

    Under torchrun all processes do this together, and the first one keeps what came out.
    """
    checkpoint = job.path / CHECKPOINT
    with torchrun_ranks(job.settings.device) as ranks:
        supernet = _supernet(job)
        training = train_supernet(
            supernet,
            job.dataset,
            supernet_recipe(job),
            checkpoint=checkpoint,
            progress=job.progress.told,
            ranks=ranks,
        )
    if ranks.rank == 0:
        supernet.save(job.path / SUPERNET)
        # The optimizer's sums double its size and serve nobody any more.
        checkpoint.unlink(missing_ok=True)
    return {"path": SUPERNET, "steps": training.steps, "loss": training.loss}


def table_training(job: Job) -> Training:
    """The training whose embeddings short trainings begin with.

    It is that of the hand-made model that did best when penalties were fitted, which is a baseline
    and to be trained anyway; FinalMLP where none were.
    """
    output = job.directory.output("recipe") or {}
    losses = {
        name: min(found.values())
        for name, found in output.get("probes", {}).items()
        if name in BASELINES and found
    }
    name = min(losses, key=losses.__getitem__, default="finalmlp")
    return training_of(job, "baselines", baseline(job, name), job.settings.seed, name)


def candidate_evaluator(job: Job) -> Evaluator:
    """What scores candidates: the trained supernet, or a training of each that is not in full."""
    if job.evaluator == "supernet":
        return subnet_evaluator(job)
    return _with_latency(job, _alone(job))


def _alone(job: Job) -> FewEpochsEvaluator | ShortTrainingEvaluator:
    """The evaluator that trains each candidate alone."""
    settings, recipe = job.settings, scratch_recipe(job)
    jobs = trainings_at_once(job)
    if job.evaluator == "few-epochs":
        return FewEpochsEvaluator(
            job.dataset,
            recipe,
            settings.few_epochs,
            # None of the race's seeds, or what is chosen for its luck would be lucky again.
            seed=settings.seed + settings.scratch_seeds,
            device=settings.device,
            jobs=jobs,
        )
    tuned = job.evaluator == "fine-tuning"
    return ShortTrainingEvaluator(
        job.dataset,
        recipe,
        ShortTraining(rows=settings.short_rows, seed=settings.seed),
        table=None if tuned else _trained_table(job),
        supernet=_trained_supernet(job) if tuned else None,
        device=settings.device,
        jobs=jobs,
    )


def subnet_evaluator(job: Job) -> Evaluator:
    """The evaluator over the trained supernet."""
    supernet = _trained_supernet(job)
    precision = scratch_recipe(job).precision
    evaluator = SupernetEvaluator(supernet, job.dataset, SubnetScoring(precision=precision))
    return _with_latency(job, evaluator)


def _trained_supernet(job: Job) -> Supernet:
    supernet = _supernet(job)
    supernet.load(job.path / SUPERNET)
    return supernet


def _with_latency(job: Job, evaluator: Evaluator) -> Evaluator:
    """Measures the latency too, where it is asked for."""
    if any(objective.name == "cpu_latency_ns" for objective in job.objectives):
        return WithLatency(evaluator, MeasuredLatency(job.dataset.fields))
    return evaluator


def _trained_table(job: Job) -> Tensor | None:
    """Embedding vectors of the trained hand-made model; None if its training failed."""
    training = table_training(job)
    if "valid" not in (training.outcome() or {}):
        return None
    model = restore(training.folder / WEIGHTS, training.build(job.dataset), training.key)
    table = model.embedding
    return None if table is None else table.weight.detach()[:, table.first :]


def training_of(
    job: Job,
    stage: str,
    model: Architecture,
    seed: int,
    name: str = "",
    recipe: Recipe | None = None,
) -> Training:
    """A training from scratch of this job.

    Args:
        job: the search.
        stage: ``"scratch"`` or ``"baselines"``; the folder in which its results lie.
        model: what to train.
        seed: of initial weights and order of rows.
        name: of a hand-made model; its folder and its recipe go by it.
        recipe: how to train; else what the recipe stage left for such a model.
    """
    return Training(
        model,
        recipe or scratch_recipe(job, name),
        seed,
        job.dataset.path,
        job.path / stage / f"{name or model.key}-{seed}",
        job.settings.device,
        name,
    )


def contender_training(job: Job, model: Architecture, seed: int, epochs: int) -> Training:
    """A training of the race: of a found model, or of a hand-made one in the space.

    A hand-made model keeps its name and the penalty that was fitted for it. What is a baseline to
    the very width is trained in full where baselines are, once for both.

    Args:
        job: the search.
        model: what to train.
        seed: of initial weights and order of rows.
        epochs: of this heat; fewer than a full training's are kept apart.
    """
    name = job.handmade_keys.get(model.key, "")
    recipe = scratch_recipe(job, name)
    if epochs < recipe.epochs:
        folder, recipe = f"{model.key}-{seed}-{epochs}", replace(recipe, epochs=epochs)
    elif name in BASELINES and not job.settings.no_baselines and baseline(job, name) == model:
        return training_of(job, "baselines", model, seed, name)
    else:
        folder = f"{model.key}-{seed}"
    folder_path = job.path / "scratch" / folder
    return Training(model, recipe, seed, job.dataset.path, folder_path, job.settings.device, name)


def baseline(job: Job, name: str, recipe: Recipe | None = None) -> Architecture:
    """A hand-made model over the features of the data, with the recipe's dropout."""
    return named_architecture(
        name,
        len(job.dataset.dense_features),
        len(job.dataset.fields),
        embedding_dim=job.settings.embedding_dim,
        dropout=(recipe or scratch_recipe(job)).dropout,
        norm=job.settings.norm,
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
            batch_size=max(256, recipe.batch_size // SUPERNET_BATCH),
            embedding_l2=recipe.embedding_l2,
        )
    base = replace(base, seed=settings.seed, precision=recipe.precision)
    given = {"epochs": settings.supernet_epochs, "batch_size": settings.supernet_batch_size}
    changed: Mapping[str, Any] = {key: value for key, value in given.items() if value is not None}
    return replace(base, **changed)


def scratch_recipe(job: Job, model: str = "") -> Recipe:
    """How models are trained from scratch, as the recipe stage left it.

    Args:
        job: the search.
        model: a hand-made model's name; all others are trained like the searched ones.
    """
    output = job.directory.output("recipe")
    if output is None:
        raise RunError(f"{job.path}: the recipe stage is not finished")
    recipe = Recipe(**output["recipe"])
    return replace(recipe, embedding_l2=output["handmade"].get(model, recipe.embedding_l2))


def _supernet(job: Job) -> Supernet:
    settings = job.settings
    return Supernet.untrained(
        job.space, job.dataset.fields, scratch_recipe(job), settings.seed, settings.device
    )
