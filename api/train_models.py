"""`dagsmith train`: hand-made models and single architectures, trained from scratch.

The stages are those of a search without the search: data, recipe, training, result.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import stdev
from typing import Any

from dagsmith.assembly import described_dataset, named_entry, versions
from dagsmith.data.store import ENCODERS
from dagsmith.distil import FOLDER, taught, teach, teachable
from dagsmith.ensemble import SUFFIX, joined_document
from dagsmith.errors import RunError
from dagsmith.files import write_text
from dagsmith.job import Job
from dagsmith.model import write_model
from dagsmith.progress import Reporter, SilentReporter
from dagsmith.run_directory import RunDirectory
from dagsmith.search.figure_style import duration
from dagsmith.settings import TRAIN_SETTINGS, SearchSettings
from dagsmith.space import NAMED, Architecture, ArchitectureError
from dagsmith.space.ctr import PLUS_KINDS
from dagsmith.space.errors import nearest
from dagsmith.stages import scratch_seeds, stage_data
from dagsmith.stages import train_models as train_all_of
from dagsmith.training import base_recipe, baseline, fit_recipe, scratch_recipe, training_of
from dagsmith.trainings import Training

FORMAT = "dagsmith.training/1"
RESULT = "result.json"


def train_models(
    models: Sequence[str],
    settings: SearchSettings,
    out: str | Path,
    progress: Reporter | None = None,
) -> dict[str, Any]:
    """Train models with some seeds each, or what is left of them.

    Args:
        models: names out of `NAMED`, or paths of architectures as JSON.
        settings: how; those of the search itself are not used.
        out: directory of the run; the same arguments go on with what is there.
        progress: who is told; nobody by default.

    Returns:
        The document of ``out/result.json``, described in ``docs/result.md``.

    Raises:
        RunError: an unknown model, or a directory that belongs to another job.
        ArchitectureError: a file that holds no architecture of a CTR model.
    """
    shown = progress or SilentReporter()
    found = {_name(model): _read(model) for model in models}
    if len(found) != len(models):
        raise RunError(f"models are {', '.join(models)}; expected different names")
    used, defaults = settings.to_dict(), SearchSettings().to_dict()
    directory = RunDirectory(
        out,
        {
            "command": "train",
            "models": _identity(found),
            **{key: used[key] for key in TRAIN_SETTINGS},
        },
        {key: defaults[key] for key in TRAIN_SETTINGS},
    )
    job = Job(settings, directory, shown)
    with directory.lock():
        for name, work in {
            "data": lambda: stage_data(job),
            "recipe": lambda: fit_recipe(job, lambda: _architectures(job, found)),
            "training": lambda: _train(job, found),
            "distil": lambda: _distil(job, found),
            "report": lambda: _finish(job, found),
        }.items():
            if directory.output(name) is not None:
                shown.say(f"{name}: finished before")
                continue
            shown.begin(name)
            try:
                directory.run(name, work)
            finally:
                shown.end()
            shown.say(f"{name}: finished in {duration(directory.seconds(name))}")
    result = dict(json.loads((job.path / RESULT).read_text(encoding="utf-8")))
    shown.say(table(result))
    return result


def table(result: Mapping[str, Any]) -> str:
    """The figures of a result as lines of text, one per model."""
    lines = [
        f"{'model':<14} {'test AUC':>18} {'test log loss':>18} {'parameters':>11} {'FLOPs':>11}"
    ]
    for model in result["models"]:
        spread = model["deviation"]
        shown = [
            f"{model['test'][metric]:.4f}" + (f" +- {spread[metric]:.4f}" if spread[metric] else "")
            if model["test"][metric] is not None
            else "undefined"
            for metric in ("auc", "logloss")
        ]
        counts = f"{model['parameters']:>11,.0f} {model['flops']:>11,.0f}"
        lines.append(f"{model['name']:<14} {shown[0]:>18} {shown[1]:>18} {counts}")
        if model.get("ensemble"):
            test = model["ensemble"]["test"]
            joined = [
                "undefined" if test[metric] is None else f"{test[metric]:.4f}"
                for metric in ("auc", "logloss")
            ]
            lines.append(f"{'  ensemble':<14} {joined[0]:>18} {joined[1]:>18}")
    return "\n".join(lines)


def _name(model: str) -> str:
    return Path(model).stem if model.endswith(".json") else model


def _read(model: str) -> Architecture | None:
    """The architecture of a file, or None for a name, whose features come with the data."""
    if not model.endswith(".json"):
        if model not in NAMED:
            raise RunError(
                f"no model is called {model!r} (and a file ends in .json); {nearest(model, NAMED)}"
            )
        return None
    try:
        text = Path(model).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{model}: not readable ({error})") from None
    try:
        architecture = Architecture.from_json(text)
        architecture.validate(PLUS_KINDS)
    except ArchitectureError as error:
        raise ArchitectureError(f"{model}: {error}") from None
    return architecture


def _identity(found: Mapping[str, Architecture | None]) -> dict[str, str]:
    """What must be the same for a run to go on: names, and keys of files."""
    return {name: model.key if model is not None else name for name, model in found.items()}


def _architectures(job: Job, found: Mapping[str, Architecture | None]) -> dict[str, Architecture]:
    recipe = base_recipe(job)
    made = {}
    for name, model in found.items():
        if model is not None:
            _check_inputs(job, name, model)
        made[name] = baseline(job, name, recipe) if model is None else model
    return made


def _check_inputs(job: Job, name: str, model: Architecture) -> None:
    """Refuse an architecture that was made for other features."""
    fields = len(job.dataset.fields)
    expected = {
        "dense_input": ("width", max(1, len(job.dataset.dense_features))),
        "sparse_input": ("rows", fields),
        "first_order": ("fields", fields),
    }
    for node in model.nodes:
        if node.kind in expected:
            attribute, count = expected[node.kind]
            if node[attribute] != count:
                raise RunError(
                    f"model {name!r}: {node.kind} has {attribute} {node[attribute]}; "
                    f"the data have {count}"
                )


def _trainings(job: Job, found: Mapping[str, Architecture | None]) -> dict[str, list[Training]]:
    """By the labels alone: for each model its seeds."""
    return {
        name: [training_of(job, "training", model, seed, name) for seed in scratch_seeds(job)]
        for name, model in _architectures(job, found).items()
    }


def _train(job: Job, found: Mapping[str, Architecture | None]) -> dict[str, Any]:
    train_all_of(job, [training for each in _trainings(job, found).values() for training in each])
    return {"names": list(found)}


def _distil(job: Job, found: Mapping[str, Architecture | None]) -> dict[str, Any]:
    """Teach each model what its own seeds know together, so that models can be compared."""
    share = job.settings.distil or 0.0
    models = {name: each for name, each in _trainings(job, found).items() if teachable([each])}
    if not share or not models:
        return {}
    total, done, teachers = sum(1 + len(each) for each in models.values()), 0, {}
    for name, each in models.items():
        folder = job.path / FOLDER / name
        teachers[name] = teach(job, [each], folder, share, before=done, total=total)
        done += 1 + len(each)
    return {"share": share, "teachers": teachers}


def _finish(job: Job, found: Mapping[str, Architecture | None]) -> dict[str, Any]:
    """Write the result, and keep each model as its best seed on the validation rows trained it."""
    entries, settings = [], job.settings.to_dict()
    for name, model in _architectures(job, found).items():
        folder = job.path / FOLDER / name
        entry = named_entry(job, "training", name, model, folder)
        if entry is None:
            continue
        recipe = dataclasses.asdict(scratch_recipe(job, name))
        entries.append(
            {
                "name": name,
                "path": f"models/{name}",
                "architecture": model.to_dict(),
                "recipe": recipe,
                **entry,
                "deviation": {metric: _deviation(entry, metric) for metric in ("auc", "logloss")},
            }
        )
        losses = {run["seed"]: run["valid"]["logloss"] for run in entry["runs"]}
        seed = min(losses, key=lambda seed: losses[seed])
        run = next(run for run in entry["runs"] if run["seed"] == seed)
        kept = {
            "name": name,
            "key": model.key,
            "seed": seed,
            "valid": run["valid"],
            "test": run["test"],
            "parameters": entry["parameters"],
            "flops": entry["flops"],
            "recipe": recipe,
            "distilled": entry.get("distilled", False),
            "versions": versions(),
            "data": job.dataset.fingerprint,
        }
        trainings = [training_of(job, "training", model, each, name) for each in entry["seeds"]]
        if entry.get("distilled"):
            trainings = [taught(training, folder) for training in trainings]
        folders = {training.seed: training.folder for training in trainings}
        folder, encoders = job.path / "models" / name, job.dataset.path / ENCODERS
        write_model(folder, model, [folders[seed]], encoders, kept)
        if "ensemble" in entry:
            joined = joined_document(kept, entry["ensemble"], list(folders))
            folder = folder.with_name(name + SUFFIX)
            write_model(folder, model, list(folders.values()), encoders, joined)
    if not entries:
        raise RunError(f"no model could be trained; {job.path / 'training'} says why")
    document = {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "configuration": {name: settings[name] for name in TRAIN_SETTINGS},
        "versions": versions(),
        "dataset": described_dataset(job),
        "models": entries,
    }
    write_text(job.path / RESULT, json.dumps(document, indent=2, allow_nan=False) + "\n")
    return {"result": RESULT}


def _deviation(entry: Mapping[str, Any], metric: str) -> float | None:
    """Standard deviation of a test metric over the seeds; None for one seed."""
    values = [run["test"][metric] for run in entry["runs"]]
    return stdev(values) if len(values) > 1 and None not in values else None
