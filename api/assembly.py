"""What the stages left, put together: the result document and the models that are kept."""

import dataclasses
import importlib.metadata
import platform
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from dagsmith.correlation import by_component, by_round, joint, prequential
from dagsmith.data.store import ENCODERS
from dagsmith.distil import FOLDER, kept_trainings, taught
from dagsmith.ensemble import SUFFIX, ensemble, finished, joined_document
from dagsmith.job import Job
from dagsmith.model import write_model
from dagsmith.placement import hardware_of
from dagsmith.predictor_start import tables_to_learn
from dagsmith.result import FORMAT
from dagsmith.search import RankTracker
from dagsmith.search.trials import Trials
from dagsmith.space import Architecture, Population
from dagsmith.space.ctr import PLUS_KINDS
from dagsmith.stages import scratch_seeds
from dagsmith.training import baseline, contender_training, scratch_recipe, training_of
from dagsmith.trainings import Training

COUNTING_RULE = "product of the slots' choices; dead genes are counted, isomorphic ones not merged"
_LIBRARIES = ("dagsmith", "torch", "optuna", "numpy", "polars", "scipy")


def assemble(job: Job, stages: Sequence[str]) -> dict[str, Any]:
    """The result document of a job whose stages are finished; see `docs/result.md`."""
    quality, trials = job.quality, job.trials
    larger = quality.direction == "maximize"
    output = job.directory.output("scratch") or {"best": [], "truth": [], "seeds": [0]}
    seeds = list(output["seeds"])
    found = [_searched_entry(job, trials, number) for number in output["best"]]
    models = sorted(
        (entry for entry in found if entry is not None),
        key=lambda entry: _signed(entry["valid"][quality.name], larger),
        reverse=True,
    )
    models = [
        {"rank": rank, "path": f"models/{rank}", **model} for rank, model in enumerate(models, 1)
    ]
    drawn = [_searched_entry(job, trials, number) for number in output["truth"]]
    truth = [entry for entry in drawn if entry is not None]
    both = [*models, *truth]
    # The first heat is what all of them ran alike.
    scratch = [(entry["heat"] or {}).get("valid", {}).get(quality.name) for entry in both]
    supernet = [(entry["supernet"] or {}).get(quality.name) for entry in both]
    predictor = [(entry["predictor"] or {}).get("mean") for entry in both]
    tracker = RankTracker.from_study(job.study, quality.name)
    seed = job.settings.seed
    seconds = {name: job.directory.seconds(name) for name in stages}
    return {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "configuration": job.settings.to_dict(),
        "versions": versions(),
        "seeds": {"search": seed, "supernet": seed, "scratch": seeds},
        "seconds": {**seconds, "total": round(sum(seconds.values()), 3)},
        "dataset": described_dataset(job),
        "space": {
            "name": job.space.name,
            "size": job.space.size(),
            "slots": len(job.space.slots),
            "counting_rule": COUNTING_RULE,
        },
        "search": {
            "sampler": job.settings.sampler,
            "evaluator": job.evaluator,
            "metric": quality.name,
            "objectives": [objective.name for objective in job.objectives],
            "complete": len(trials.complete),
            "failed": len(trials.finished) - len(trials.complete),
            "storage": "own file" if job.settings.storage is None else "given",
            "study": job.settings.study,
            "limits": {limit.cost: limit.limit for limit in job.limits},
            "learned_before": list(tables_to_learn(job)),
        },
        "rank_correlation": [
            *prequential(tracker),
            *joint("supernet-scratch", scratch, supernet, larger),
            *joint("predictor-scratch", scratch, predictor, larger),
        ],
        "rounds": by_round(tracker),
        "components": by_component(tracker),
        "models": models,
        "truth": truth,
        "baselines": _baselines(job),
        **_teacher(job),
        "pareto_front": _front(trials, both),
    } | ({"hardware": _hardware(job, models)} if job.on_hardware else {})


