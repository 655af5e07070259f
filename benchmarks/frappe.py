"""Frappe under one pipeline: hand-made models, NASRec's nets, random search, and the search.

Everything is trained on the same rows by the same recipe, each model with a penalty of its own
that the validation rows choose (or ``--embedding-l2``; the searches take that of the model which
does best on them, as a search with its own baselines does), and with the same seeds. The winners of
both searches are chosen on the validation rows, within half of FinalMLP's FLOPs and activations;
random search begins with the same recipe and the same hand-made models, and draws all others within
the same budget.

    python benchmarks/frappe.py --data-dir ../shared/data --out runs/frappe

Every part goes on where it was interrupted, and a model that is in ``--out`` is not trained again,
whatever ``--models`` were asked for before; ``--only-models`` leaves the searches for later. The
train negatives of these files are re-drawn, so that numbers compare with each other, and only about
with published ones.
"""

import argparse
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import polars as pl
from frappe_figure import figure
from frappe_files import DROPPED, frappe_files

from dagsmith.files import write_text
from dagsmith.pipeline import search_models
from dagsmith.progress import reporter
from dagsmith.run_directory import RunDirectory
from dagsmith.settings import NOTHING, SearchSettings
from dagsmith.space import published_nets
from dagsmith.train_models import train_models

MODELS = ("dnn", "deepfm", "dcnv2", "finalmlp", *(f"nasrec-{name}" for name in published_nets()))
SHARED = ("data", "recipe", "supernet")
"""Stages that random search takes over from the search."""
METRICS = ("auc", "logloss")
HALF_OF_FINALMLP = {"flops": 115_300, "activations": 861}
"""Costs per row."""


