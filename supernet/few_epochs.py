"""Evaluation by a few epochs: each candidate alone, from scratch, as it would be trained in full.

On a log that is small enough to be passed a few times per candidate, nothing that is shared can
favour one candidate over another: no weights, and no embeddings of another model.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dagsmith.data import Dataset
from dagsmith.data.evaluations import Evaluation, in_order
from dagsmith.space import Architecture
from dagsmith.supernet.candidate_training import CandidateTraining
from dagsmith.supernet.recipes import Recipe


class FewEpochsEvaluator:
    """Trains every candidate from scratch for few epochs: an `Evaluator` of ``"few-epochs"``.

    The learning rate comes down to zero within them, and the best of them is kept, so that it is a
    whole training, only shorter. Several are trained side by side through joblib, each on its share
    of the cores; the scores do not depend on how many.

    Args:
        dataset: ``train`` rows train, ``valid`` rows choose the epoch and score.
        recipe: of a full training, whose epochs are not exceeded.
        epochs: passes over the training rows.
        score_rows: validation rows that are used, drawn once by the seed; None is all.
        mapped_rows: those of a candidate that is mapped to crossbars, likewise.
        seed: of weights and order of rows.
        device: where to train.
        jobs: candidates at the same time.

    Raises:
        ValueError: no epoch.
    """

    fidelity = "few-epochs"

    def __init__(
        self,
        dataset: Dataset,
        recipe: Recipe,
        epochs: int = 4,
        *,
        score_rows: int | None = None,
        mapped_rows: int | None = 16384,
        seed: int = 0,
        device: str = "auto",
        jobs: int = 1,
    ) -> None:
        if epochs < 1:
            raise ValueError(f"epochs is {epochs}; expected at least 1")
        self.recipe = replace(recipe, epochs=min(epochs, recipe.epochs))
        self.jobs = jobs
        self._training = CandidateTraining(
            dataset.path,
            self.recipe,
            self.fidelity,
            rows=None,
            score_rows=score_rows,
            mapped_rows=mapped_rows,
            seed=seed,
            table=None,
            device=device,
        )

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """Train and score each architecture; one whose loss is not finite gets a `failure`."""
        return in_order(self.stream(architectures))

    def stream(
        self, architectures: Sequence[Architecture], until: float = math.inf
    ) -> Iterator[tuple[int, Evaluation]]:
        """The same, each when it is finished: `dagsmith.data.StreamingEvaluator`."""
        return self._training.stream(architectures, self.jobs, until)
