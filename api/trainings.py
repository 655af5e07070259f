"""Trainings from scratch: each is data, so that any process can do it, several side by side."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import torch

from dagsmith.data import Dataset
from dagsmith.files import write_text
from dagsmith.metrics import documented
from dagsmith.network import WEIGHTS, save_weights
from dagsmith.progress import Progress
from dagsmith.space import Architecture
from dagsmith.supernet.metrics import MetricError
from dagsmith.supernet.model import ClickModel
from dagsmith.supernet.network import Network
from dagsmith.supernet.recipes import Recipe
from dagsmith.supernet.scratch import train_scratch
from dagsmith.supernet.side_by_side import side_by_side
from dagsmith.supernet.train_supernet import TrainingError

FIGURES = "figures.json"
_SHARE = "share"
"""File in which a training in another process says how far it is."""

Told = Callable[[float, str], None]
"""Called with the trainings done, the begun ones as fractions, and a note."""


@dataclass(frozen=True)
class Training:
    """One model to train from scratch, and where its weights and figures go.

    Args:
        model: its architecture.
        recipe: how to train.
        seed: of initial weights and order of rows.
        data: folder of the prepared data set.
        folder: where the weights and the figures are kept.
        device: where to train.
        name: what to call it; the beginning of its key where empty.
        labels: file of other labels of the training rows, from which it learns.
    """

    model: Architecture
    recipe: Recipe
    seed: int
    data: Path
    folder: Path
    device: str = "auto"
    name: str = ""
    labels: Path | None = None

    @property
    def key(self) -> str:
        """Of the architecture."""
        return self.model.key

    @property
    def title(self) -> str:
        """What to call it in a line of progress."""
        return f"{self.name or self.key[:12]}, seed {self.seed}"

    def build(self, dataset: Dataset) -> ClickModel:
        """The model, freshly initialised."""
        return Network.untrained(self.model, dataset.fields, self.recipe, self.seed)

    def outcome(self) -> dict[str, Any] | None:
        """Figures, or ``{seed, failure}``; None if it is not finished.

        Figures are ``seed, seconds, epochs, best_epoch, rows_per_second, valid, test``.
        """
        try:
            return dict(json.loads((self.folder / FIGURES).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None


def train(training: Training, progress: Progress) -> None:
    """Do one training and keep its weights and its figures, a failure included.

    One that was interrupted begins again; being seeded, it ends with the same figures.

    Args:
        training: what to do.
        progress: told ``("scratch", steps done, most steps)``.
    """
    training.folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    dataset = Dataset.open(training.data)
    if training.labels is not None:
        dataset = dataset.with_labels(training.labels)
    figures: dict[str, Any] = {"seed": training.seed}
    try:
        trained = train_scratch(
            training.build(dataset),
            dataset,
            training.recipe,
            seed=training.seed,
            device=training.device,
            progress=progress,
        )
    except (TrainingError, MetricError) as error:
        figures["failure"] = str(error)
    else:
        save_weights(training.folder / WEIGHTS, trained.model, training.key)
        figures["seconds"] = round(time.monotonic() - start, 3)
        figures["epochs"], figures["best_epoch"] = trained.epochs, trained.best_epoch
        rows = trained.epochs * len(dataset.train)
        figures["rows_per_second"] = round(rows / trained.seconds, 1)
        figures |= {name: documented(trained.metrics[name]) for name in ("valid", "test")}
    write_text(training.folder / FIGURES, json.dumps(figures, indent=2, allow_nan=False) + "\n")


def train_all(trainings: Sequence[Training], jobs: int, told: Told) -> None:
    """Do all trainings that have not been done before, `jobs` at a time.

    More than one go through joblib, so ``joblib.parallel_config`` can send them elsewhere, to
    machines that see the same folders.

    Args:
        trainings: what to do; what takes longest is best put first.
        jobs: trainings at the same time, each with its share of the cores.
        told: of the progress.
    """
    left = [training for training in trainings if training.outcome() is None]
    before = len(trainings) - len(left)
    told(before, "")
    if min(jobs, len(left)) > 1:
        with _watching(left, lambda done, note: told(before + done, note)):
            _side_by_side(left, jobs)
    else:
        for done, training in enumerate(left):
            title = training.title

            def told_steps(
                _: str, step: int, steps: int | None, done: int = done, title: str = title
            ) -> None:
                told(round(before + done + (step / steps if steps else 0.0), 3), title)

            train(training, told_steps)
    told(len(trainings), "")


def _side_by_side(trainings: Sequence[Training], jobs: int) -> None:
    threads = max(1, torch.get_num_threads() // jobs)
    calls = (joblib.delayed(_train_apart)(training, threads) for training in trainings)
    for _ in side_by_side(calls, jobs):
        pass


def _train_apart(training: Training, threads: int) -> None:
    """`train` in a process of its own: it writes down how far it is, and ends with its parent."""
    torch.set_num_threads(threads)
    parent, spoken = os.getppid(), 0.0

    def told(_: str, done: int, steps: int | None) -> None:
        nonlocal spoken
        if os.getppid() != parent:
            os._exit(1)
        if steps and time.monotonic() - spoken > 0.5:
            spoken = time.monotonic()
            (training.folder / _SHARE).write_text(f"{done / steps:.3f}", encoding="utf-8")

    train(training, told)
    (training.folder / _SHARE).unlink(missing_ok=True)


@contextmanager
def _watching(trainings: Sequence[Training], told: Told) -> Iterator[None]:
    """Tell once a second how far the trainings in other processes are."""
    for training in trainings:
        (training.folder / _SHARE).unlink(missing_ok=True)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            done, running = 0.0, []
            for training in trainings:
                if (training.folder / FIGURES).exists():
                    done += 1.0
                elif share := _share(training.folder):
                    done += share
                    running.append(training.title)
            told(round(done, 3), "; ".join(running[:2]) + (" ..." if running[2:] else ""))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _share(folder: Path) -> float:
    try:
        return float((folder / _SHARE).read_text(encoding="utf-8") or 0.0)
    except (FileNotFoundError, ValueError):
        # Not begun, or just being written.
        return 0.0
