"""Choosing the embedding penalty on the data: it spans orders of magnitude between click logs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
    build: Callable[[], ClickModel],
    dataset: Dataset,
    recipe: Recipe,
    *,
    penalties: Sequence[float] = PENALTIES,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = silent,
) -> PenaltyChoice:
    """Train a small probe model with each penalty and keep the one with the best validation loss.

    The penalties go from strong to weak and the walk stops at the first that is worse than the
    one before: too weak a penalty overfits, and ever weaker ones overfit more.

    Args:
        build: makes the probe, freshly initialised from the same seed every time.
        dataset: ``train`` trains, ``valid`` chooses.
        recipe: everything but the penalty; must update the whole table (``rowwise=False``).
        penalties: tried in this order.
        seed: seed of every probe training.
        device: where to train.
        progress: told ``("penalty", probes done, most probes)``.
    """
    found: dict[float, float] = {}
    seconds = 0.0
    for done, penalty in enumerate(penalties):
        progress("penalty", done, len(penalties))
        trial = replace(recipe, embedding_l2=penalty)
        trained = train_scratch(
            build(), dataset, trial, seed=seed, device=device, splits=("valid",)
        )
        seconds += trained.seconds
        found[penalty] = trained.metrics["valid"]["logloss"]
        if found[penalty] > min(found.values()):
            break
    progress("penalty", len(penalties), len(penalties))
    best = min(found, key=lambda penalty: found[penalty])
    return PenaltyChoice(replace(recipe, embedding_l2=best), found, seconds)