def files_of(arguments: argparse.Namespace) -> dict[str, str]:
    """The three files; with ``--rows`` their first rows only, for a trial of this script."""
    files = frappe_files(arguments.data_dir)
    paths = {"data": files["train"], "valid": files["valid"], "test": files["test"]}
    if arguments.rows is None:
        return {setting: str(path) for setting, path in paths.items()}
    short = arguments.out / "rows"
    short.mkdir(parents=True, exist_ok=True)
    found = {}
    for setting, path in paths.items():
        # Neighbouring rows are alike: every n-th of them.
        table = pl.read_parquet(path)
        table = table.gather_every(max(1, len(table) // arguments.rows))
        table.write_parquet(short / path.name)
        found[setting] = str(short / path.name)
    return found


def take_over(searched: Path, settings: SearchSettings, out: Path) -> None:
    """Begin a run with the finished stages of another that differs in its sampler only."""
    if (out / "run.json").exists():
        return
    RunDirectory(out, settings.to_dict())
    (out / "stages").mkdir(exist_ok=True)
    shutil.copytree(searched / "data", out / "data")
    if (searched / "supernet.safetensors").exists():
        shutil.copyfile(searched / "supernet.safetensors", out / "supernet.safetensors")
    if (searched / "baselines").exists():
        # One of them has the embeddings that short trainings begin with.
        shutil.copytree(searched / "baselines", out / "baselines")
    for stage in SHARED:
        shutil.copyfile(searched / "stages" / f"{stage}.json", out / "stages" / f"{stage}.json")


def row(name: str, model: Mapping[str, Any], seconds: float | None = None) -> dict[str, Any]:
    """The figures of one model over its seeds; `seconds` is what finding it took."""
    runs = model["runs"]
    figures: dict[str, Any] = {"model": name, "seeds": len(runs)}
    for metric in METRICS:
        values = [run["test"][metric] for run in runs]
        figures[metric] = fmean(values)
        figures[f"{metric}_deviation"] = stdev(values) if len(values) > 1 else None
        figures[f"valid_{metric}"] = model["valid"][metric]
        if model.get("ensemble"):
            figures[f"ensemble_{metric}"] = model["ensemble"]["test"][metric]
    return {
        **figures,
        "embedding_l2": model["recipe"]["embedding_l2"] if "recipe" in model else None,
        "parameters": model["parameters"],
        "flops": model["flops"],
        "training_seconds": fmean([run["seconds"] for run in runs]),
        "search_seconds": seconds,
    }


def shown(rows: list[dict[str, Any]]) -> str:
    """A table in Markdown."""
    lines = [
        "| model | seeds | test AUC | test log loss | ensemble | parameters | FLOPs | training s "
        "| search s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for figures in rows:
        cells = [figures["model"], str(figures["seeds"])]
        for metric in METRICS:
            spread = figures[f"{metric}_deviation"]
            text = f"{figures[metric]:.5f}"
            cells.append(text if spread is None else f"{text} +- {spread:.5f}")
        joined = [figures.get(f"ensemble_{metric}") for metric in METRICS]
        cells.append(" / ".join(f"{value:.5f}" for value in joined if value is not None))
        cells += [f"{figures['parameters']:,.0f}", f"{figures['flops']:,.0f}"]
        cells.append(f"{figures['training_seconds']:.0f}")
        found = figures["search_seconds"]
        cells.append("" if found is None else f"{found:.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    default = os.environ.get("DAGSMITH_DATA", "../shared/data")
    parser.add_argument("--data-dir", type=Path, default=Path(default))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--only-models", action="store_true", help="no search")
    parser.add_argument("--space", default="ctr-plus")
    parser.add_argument("--blocks", type=int, help="else as many as a search has in the space")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=100)
    for name, most in HALF_OF_FINALMLP.items():
        parser.add_argument(f"--{name}", type=int, default=most, help="budget of a search")
    parser.add_argument("--embedding-dim", type=int, default=16)
    parser.add_argument("--supernet-epochs", type=int)
    parser.add_argument("--epochs", type=int, help="of a training from scratch; else the recipe's")
    parser.add_argument("--embedding-l2", type=float, help="else chosen for each model")
    parser.add_argument(
        "--transfer",
        nargs="*",
        default=["synthetic-ctr-plus"],
        help="truth tables that the predictor learns first in ctr-plus; the other one is of this "
        "log",
    )
    parser.add_argument(
        "--distil",
        type=float,
        default=0.0,
        help="share of what all winners of a search, or all seeds of a hand-made model, answer",
    )
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--rows", type=int, help="about so many rows of each file, to try it out")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    files: dict[str, Any] = files_of(arguments)
    settings = SearchSettings(
        **files,
        label="label",
        drop=DROPPED,
        space=arguments.space,
        blocks=arguments.blocks,
        trials=arguments.trials,
        limit=tuple(f"{name}={getattr(arguments, name)}" for name in HALF_OF_FINALMLP),
        top=4,
        truth=8,
        scratch_seeds=arguments.seeds,
        embedding_dim=arguments.embedding_dim,
        supernet_epochs=arguments.supernet_epochs,
        scratch_epochs=arguments.epochs,
        embedding_l2=arguments.embedding_l2,
        jobs=arguments.jobs,
        distil=arguments.distil,
        ensemble=True,
        no_baselines=True,
    )
    rows = []
    for name in arguments.models:
        print(name)
        trained = train_models([name], settings, arguments.out / "models" / name, reporter())
        rows += [row(model["name"], model) for model in trained["models"]]
    if arguments.only_models:
        print(shown(rows))
        return
    best = min(rows, key=lambda row: row["valid_logloss"], default=None)
    penalty = best["embedding_l2"] if best else settings.embedding_l2
    for name, sampler in (("searched", "mh"), ("random search", "random")):
        out = arguments.out / sampler
        used = replace(settings, sampler=sampler, embedding_l2=penalty)
        if sampler == "mh":
            tables = arguments.transfer if arguments.space == "ctr-plus" else ()
            used = replace(used, transfer=tuple(tables) or NOTHING)
        else:
            # What is drawn for the first round keeps to the budget.
            used = replace(used, initial=used.trials)
            take_over(arguments.out / "mh", used, out)
        print(name)
        result = search_models(used, out, reporter())
        seconds = result["seconds"]["search"]
        rows += [
            row(f"{name} ({arguments.space}), rank {model['rank']}", model, seconds)
            for model in result["models"]
        ]
        if sampler == "mh":
            print(f"supernet: {result['seconds']['supernet']:.0f} s")
    write_text(arguments.out / "table.json", json.dumps(rows, indent=2) + "\n")
    write_text(arguments.out / "table.md", shown(rows) + "\n")
    page = figure(rows, arguments.flops).to_html(config={"displayModeBar": False})
    write_text(arguments.out / "table.html", page)
    print(shown(rows))


if __name__ == "__main__":
    main()
