"""The stages of a search, one function each, in the order of the way of the data.

Each returns a small JSON object that later stages and a resumed run read; what is large lies in the
run's directory. A stage that is started again goes on from what it left there.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from dagsmith.champion_start import ChampionStart
from dagsmith.data import Dataset, prepare_synthetic
from dagsmith.data.encoding import Numbers
from dagsmith.data.store import MANIFEST
from dagsmith.data_command import check_categories, describe, prepare_log
from dagsmith.errors import RunError
from dagsmith.job import OF_SUPERNET, Job
from dagsmith.numbers import enters_twice, tried_numbers
from dagsmith.predictor_start import predictor_start
from dagsmith.progress import clock_text
from dagsmith.search import check_limits, make_sampler, run_search
from dagsmith.settings import OF_FILES
from dagsmith.training import (
    BASELINES,
    baseline,
    candidate_evaluator,
    fit_recipe,
    search_probes,
    table_training,
    train_shared,
    training_of,
    trainings_at_once,
)
from dagsmith.trainings import Training, train_all
from dagsmith.truth_start import TruthStart

SYNTHETIC_ROWS = 120_000
"""Rows of the synthetic click log, unless asked otherwise."""
INITIAL = 32
"""Random architectures before the sampler's first proposal; fewer in a short search."""
INITIAL_TAUGHT = 8
"""As many, where the predictor has learned truth tables."""
AT_ONCE = 4
"""Candidates per core that are trained shortly together: some take longer than others."""


def stage_data(job: Job) -> dict[str, Any]:
    """Prepare the click log, or open a prepared one."""
    settings, progress = job.settings, job.progress.told
    if settings.data == "synthetic":
        folder, rows = job.path / "data", settings.rows or SYNTHETIC_ROWS
        dataset = prepare_synthetic(folder, rows=rows, seed=settings.seed, progress=progress)
    elif (Path(settings.data) / MANIFEST).is_file():
        settings.refuse(OF_FILES, f"{settings.data}, a prepared store, which has all of that")
        # Opened where it lies: a store may be larger than what one wants twice.
        dataset = Dataset.open(settings.data)
    else:
        dataset = _prepared(job)
    for name in ("train", "valid", "test"):
        dataset.split(name)
    check_categories(dataset)
    job.progress.say(describe(dataset))
    inside = dataset.path.is_relative_to(job.path)
    path = dataset.path.relative_to(job.path) if inside else dataset.path.resolve()
    return {"path": str(path), "fingerprint": dataset.fingerprint}


def _prepared(job: Job) -> Dataset:
    """The click log prepared, with its numbers as the settings say or as a trial shows."""
    settings, progress, folder = job.settings, job.progress.told, job.path / "data"
    if settings.numbers != "auto":
        return prepare_log(settings, folder, progress, cast("Numbers", settings.numbers))
    dataset = prepare_log(settings, folder, progress, "both")
    # What a schema says is meant so.
    if settings.schema or not enters_twice(dataset.schema):
        return dataset
    losses = tried_numbers(settings, dataset, progress)
    best = min(losses, key=losses.__getitem__)
    shown = ", ".join(f"{way} {loss:.4f}" for way, loss in losses.items())
    job.progress.say(f"numbers: {best}, by the validation log loss of a DNN ({shown})")
    return dataset if best == "both" else prepare_log(settings, folder, progress, best)


def stage_recipe(job: Job) -> dict[str, Any]:
    """Fit the training recipe to the data; refuse a budget that nothing meets."""
    check_limits(job.space, job.costs, job.limits, job.settings.seed)
    return fit_recipe(job, lambda: search_probes(job))


def stage_supernet(job: Job) -> dict[str, Any]:
    """Train what candidates share: the supernet, embeddings that they begin with, or nothing."""
    if job.evaluator in OF_SUPERNET:
        return train_shared(job)
    if job.evaluator == "few-epochs":
        job.progress.say("supernet: none, each candidate is trained from scratch")
        return {}
    training = table_training(job)
    train_models(job, [training])
    return {"model": training.name, "path": str(training.folder.relative_to(job.path))}


