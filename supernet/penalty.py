"""Choosing the embedding penalty on the data: it spans orders of magnitude between click logs."""

import copy
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import joblib
import torch

from dagsmith.data import Dataset
from dagsmith.supernet.model import ClickModel
from dagsmith.supernet.progress import Progress, silent
from dagsmith.supernet.recipes import Recipe
from dagsmith.supernet.scratch import train_scratch

PENALTIES = (0.1, 0.03, 0.01, 0.003, 0.001, 3e-4)
"""Penalties tried, strongest first."""


@dataclass(frozen=True)
class PenaltyChoice:
    """What `choose_penalty` found.

    Args:
        recipe: the recipe with the chosen penalty.
        logloss: best validation log loss by penalty tried.
        seconds: wall time.
    """

    recipe: Recipe
    logloss: dict[float, float]
    seconds: float


def choose_penalty(
    probe: ClickModel,
    dataset: Dataset,
    recipe: Recipe,
    *,
    penalties: Sequence[float] = PENALTIES,
    seed: int = 0,
    device: str = "auto",
    jobs: int = 1,
    progress: Progress = silent,
) -> PenaltyChoice:
    """Train a small probe model with each penalty and keep the one with the best validation loss.

    The penalties go from strong to weak and the walk stops at the first that is worse than the
    one before: too weak a penalty overfits, and ever weaker ones overfit more.

    Args:
        probe: freshly initialised; copies of it are trained.
        dataset: ``train`` trains, ``valid`` chooses.
        recipe: everything but the penalty; must update the whole table (``rowwise=False``).
        penalties: tried in this order.
        seed: seed of every probe training.
        device: where to train.
        jobs: probes trained at the same time, through joblib; the choice does not depend on it.
        progress: told ``("penalty", probes done, most probes)``.
    """
    begun = time.monotonic()
    threads = max(1, torch.get_num_threads() // jobs)
    found: dict[float, float] = {}
    progress("penalty", 0, len(penalties))
    for start in range(0, len(penalties), jobs):
        tried = penalties[start : start + jobs]
        losses = joblib.Parallel(n_jobs=min(jobs, len(tried)))(
            joblib.delayed(_train)(
                probe, dataset, replace(recipe, embedding_l2=penalty), seed, device, threads
            )
            for penalty in tried
        )
        worse = _walk(found, zip(tried, losses, strict=True))
        progress("penalty", start + len(tried), len(penalties))
        if worse:
            break
    progress("penalty", len(penalties), len(penalties))
    best = min(found, key=lambda penalty: found[penalty])
    return PenaltyChoice(replace(recipe, embedding_l2=best), found, time.monotonic() - begun)


def _walk(found: dict[float, float], tried: Iterable[tuple[float, float]]) -> bool:
    """Note what was found, up to the first that is worse than the best before it."""
    for penalty, loss in tried:
        found[penalty] = loss
        if loss > min(found.values()):
            return True
    return False


def _train(
    probe: ClickModel, dataset: Dataset, recipe: Recipe, seed: int, device: str, threads: int
) -> float:
    torch.set_num_threads(threads)
    trained = train_scratch(
        copy.deepcopy(probe), dataset, recipe, seed=seed, device=device, splits=("valid",)
    )
    return trained.metrics["valid"]["logloss"]
