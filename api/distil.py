"""Models taught by each other: trained once more, from what all of them answer together.

What several trainings of several architectures answer in the mean is better than what each of them
does, and costs as much to serve as all of them. A good part of it fits into one
(`dagsmith.supernet.distillation`). Of each model the better of both is kept: what was trained by
the labels alone, or what was taught.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from dagsmith.ensemble import answers, ensemble, finished
from dagsmith.files import write_array
from dagsmith.job import Job
from dagsmith.stages import train_models
from dagsmith.supernet.distillation import SHARE, soft_labels
from dagsmith.training import contender_training, scratch_recipe
from dagsmith.trainings import Training

FOLDER = "distil"
LABELS = "labels.npy"


def stage_distil(job: Job) -> dict[str, Any]:
    """Teach each winner of the race what all of their trainings know together."""
    share = SHARE if job.settings.distil is None else job.settings.distil
    won, folder = winners(job), job.path / FOLDER
    if not share or not teachable(won):
        return {}
    found = teach(job, won, folder, share)
    learned = sum(kept_trainings(job, each, folder) != each for each in won)
    job.progress.say(
        f"distil: {found['members']} trainings together have a validation log loss of "
        f"{found['valid']['logloss']:.4f}; {learned} of {len(won)} models learned from them"
    )
    return {"share": share, **found}


def winners(job: Job) -> list[list[Training]]:
    """The full trainings of the race's winners by the labels alone: for each winner its seeds.

    Without those of which no seed could be trained.
    """
    output, trials = job.directory.output("scratch") or {}, job.trials
    epochs = scratch_recipe(job).epochs
    each = [
        [
            contender_training(job, trials.architecture(trials[number]), seed, epochs)
            for seed in output["seeds"]
        ]
        for number in output["best"]
    ]
    return [trainings for trainings in each if finished(trainings)]


def teachable(models: Sequence[Sequence[Training]]) -> bool:
    """Whether there are two trainings that did not fail, and so something to learn."""
    return len(finished([training for each in models for training in each])) > 1


def teach(
    job: Job,
    models: Sequence[Sequence[Training]],
    folder: Path,
    share: float,
    *,
    before: int = 0,
    total: int | None = None,
) -> dict[str, Any]:
    """Train each model once more, by labels that are mixed with the answers of all.

    Args:
        job: what they belong to.
        models: finished trainings by the labels alone; for each model its seeds.
        folder: where the labels and the new trainings are kept.
        share: of the answers in the labels.
        before: trainings of the stage that are finished already.
        total: trainings of the stage, with one for the answers; if these are not all.

    Returns:
        ``members``, how many answered, and ``valid`` and ``test``, their metrics together.
    """
    teachers = finished([training for each in models for training in each])
    pupils = [[taught(training, folder) for training in each] for each in models]
    # Answering counts as one training, which is about what it costs.
    expected = total or 1 + sum(len(each) for each in pupils)
    members = len(teachers)
    note = f"answers of {members} trainings"
    rows = job.dataset.train.label
    given = answers(
        teachers,
        job.dataset,
        "train",
        lambda done: job.progress.update(round(before + done / members, 3), expected, note),
    )
    write_array(folder / LABELS, soft_labels(rows, given, share))
    train_models(job, [each[0] for each in pupils], expected, before=before + 1)
    # Where the first seed has learned nothing from the others, neither will its own.
    others = [
        training
        for alone, each in zip(models, pupils, strict=True)
        if better(job, each[:1], alone[:1])
        for training in each[1:]
    ]
    train_models(job, others, expected, before=before + 1 + len(pupils))
    return {"members": members, **ensemble(teachers)}


def taught(training: Training, folder: Path) -> Training:
    """The same training by the labels of the teachers in `folder`, kept beside them."""
    return replace(training, folder=folder / training.folder.name, labels=folder / LABELS)


def kept_trainings(job: Job, alone: Sequence[Training], folder: Path) -> list[Training]:
    """What is kept of a model: its trainings by the labels alone, or those taught in `folder`."""
    pupils = [taught(training, folder) for training in alone]
    return pupils if better(job, pupils, alone) else list(alone)


def better(job: Job, pupils: Sequence[Training], alone: Sequence[Training]) -> bool:
    """Whether every pupil has a validation metric, and they are better than those `alone`.

    What failed by the labels alone is left out with its pupil: that is no merit of the teachers.
    """
    gains = []
    for pupil, other in zip(pupils, alone, strict=True):
        learned, before = _quality(job, pupil), _quality(job, other)
        if learned is None:
            return False
        if before is not None:
            gains.append(learned - before)
    gain = fmean(gains) if gains else 0.0
    return gain > 0 if job.quality.direction == "maximize" else gain < 0


def _quality(job: Job, training: Training) -> float | None:
    value = (training.outcome() or {}).get("valid", {}).get(job.quality.name)
    return None if value is None else float(value)
