"""The race: contenders trained from scratch, all of them shortly, only the best of them in full.

Successive halving (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and
Hyperparameter Optimization", AISTATS 2016, arXiv 1502.07943): a heat trains every contender for a
few epochs with one seed; a quarter of them, the best on the validation rows, train four times as
long in the next one; those that are best after a full training get the other seeds as well. So a
heavy network that promises nothing costs a quarter of its training, and who the contenders are may
be left open: finalists of the search, hand-made models, and random architectures. Where the search
itself trained every candidate for a few epochs, that was the first heat.

Every training begins anew, with a learning rate that comes down to zero in the epochs it has: a
short training is a whole one, and says more than the beginning of a long one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dagsmith.job import Job
from dagsmith.predictor_start import predictor_start
from dagsmith.search import select_finalists
from dagsmith.search.metropolis import gnn_predictor
from dagsmith.search.trials import Trials
from dagsmith.stages import scratch_seeds, train_models
from dagsmith.training import contender_training, scratch_recipe
from dagsmith.trainings import Training

FACTOR = 4
"""How many times longer each heat is than the one before; of so many contenders one goes on."""


@dataclass(frozen=True)
class Heat:
    """One heat of a race.

    Args:
        epochs: of its trainings.
        places: contenders in it.
    """

    epochs: int
    places: int


def plan_heats(contenders: int, winners: int, epochs: int, shortest: int) -> tuple[Heat, ...]:
    """The heats of a race; the last one trains in full.

    Args:
        contenders: who starts.
        winners: how many are wanted at the end; no heat has fewer places.
        epochs: of a full training.
        shortest: of the trainings of the first heat.

    Example:
        >>> plan_heats(19, 3, 8, 2)
        (Heat(epochs=2, places=19), Heat(epochs=8, places=5))
    """
    heats, length, places = [], min(shortest, epochs), contenders
    while places > winners and length < epochs:
        heats.append(Heat(length, places))
        length, places = length * FACTOR, max(winners, math.ceil(places / FACTOR))
    return (*heats, Heat(epochs, places))


def stage_scratch(job: Job) -> dict[str, Any]:
    """Race the search's finalists, the hand-made models and random architectures from scratch.

    The first heat, which all of them run, also measures how well supernet and predictor rank. Who
    wins is decided on the validation rows alone, whoever it is: what the supernet was wrong about
    does not win, and nothing that wins is worse than the best hand-made model in the space.
    """
    settings, trials = job.settings, job.trials
    finalists, known = _finalists(job), trials.with_keys(list(job.handmade_keys))
    handmade = [number for number in known if number not in finalists]
    drawn = [
        trial.number for trial in trials.at_random(settings.truth, finalists + known, settings.seed)
    ]
    epochs = scratch_recipe(job).epochs
    shortest = settings.heat_epochs or max(1, epochs // FACTOR)
    if settings.heat_epochs is None and job.evaluator == "few-epochs":
        # The search was the first heat already: of the hand-made models the best go on.
        shortest = FACTOR * settings.few_epochs
        able = [number for number in handmade if _within(job, trials, number)]
        handmade = sorted(able, key=lambda n: _searched_loss(job, trials, n))[: settings.top]
    contenders = finalists + handmade + drawn
    # Others than finalists may be over budget: they tell of the ranking, and cannot win.
    racing = finalists + [number for number in handmade + drawn if _within(job, trials, number)]
    first, *others = seeds = scratch_seeds(job)
    heats = plan_heats(len(contenders), len(finalists), epochs, shortest)
    total = sum(heat.places for heat in heats) + len(finalists) * len(others)
    entered, done, run = contenders, 0, []
    for heat, places in zip(
        heats, [*(heat.places for heat in heats[1:]), len(finalists)], strict=True
    ):
        trainings = {
            number: _training(job, trials, number, first, heat.epochs)
            for number in _costly_first(trials, entered)
        }
        train_models(job, list(trainings.values()), total, before=done)
        losses = {number: _validation_loss(job, each) for number, each in trainings.items()}
        run.append({"epochs": heat.epochs, "entered": entered})
        done += len(entered)
        # Finalists first among equals: sorting is stable.
        racing = entered = sorted((n for n in racing if n in losses), key=losses.__getitem__)[
            :places
        ]
    final = [
        _training(job, trials, number, seed, epochs)
        for number in _costly_first(trials, racing)
        for seed in others
    ]
    train_models(job, final, total, before=done)
    return {
        "best": racing,
        "truth": [number for number in contenders if number not in racing],
        "finalists": finalists,
        "heats": run,
        "seeds": seeds,
    }


def _finalists(job: Job) -> list[int]:
    """The trials that search and predictor find best, best first."""
    found = select_finalists(
        job.study,
        job.space,
        job.settings.top,
        predictor=predictor_start(job) or gnn_predictor,
        costs=job.costs,
        budget=job.limits,
        seed=job.settings.seed,
    )
    return [finalist.trial for finalist in found]


def _within(job: Job, trials: Trials, number: int) -> bool:
    costs = trials.costs(trials[number])
    return all(costs[budget.cost] <= budget.limit for budget in job.limits)


def _costly_first(trials: Trials, numbers: Sequence[int]) -> list[int]:
    """A long training that begins last would leave the other cores idle."""
    return sorted(numbers, key=lambda number: trials.costs(trials[number])["flops"], reverse=True)


def _training(job: Job, trials: Trials, number: int, seed: int, epochs: int) -> Training:
    return contender_training(job, trials.architecture(trials[number]), seed, epochs)


def _searched_loss(job: Job, trials: Trials, number: int) -> float:
    """What the search measured, smaller is better."""
    return _loss(job, trials.metrics(trials[number]).get(job.quality.name))


def _validation_loss(job: Job, training: Training) -> float:
    """The search's metric on the validation rows, smaller is better; infinite if it has none."""
    return _loss(job, (training.outcome() or {}).get("valid", {}).get(job.quality.name))


def _loss(job: Job, value: float | None) -> float:
    if value is None:
        return float("inf")
    return float(value) if job.quality.direction == "minimize" else -float(value)