def keep_models(job: Job, result: Mapping[str, Any]) -> None:
    """Put each model, as its best seed trained it, into ``models/<rank>``, ready to serve."""
    larger = job.quality.direction == "maximize"
    kept: set[str] = set()
    for model in result["models"]:
        architecture = Architecture.from_dict(model["architecture"])
        runs = [run for run in model["runs"] if run["valid"][job.quality.name] is not None]
        best = max(
            runs or model["runs"],
            key=lambda run: _signed(run["valid"][job.quality.name], larger),
        )
        training = _kept_training(job, model, best["seed"])
        document = {
            "rank": model["rank"],
            "key": model["key"],
            "seed": best["seed"],
            "valid": best["valid"],
            "test": best["test"],
            "parameters": model["parameters"],
            "flops": model["flops"],
            "recipe": dataclasses.asdict(training.recipe),
            "distilled": model.get("distilled", False),
            "versions": result["versions"],
            "data": result["dataset"]["fingerprint"],
        }
        folder = job.path / "models" / str(model["rank"])
        encoders = job.dataset.path / ENCODERS
        write_model(folder, architecture, [training.folder], encoders, document)
        kept.add(folder.name)
        if "ensemble" in model:
            folders = {run["seed"]: _kept_training(job, model, run["seed"]).folder for run in runs}
            joined = joined_document(document, model["ensemble"], list(folders))
            folder = folder.with_name(folder.name + SUFFIX)
            write_model(folder, architecture, list(folders.values()), encoders, joined)
            kept.add(folder.name)
    # A shorter list than that of an earlier start must not leave a stale model behind.
    for folder in (job.path / "models").iterdir():
        if folder.name not in kept:
            shutil.rmtree(folder)


def _kept_training(job: Job, model: Mapping[str, Any], seed: int) -> Training:
    """The training whose weights are kept of one of the result's models."""
    architecture = Architecture.from_dict(model["architecture"])
    training = contender_training(job, architecture, seed, scratch_recipe(job).epochs)
    return taught(training, job.path / FOLDER) if model.get("distilled") else training


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that a result depends on."""
    found = {"python": platform.python_version()}
    return found | {name: importlib.metadata.version(name) for name in _LIBRARIES}


def _searched_entry(job: Job, trials: Trials, number: int) -> dict[str, Any] | None:
    """An architecture of the race with its longest trainings, or None if all of them failed."""
    trial = trials[number]
    architecture = trials.architecture(trial)
    output = job.directory.output("scratch") or {}
    seeds, heats = output["seeds"], [h for h in output["heats"] if number in h["entered"]]
    won = number in output["best"]
    alone = [
        contender_training(job, architecture, seed, heats[-1]["epochs"])
        for seed in (seeds if won else seeds[:1])
    ]
    entry = trained_entry(job, alone, trials.costs(trial), job.path / FOLDER if won else None)
    if entry is None:
        return None
    first = contender_training(job, architecture, seeds[0], heats[0]["epochs"]).outcome() or {}
    name = job.handmade_keys.get(architecture.key)
    return {
        "architecture": architecture.to_dict(),
        "finalist": number in output["finalists"],
        **({"name": name} if name else {}),
        "heat": {"epochs": heats[0]["epochs"], "valid": first["valid"]}
        if "valid" in first
        else None,
        **entry,
        **trials.opinions(trial),
    }


def _teacher(job: Job) -> dict[str, Any]:
    """What the winners' trainings reach together, from which they were taught; nothing if not."""
    output = job.directory.output("distil")
    return {"teacher": output} if output else {}


