"""Choosing the embedding penalty on the data: it spans orders of magnitude between click logs."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import joblib
import torch

from dagsmith.data import Dataset
from dagsmith.supernet.model import ClickModel
from dagsmith.supernet.progress import Progress, silent
from dagsmith.supernet.recipes import Recipe
from dagsmith.supernet.scratch import train_scratch

PENALTIES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 3e-4)
"""Penalties tried, strongest first."""
SLACK = 1e-3
"""Losses within this share of the best count as equal: under penalties that are far too strong all
vectors stay at zero, and the losses differ by noise alone."""


@dataclass(frozen=True)
class PenaltyChoice:
    """What `choose_penalty` found.

    Args:
        recipe: the recipe with the chosen penalty.
        logloss: best validation log loss by penalty tried.
    """

    recipe: Recipe
    logloss: dict[float, float]


Losses = dict[str, dict[float, float]]
"""Best validation log loss by probe and penalty."""


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
    """`choose_penalties` for one probe."""
    return choose_penalties(
        {"": probe},
        dataset,
        recipe,
        penalties=penalties,
        seed=seed,
        device=device,
        jobs=jobs,
        progress=progress,
    )[""]


def choose_penalties(
    probes: Mapping[str, ClickModel],
    dataset: Dataset,
    recipe: Recipe,
    *,
    penalties: Sequence[float] = PENALTIES,
    seed: int = 0,
    device: str = "auto",
    jobs: int = 1,
    known: Losses | None = None,
    keep: Callable[[Losses], None] = lambda losses: None,
    progress: Progress = silent,
) -> dict[str, PenaltyChoice]:
    """Train each probe model with some penalties and keep the one with the best validation loss.

    For each probe the penalties go from strong to weak, and the walk stops at the first that is
    worse than the best before it: too weak a penalty overfits, and ever weaker ones overfit more.

    Args:
        probes: freshly initialised models, by any name; copies of them are trained.
        dataset: ``train`` trains, ``valid`` chooses.
        recipe: everything but the penalty; must update the whole table (``rowwise=False``).
        penalties: tried in this order.
        seed: seed of every probe training.
        device: where to train.
        jobs: trainings at the same time, through joblib; the choice does not depend on it.
        known: losses of an interrupted call; they are not measured again.
        keep: given all losses after every round of trainings.
        progress: told ``("penalty", trainings done, most trainings)``.
    """
    losses: Losses = {name: dict((known or {}).get(name, {})) for name in probes}
    threads = max(1, torch.get_num_threads() // jobs)
    most = len(probes) * len(penalties)
    progress("penalty", 0, most)
    while walking := {name: ahead for name in probes if (ahead := _ahead(losses[name], penalties))}:
        # More cores than probes: the next penalties are tried before it is known that they matter.
        each = max(1, jobs // len(walking))
        tried = [(name, penalty) for name, ahead in walking.items() for penalty in ahead[:each]]
        found = joblib.Parallel(n_jobs=min(jobs, len(tried)))(
            joblib.delayed(_train)(
                probes[name],
                dataset,
                replace(recipe, embedding_l2=penalty),
                seed,
                device,
                threads,
            )
            for name, penalty in tried
        )
        for (name, penalty), loss in zip(tried, found, strict=True):
            losses[name][penalty] = loss
        keep(losses)
        progress(
            "penalty", most - sum(len(_ahead(losses[name], penalties)) for name in probes), most
        )
    walked = {name: _walked(losses[name], penalties) for name in probes}
    return {
        name: PenaltyChoice(
            replace(recipe, embedding_l2=min(passed, key=lambda penalty: passed[penalty])), passed
        )
        for name, passed in walked.items()
    }


def _walked(losses: Mapping[float, float], penalties: Sequence[float]) -> dict[float, float]:
    """The losses up to the first that is worse than the best before it."""
    passed: dict[float, float] = {}
    for penalty in penalties:
        if penalty not in losses:
            break
        passed[penalty] = losses[penalty]
        if losses[penalty] > (1 + SLACK) * min(passed.values()):
            break
    return passed


def _ahead(losses: Mapping[float, float], penalties: Sequence[float]) -> Sequence[float]:
    """The penalties that the walk has still to try; none if it has ended."""
    passed = _walked(losses, penalties)
    if passed and list(passed.values())[-1] > (1 + SLACK) * min(passed.values()):
        return ()
    return penalties[len(passed) :]


def _train(
    probe: ClickModel, dataset: Dataset, recipe: Recipe, seed: int, device: str, threads: int
) -> float:
    torch.set_num_threads(threads)
    trained = train_scratch(
        copy.deepcopy(probe), dataset, recipe, seed=seed, device=device, splits=("valid",)
    )
    return trained.metrics["valid"]["logloss"]
