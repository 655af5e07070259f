"""Evaluation by short training: each candidate alone, for a pass over some rows.

What takes a training longest are the embeddings, which start near zero, and they are much the same
in every good model. So a candidate may begin with those of a model that is trained already, and
train them on: a short training then ranks candidates much as a whole one does. Or it begins with
all the weights that a supernet has for it: fine-tuning the subnet, not its last layer alone.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dagsmith.data import Dataset
from dagsmith.data.evaluations import Evaluation, in_order
from dagsmith.space import Architecture
from dagsmith.supernet.analog import Analog
from dagsmith.supernet.candidate_training import CandidateTraining
from dagsmith.supernet.field_widths import field_widths
from dagsmith.supernet.recipes import Recipe
from dagsmith.supernet.supernet import Supernet
from dagsmith.supernet.warm_start import principal


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


class ShortTrainingEvaluator:
    """Trains every candidate shortly: an `Evaluator` of fidelity ``"short-training"``.

    With a `supernet` its fidelity is ``"fine-tuning"``; else it needs none, and scores depend on
    nothing but the candidate. Several are trained side by side through joblib, each on its share of
    the cores; the scores do not depend on how many.

    Args:
        dataset: ``train`` rows train, ``valid`` rows score.
        recipe: of a full training; see `short_recipe` for what becomes of it.
        short: how long.
        table: embedding vectors to begin with, ``[rows, dim]``, all fields one after the other as
            in an `EmbeddingTable`; None begins near zero.
        supernet: trained; its weights are what candidates begin with, embeddings too.
        device: where to train.
        jobs: candidates at the same time.

    Raises:
        ValueError: both a table and a supernet.
    """

    def __init__(
        self,
        dataset: Dataset,
        recipe: Recipe,
        short: ShortTraining | None = None,
        *,
        table: Tensor | None = None,
        supernet: Supernet | None = None,
        device: str = "auto",
        jobs: int = 1,
    ) -> None:
        if table is not None and supernet is not None:
            raise ValueError("table and supernet: expected one of them")
        self.fidelity = "short-training" if supernet is None else "fine-tuning"
        self.supernet = supernet
        self.short = short or ShortTraining()
        self.recipe = short_recipe(recipe, len(dataset.train), self.short)
        self.jobs = jobs
        self._training = CandidateTraining(
            dataset.path,
            self.recipe,
            self.fidelity,
            self.short.rows,
            self.short.score_rows,
            self.short.mapped_rows,
            self.short.seed,
            None if table is None else self._turned(dataset, table),
            device,
        )

    def _turned(self, dataset: Dataset, table: Tensor) -> NDArray[np.float32]:
        widths = field_widths(dataset.fields, table.shape[1], self.recipe.width_factor)
        turned: NDArray[np.float32] = principal(table, widths).numpy()
        return turned

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """Train and score each architecture; one whose loss is not finite gets a `failure`."""
        return in_order(self.stream(architectures))

    def stream(
        self, architectures: Sequence[Architecture], until: float = math.inf
    ) -> Iterator[tuple[int, Evaluation]]:
        """The same, each when it is finished: `dagsmith.data.StreamingEvaluator`."""
        begin = None if self.supernet is None else partial(self.supernet.extract, analog=Analog())
        return self._training.stream(architectures, self.jobs, until, begin)