def trained_entry(
    job: Job, alone: Sequence[Training], costs: Mapping[str, float], taught_in: Path | None
) -> dict[str, Any] | None:
    """Figures of one model over its seeds, or None if all of them failed.

    Args:
        job: what it belongs to.
        alone: its trainings by the labels alone.
        costs: its parameters and FLOPs.
        taught_in: folder in which it may have been taught; None if it was not.
    """
    kept = list(alone) if taught_in is None else kept_trainings(job, alone, taught_in)
    figures = _figures(kept)
    if not figures:
        return None
    several = job.settings.ensemble and len(figures["runs"]) > 1
    return {
        "key": alone[0].key,
        "parameters": costs["parameters"],
        "flops": costs["flops"],
        **figures,
        **({"ensemble": ensemble(kept)} if several else {}),
        **({} if taught_in is None else _ways(alone, kept, taught_in)),
    }


def _ways(alone: Sequence[Training], kept: list[Training], folder: Path) -> dict[str, Any]:
    """Figures of both ways in which a model was trained; nothing if there was one only."""
    sides = {"alone": alone, "distilled": [taught(training, folder) for training in alone]}
    found = {way: figures for way, each in sides.items() if (figures := _figures(each))}
    return {"distilled": kept != list(alone), "ways": found} if "distilled" in found else {}


def _figures(trainings: Sequence[Training]) -> dict[str, Any]:
    """Means over the seeds that did not fail, and the runs themselves; nothing without any."""
    runs = [training.outcome() or {} for training in finished(trainings)]
    if not runs:
        return {}
    return {
        "valid": _mean([run["valid"] for run in runs]),
        "test": _mean([run["test"] for run in runs]),
        "seeds": [run["seed"] for run in runs],
        "runs": runs,
    }


def _mean(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Metrics averaged over seeds; what is null in one is null in the mean, with its reason."""
    result: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for name in ("auc", "logloss"):
        values = [metric[name] for metric in metrics]
        result[name] = None if None in values else fmean(values)
    for metric in metrics:
        reasons |= metric.get("reasons", {})
    return {**result, "reasons": reasons} if reasons else result


def _baselines(job: Job) -> list[dict[str, Any]]:
    entries = []
    for name in (job.directory.output("baselines") or {"names": []})["names"]:
        entry = named_entry(job, "baselines", name, baseline(job, name))
        if entry is not None:
            entries.append({"name": name, **entry})
    return entries


def named_entry(
    job: Job, stage: str, name: str, model: Architecture, taught_in: Path | None = None
) -> dict[str, Any] | None:
    """Figures of a model that goes by a name, or None if all of its trainings failed."""
    trainings = [training_of(job, stage, model, seed, name) for seed in scratch_seeds(job)]
    costs = job.costs(Population.from_architectures([model], PLUS_KINDS))
    single = {cost: float(values[0]) for cost, values in costs.items()}
    return trained_entry(job, trainings, single, taught_in)


def _hardware(job: Job, models: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What each model costs on its hardware, in the order of the models."""
    return [
        {"rank": model["rank"]}
        | hardware_of(
            Architecture.from_dict(model["architecture"]),
            job.space.kinds,
            job.technology,
            float(job.table_rows),
        )
        for model in models
    ]


def _front(trials: Trials, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    scratch = {entry["trial"]: entry["valid"] for entry in entries}
    return [
        {
            "key": trials.architecture(trial).key,
            "flops": trials.costs(trial)["flops"],
            "parameters": trials.costs(trial)["parameters"],
            **trials.opinions(trial),
            "scratch": scratch.get(trials.place(trial)),
        }
        for trial in trials.front()
    ]


def described_dataset(job: Job) -> dict[str, Any]:
    """The data set as result documents describe it."""
    dataset = job.dataset
    limit = dataset.metadata.get("bayes_logloss_realised", dataset.metadata.get("bayes_logloss"))
    return {
        "name": job.settings.data,
        "fingerprint": dataset.fingerprint,
        "rows": {name: len(dataset.splits[name]) for name in ("train", "valid", "test")},
        "dense_features": len(dataset.dense_features),
        "sparse_fields": len(dataset.fields),
        "bayes_logloss": limit,
    }


def _signed(value: float | None, larger: bool) -> float:
    if value is None:
        return float("-inf")
    return value if larger else -value
