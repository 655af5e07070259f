"""Better models from a truth table: the table's trainings are the search's first evaluations.

    python benchmarks/search_from_truth.py --flops 115300 --out runs/from-truth

A study begins with the architectures of the table that was made on Frappe, whose quality is their
validation log loss from scratch. MH-ES with the GNN proposes ``--batch`` architectures of at most
so many FLOPs in each of ``--rounds``; each is trained by the table's own recipe with one seed. The
``--top`` best within the budget, of table and proposals, by validation log loss, are then trained
by the full recipe with ``--seeds`` seeds, and the one with the best validation log loss wins: test
rows choose nothing. Every training is kept in ``--out``, so that an interrupted run goes on.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import optuna
import torch
from frappe_files import frappe
from predictor_report import half_interval
from truth_table import SPLITS, scratch

from dagsmith.data import Dataset, TruthTable, truth_table
from dagsmith.files import write_text
from dagsmith.hardware import Flops, Parameters, costs
from dagsmith.search import MetropolisHastingsSampler
from dagsmith.search.limits import HARD
from dagsmith.search.surrogate import CostLimit
from dagsmith.space import Architecture, Population, RestrictedSpace
from dagsmith.supernet import RECIPES, Recipe, sized_for

QUALITY = "valid_logloss"


def started(
    truth: TruthTable, space: RestrictedSpace, arguments: argparse.Namespace
) -> optuna.Study:
    """A study with the table's architectures as finished trials."""
    sampler = MetropolisHastingsSampler(
        space,
        seed=arguments.seed,
        batch=arguments.batch,
        costs=lambda population: costs(population, [Flops(), Parameters()]),
        limits=(CostLimit("flops", arguments.flops, HARD),),
    )
    study = optuna.create_study(sampler=sampler, direction="minimize")
    distributions = space.distributions()
    for genotype, value in zip(truth.genotypes, truth.table.column(QUALITY), strict=True):
        params = truth.space.to_params(genotype)
        study.add_trial(
            optuna.trial.create_trial(
                params={name: params[name] for name in distributions},
                distributions=distributions,
                value=float(value),
            )
        )
    return study


def searched(
    study: optuna.Study,
    space: RestrictedSpace,
    dataset: Dataset,
    recipe: Recipe,
    arguments: argparse.Namespace,
) -> list[tuple[float, Architecture]]:
    """Propose and train; log loss and architecture of every proposal."""
    found = []
    for number in range(arguments.rounds):
        begun = time.process_time()
        trials = [study.ask(space.distributions()) for _ in range(arguments.batch)]
        nets = [space.decode(space.from_params(trial.params)) for trial in trials]
        proposing = time.process_time() - begun
        for trial, net in zip(trials, nets, strict=True):
            row = scratch(dataset.path, net, recipe, 0, arguments.out / f"{net.key}-short.json")
            if "failure" in row:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                continue
            study.tell(trial, row[QUALITY])
            found.append((float(row[QUALITY]), net))
        best = min(value for value, _ in found)
        spent = time.process_time() - begun
        print(
            f"round {number}: best {best:.4f}; {spent:.0f} processor seconds, {proposing:.0f} of "
            "them to propose",
            flush=True,
        )
    return found


def costs_of(net: Architecture, space: RestrictedSpace) -> dict[str, float]:
    population = Population.from_architectures([net], space.kinds)
    found = costs(population, [Flops(), Parameters()])
    return {name: float(values[0]) for name, values in found.items()}


def finished(
    net: Architecture, dataset: Dataset, recipe: Recipe, arguments: argparse.Namespace
) -> dict[str, float]:
    """Means over the seeds, and half the 95 % interval of each."""
    runs = [
        scratch(dataset.path, net, recipe, seed, arguments.out / f"{net.key}-{seed}.json")
        for seed in range(arguments.seeds)
    ]
    figures: dict[str, float] = {}
    for split in SPLITS:
        for metric in ("auc", "logloss"):
            values = [float(run[f"{split}_{metric}"]) for run in runs]
            figures[f"{split}_{metric}"] = fmean(values)
            figures[f"{split}_{metric}_half"] = half_interval(values)
    return figures


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    default = os.environ.get("DAGSMITH_DATA", "../shared/data")
    parser.add_argument("--data-dir", type=Path, default=Path(default))
    parser.add_argument("--table", default="frappe-ctr-plus")
    parser.add_argument("--flops", type=float, required=True, help="most of a model")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8, help="architectures per round")
    parser.add_argument("--top", type=int, default=3, help="trained in full")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the search")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    torch.set_num_threads(1)
    truth = truth_table(arguments.table)
    dataset = frappe(arguments.data_dir, arguments.out / "data")
    expected = truth.card["data"]["fingerprint"]
    if dataset.fingerprint != expected:
        raise SystemExit(f"the data are {dataset.fingerprint}; the table was made on {expected}")
    space = RestrictedSpace(truth.space, {"trunk": False})
    recipe = Recipe(**truth.card["recipe"])
    study = started(truth, space, arguments)
    found = searched(study, space, dataset, recipe, arguments)
    within = np.flatnonzero(truth.table.column("flops") <= arguments.flops)
    table = truth.table.take(within)
    pool = [(v, n, "proposed") for v, n in found if costs_of(n, space)["flops"] <= arguments.flops]
    pool += [
        (float(value), table.population.architecture(row), "of the table")
        for row, value in enumerate(table.column(QUALITY))
    ]
    pool.sort(key=lambda entry: entry[0])
    full = replace(
        sized_for(RECIPES["default"], len(dataset.train)),
        embedding_l2=recipe.embedding_l2,
        precision=recipe.precision,
    )
    rows: list[dict[str, Any]] = []
    for value, net, origin in pool[: arguments.top]:
        figures = finished(net, dataset, full, arguments)
        rows.append(
            {"origin": origin, "short": value, **costs_of(net, space), **figures}
            | {"architecture": net.to_dict()}
        )
    rows.sort(key=lambda row: float(row["valid_logloss"]))
    write_text(arguments.out / "models.json", json.dumps(rows, indent=1) + "\n")
    for row in rows:
        cells = " ".join(
            f"{name} {row[name]:.4f} ± {row[f'{name}_half']:.4f}"
            for name in ("valid_logloss", "test_auc", "test_logloss")
        )
        cost = f"{row['flops']:,.0f} FLOPs, {row['parameters']:,.0f} parameters"
        print(f"{row['origin']}: {cost}, {cells}")


if __name__ == "__main__":
    main()
