"""Training candidates of a search alone, several side by side, each to be scored and let go."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import torch
from numpy.typing import NDArray

from dagsmith.data import Dataset
from dagsmith.data.evaluations import Evaluation
from dagsmith.space import Architecture
from dagsmith.supernet.inputs import pick_device
from dagsmith.supernet.metrics import MetricError, click_metrics
from dagsmith.supernet.network import Network
from dagsmith.supernet.recipes import Recipe
from dagsmith.supernet.scratch import predict, train_scratch
from dagsmith.supernet.side_by_side import side_by_side
from dagsmith.supernet.train_supernet import TrainingError
from dagsmith.supernet.warm_start import warm_start


@dataclass(frozen=True)
class CandidateTraining:
    """How candidates are trained and scored; small enough to be sent to a process.

    Args:
        path: of the data set; ``train`` rows train, ``valid`` rows score.
        recipe: how to train.
        fidelity: of the evaluations.
        rows: training rows that are used, drawn by the seed; None is all.
        score_rows: validation rows that choose the epoch and score, likewise.
        mapped_rows: those of a candidate that is mapped to crossbars.
        seed: of weights, order of rows, and the draws.
        table: embedding vectors to begin with, ``[rows, dim]``; None begins near zero.
        device: where to train.
    """

    path: Path
    recipe: Recipe
    fidelity: str
    rows: int | None
    score_rows: int | None
    mapped_rows: int | None
    seed: int
    table: NDArray[np.float32] | None
    device: str

    def stream(
        self,
        architectures: Sequence[Architecture],
        jobs: int,
        until: float = math.inf,
        begin: Callable[[Architecture], Network] | None = None,
    ) -> Iterator[tuple[int, Evaluation]]:
        """Train and score each, `jobs` at a time; one whose loss is not finite has a `failure`.

        Yields places and evaluations, those that end first first; see `StreamingEvaluator`. With
        `begin` a training goes on from the network that it gives; else from initial weights.
        """
        jobs = max(1, min(jobs, len(architectures)))
        threads = max(1, torch.get_num_threads() // jobs)
        calls = (
            joblib.delayed(self._evaluate_until)(
                architecture, threads, place, until, None if begin is None else begin(architecture)
            )
            for place, architecture in enumerate(architectures)
        )
        with closing(side_by_side(calls, jobs)) as finished:
            for place, evaluation in finished:
                if evaluation is not None:
                    yield place, evaluation

    def _evaluate_until(
        self,
        architecture: Architecture,
        threads: int,
        place: int,
        until: float,
        begun: Network | None,
    ) -> tuple[int, Evaluation | None]:
        """`evaluate_one`, unless it is too late: only who begins it knows when that is."""
        late = time.time() >= until
        return place, None if late else self.evaluate_one(architecture, threads, begun)

    def evaluate_one(
        self, architecture: Architecture, threads: int, network: Network | None = None
    ) -> Evaluation:
        """Train and score one on so many threads, from `network` on or from initial weights."""
        begun, before = time.monotonic(), torch.get_num_threads()
        whole = Dataset.open(self.path)
        if network is None:
            network = Network.untrained(architecture, whole.fields, self.recipe, self.seed)
        scored = self.mapped_rows if network.plan.mapped else self.score_rows
        dataset = whole.drawn({"train": self.rows, "valid": scored}, seed=self.seed)
        if self.table is not None:
            warm_start(network, torch.tensor(self.table))
        metrics: dict[str, float] = {}
        failure = ""
        torch.set_num_threads(threads)
        try:
            trained = train_scratch(
                network, dataset, self.recipe, seed=self.seed, device=self.device, splits=()
            )
            scores = predict(
                trained.model,
                dataset.valid,
                pick_device(self.device),
                precision=self.recipe.precision,
            )
            found = click_metrics(dataset.valid.label, scores)
            metrics = {name: value for name, value in found.items() if math.isfinite(value)}
        except (TrainingError, MetricError) as error:
            failure = str(error)
        finally:
            torch.set_num_threads(before)
        seconds = time.monotonic() - begun
        return Evaluation(architecture, metrics, {}, self.fidelity, self.seed, seconds, failure)