def stage_predictor(job: Job) -> dict[str, Any]:
    """Let the predictor learn truth tables, if it is to begin with any."""
    start = predictor_start(job)
    if not isinstance(start, TruthStart):
        return {}
    _ = start.learned
    names = ", ".join(start.tables)
    job.progress.say(f"predictor: begins with what {names} taught; --transfer says otherwise")
    return {"tables": list(start.tables)}


def stage_search(job: Job) -> dict[str, Any]:
    """Evaluate architectures, proposed by the sampler, by the evaluator of the job."""
    settings = job.settings
    start = predictor_start(job)
    most = INITIAL_TAUGHT if isinstance(start, TruthStart) else INITIAL
    initial = settings.initial or min(most, max(4, settings.trials // 4))
    if not settings.limit and job.limits:
        job.progress.say(
            f"search: within {' and '.join(f'{x.limit:,.0f} {x.cost}' for x in job.limits)}, which "
            "the most expensive hand-made models take; --limit says otherwise"
        )
    seconds_left = _seconds_left(job)
    until = None if seconds_left is None else time.monotonic() + seconds_left

    def told_search(stage: str, done: int, total: int | None) -> None:
        if stage == "search":
            job.progress.update(done, total or 0, _deadline(until))

    summary = run_search(
        job.study,
        job.space,
        candidate_evaluator(job),
        sampler=lambda seed: make_sampler(
            settings.sampler,
            job.space,
            seed,
            initial=initial,
            objectives=job.objectives,
            costs=job.costs,
            predictor=start,
            limits=job.limits,
        ),
        trials=settings.trials,
        initial=initial,
        seed=settings.seed,
        costs=job.costs,
        progress=told_search,
        pages=job.pages,
        limits=job.limits,
        first=np.stack(list(job.handmade.values())) if job.handmade else None,
        timeout=seconds_left,
        at_once=AT_ONCE * trainings_at_once(job) if job.evaluator != "supernet" else 1,
    )
    if summary.failed == summary.evaluated:
        raise RunError(f"all {summary.evaluated} evaluations failed; the study says why")
    if summary.failed:
        job.progress.say(f"search: {summary.failed} of {summary.evaluated} evaluations failed")
    if summary.timed_out:
        job.progress.say(
            f"search: {summary.evaluated} of {settings.trials} trials within "
            f"{settings.search_minutes} minutes"
        )
    if summary.exhausted:
        job.progress.say(f"search: the space has no more than {summary.evaluated} architectures")
    versions = {"predictor_versions": start.versions} if isinstance(start, ChampionStart) else {}
    return {
        "evaluated": summary.evaluated,
        "failed": summary.failed,
        "rounds": summary.rounds,
        **versions,
    }


def _deadline(until: float | None) -> str:
    """When a search ends at the latest, for its line of progress."""
    return "" if until is None else f"{clock_text(max(0.0, until - time.monotonic()))} at the most"


def _seconds_left(job: Job) -> float | None:
    """For the search, what its earlier starts took counted; None if nothing limits it."""
    minutes = job.settings.search_minutes
    return None if minutes is None else max(0.0, 60 * minutes - job.directory.seconds("search"))


def stage_baselines(job: Job) -> dict[str, Any]:
    """Train the hand-made models by the same recipe and seeds, each with a penalty of its own."""
    names = [] if job.settings.no_baselines else list(BASELINES)
    train_models(
        job,
        [
            training_of(job, "baselines", baseline(job, name), seed, name)
            for name in names
            for seed in scratch_seeds(job)
        ],
    )
    return {"names": names}


def train_models(
    job: Job, trainings: Sequence[Training], total: int | None = None, *, before: int = 0
) -> None:
    """Do those trainings that were not done before, and tell of those that failed.

    Args:
        job: the search.
        trainings: what to do.
        total: trainings of the stage, if these are not all.
        before: trainings of the stage that are finished already.
    """
    train_all(
        trainings,
        trainings_at_once(job),
        lambda done, note: job.progress.update(
            round(before + done, 3), total or len(trainings), note
        ),
    )
    for training in trainings:
        failure = (training.outcome() or {}).get("failure")
        if failure:
            job.progress.say(f"{training.title}: {failure}")


def scratch_seeds(job: Job) -> list[int]:
    """The training seeds from scratch."""
    return [job.settings.seed + index for index in range(job.settings.scratch_seeds)]
