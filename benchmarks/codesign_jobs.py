"""What `codesign.py` searches where, and the jobs that its searches stand on."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from frappe_files import DROPPED, frappe_files

from dagsmith.job import Job
from dagsmith.pipeline import STAGES
from dagsmith.progress import reporter
from dagsmith.run_directory import RunDirectory
from dagsmith.search.figure_style import duration
from dagsmith.settings import SearchSettings

SHARED = ("data", "recipe", "supernet")
"""The stages that lead to what candidates share: a supernet, or embeddings."""
MODELS = {
    "nasrec-pim-small": "nasrec-small",
    "nasrec-pim": "nasrec-full",
    "ctr-plus-pim": "ctr-plus",
}
"""The space of the models alone, of each joint space."""
WIDTHS = (16, 32, 64, 128, 256)
"""Of NASRec's blocks, unless said otherwise."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "synthetic": {"short_rows": 42_000, "scratch_epochs": 3, "embedding_l2": 0.003},
    "frappe": {"short_rows": 50_000, "scratch_epochs": 6, "embedding_l2": 0.1},
}
"""What a data set needs, unless said otherwise."""


def settings_of(options: argparse.Namespace, seed: int, **changes: Any) -> SearchSettings:
    """Settings of one search of the comparison."""
    if options.data == "frappe":
        files = {split: str(path) for split, path in frappe_files(Path(options.data_dir)).items()}
        where: dict[str, Any] = {
            "data": files["train"],
            "valid": files["valid"],
            "test": files["test"],
            "label": "label",
            "drop": DROPPED,
        }
    else:
        where = {"data": "synthetic", "rows": options.rows}
    values: dict[str, Any] = where | {
        "blocks": options.blocks or (1 if options.space == "ctr-plus-pim" else 4),
        "widths": tuple(options.widths or (() if options.space == "ctr-plus-pim" else WIDTHS)),
        "embedding_l2": options.embedding_l2,
        "trials": options.trials,
        "evaluator": options.evaluator,
        "short_rows": options.short_rows,
        "supernet_epochs": options.supernet_epochs,
        "scratch_epochs": options.scratch_epochs,
        "sampler": options.sampler,
        "no_baselines": True,
        "seed": seed,
        "jobs": options.jobs,
    }
    return SearchSettings(**(values | changes))


def finished(settings: SearchSettings, out: Path, stages: Sequence[str]) -> Job:
    """A job with these stages finished."""
    directory = RunDirectory(out, settings.to_dict())
    job = Job(settings, directory, reporter())
    with directory.lock():
        for name in stages:
            if directory.output(name) is None:
                job.progress.begin(name)
                try:
                    directory.run(name, lambda name=name: STAGES[name](job))  # type: ignore[misc]
                finally:
                    job.progress.end()
                took = duration(directory.seconds(name))
                job.progress.say(f"{out.name}, {name}: finished in {took}")
    return job
