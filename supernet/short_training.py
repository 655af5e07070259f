"""Evaluation by short training: each candidate alone, for a pass over some rows.

What takes a training longest are the embeddings, which start near zero, and they are much the same
in every good model. So a candidate may begin with those of a model that is trained already, and
train them on: a short training then ranks candidates much as a whole one does.
"""

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dagsmith.data import Dataset
from dagsmith.data.evaluations import Evaluation
from dagsmith.space import Architecture
from dagsmith.supernet.analog import Analog
from dagsmith.supernet.inputs import pick_device
from dagsmith.supernet.metrics import MetricError, click_metrics
from dagsmith.supernet.model import ClickModel
from dagsmith.supernet.network import Network
from dagsmith.supernet.recipes import Recipe
from dagsmith.supernet.scratch import predict, train_scratch
from dagsmith.supernet.train_supernet import TrainingError


@dataclass(frozen=True)
class ShortTraining:
    """How long a candidate is trained, and on what it is scored.

    Args:
        rows: training rows that a candidate sees, about: one pass over a random part of a large
            log, several over a small one.
        steps: optimizer steps, about; the batch is made accordingly, between a quarter and the
            whole of a full training's.
        score_rows: validation rows on which the metrics are taken; None is all. Both are drawn
            once by the seed, the same for every candidate.
        mapped_rows: those of a candidate that is mapped to crossbars, of which every partial sum
            is computed where ADCs lose any, likewise. Only if they are as many can models with and
            without hardware be compared.
        seed: seed of weights, order of rows, and the draws.
    """

    rows: int = 200_000
    steps: int = 400
    score_rows: int | None = 16384
    mapped_rows: int | None = 16384
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("rows", self.rows), ("steps", self.steps)):
            if value < 1:
                raise ValueError(f"{name} is {value}; expected at least 1")


def short_recipe(recipe: Recipe, rows: int, short: ShortTraining) -> Recipe:
    """The recipe of a short training: few epochs, small fast steps, no epoch chosen.

    Smaller batches and one and a half times the rate (of Adam), which comes down to 0 at the end:
    with so few rows, steps are what a candidate lacks.

    Args:
        recipe: of a full training; neither exceeded in epochs.
        rows: of the training split.
        short: how long.
    """
    seen = min(rows, short.rows)
    epochs = max(1, min(recipe.epochs, round(short.rows / seen)))
    wanted = seen * epochs // short.steps
    return replace(
        recipe,
        epochs=epochs,
        batch_size=max(64, recipe.batch_size // 4, min(wanted, recipe.batch_size)),
        lr=recipe.lr * (1.5 if recipe.optimizer == "adam" else 1.0),
        schedule="cosine",
        monitor=None,
    )


def principal(table: Tensor) -> Tensor:
    """Embedding vectors ``[rows, dim]`` turned so that their coordinates go from large to small.

    ``E V`` with ``E^T E = V L V^T``, L descending: inner products of vectors stay what they are,
    and the first coordinates are the best approximation in so many dimensions.
    """
    wide = table.double()
    _, vectors = torch.linalg.eigh(wide.T @ wide)
    turned: Tensor = wide @ vectors.flip(1)
    return turned.to(table.dtype)


@torch.no_grad()
def warm_start(model: ClickModel, table: Tensor) -> None:
    """Begin with the vectors of `table`, ``[rows, dim]``, as far as the model's dimension goes.

    Coordinates beyond the table's, and weights of single ids, keep their initial values.

    Raises:
        ValueError: a table of other rows.
    """
    if model.embedding is None:
        return
    own = model.embedding.weight
    if len(own) != len(table):
        raise ValueError(f"a table of {len(table)} rows; the model has {len(own)}")
    first = model.embedding.first
    dim = min(table.shape[1], own.shape[1] - first)
    own[:, first : first + dim] = table[:, :dim].to(own)


class ShortTrainingEvaluator:
    """Trains every candidate shortly: an `Evaluator` of fidelity ``"short-training"``.

    It needs no supernet, and scores depend on nothing but the candidate. Several are trained side
    by side through joblib, each on its share of the cores; the scores do not depend on how many.

    Args:
        dataset: ``train`` rows train, ``valid`` rows score.
        recipe: of a full training; see `short_recipe` for what becomes of it.
        short: how long.
        table: embedding vectors to begin with, ``[rows, dim]``, all fields one after the other as
            in an `EmbeddingTable`; None begins near zero.
        device: where to train.
        jobs: candidates at the same time.
    """

    fidelity = "short-training"

    def __init__(
        self,
        dataset: Dataset,
        recipe: Recipe,
        short: ShortTraining | None = None,
        *,
        table: Tensor | None = None,
        device: str = "auto",
        jobs: int = 1,
    ) -> None:
        self.short = short or ShortTraining()
        self.recipe = short_recipe(recipe, len(dataset.train), self.short)
        self.jobs = jobs
        self._path, self._device = dataset.path, device
        self._table = None if table is None else principal(table).numpy()

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """Train and score each architecture; one whose loss is not finite gets a `failure`."""
        jobs = max(1, min(self.jobs, len(architectures)))
        threads = max(1, torch.get_num_threads() // jobs)
        with warnings.catch_warnings():
            # joblib replaces a process whose memory has grown, and warns; nothing is lost by it.
            warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
            return list(
                joblib.Parallel(n_jobs=jobs)(
                    joblib.delayed(_evaluate)(
                        self._path,
                        architecture,
                        self.recipe,
                        self.short,
                        self._table,
                        self._device,
                        threads,
                    )
                    for architecture in architectures
                )
            )


def _evaluate(
    path: Path,
    architecture: Architecture,
    recipe: Recipe,
    short: ShortTraining,
    table: NDArray[np.float32] | None,
    device: str,
    threads: int,
) -> Evaluation:
    begun, before = time.monotonic(), torch.get_num_threads()
    whole = Dataset.open(path)
    network = Network(
        architecture,
        whole.fields,
        seed=short.seed,
        std=recipe.embedding_std,
        normalise=recipe.normalise,
        # What is mapped to crossbars is scored as they compute.
        analog=Analog(),
    )
    scored = short.mapped_rows if network.plan.mapped else short.score_rows
    dataset = whole.drawn({"train": short.rows, "valid": scored}, seed=short.seed)
    if table is not None:
        warm_start(network, torch.tensor(table))
    metrics: dict[str, float] = {}
    failure = ""
    torch.set_num_threads(threads)
    try:
        trained = train_scratch(network, dataset, recipe, seed=short.seed, device=device, splits=())
        scores = predict(
            trained.model, dataset.valid, pick_device(device), precision=recipe.precision
        )
        found = click_metrics(dataset.valid.label, scores)
        metrics = {name: value for name, value in found.items() if math.isfinite(value)}
    except (TrainingError, MetricError) as error:
        failure = str(error)
    finally:
        torch.set_num_threads(before)
    seconds = time.monotonic() - begun
    return Evaluation(
        architecture, metrics, {}, ShortTrainingEvaluator.fidelity, short.seed, seconds, failure
    )
