"""What a scale and an offset of the logit are worth, on models that were kept.

    python benchmarks/platt.py runs/frappe/mh runs/frappe/models/finalmlp

Takes the models that finished searches or trainings have kept (each with its ensemble, if there is
one: then all seeds), fits both numbers on the validation rows of their data, and prints log loss
and expected calibration error of the test rows before and after, means over the seeds.
"""

import argparse
from pathlib import Path
from statistics import fmean

import torch
from scipy.special import expit, logit

from dagsmith.data import Dataset
from dagsmith.model import Model, load_model
from dagsmith.supernet import calibration, fit_platt, logloss, predict

CPU = torch.device("cpu")


def kept(run: Path) -> dict[str, Model]:
    """The models of a run by name, each with as many seeds as it was kept with."""
    found = {}
    for folder in sorted((run / "models").iterdir()):
        joined = folder.with_name(f"{folder.name}-ensemble")
        if (folder / "model.json").exists() and not folder.name.endswith("-ensemble"):
            found[folder.name] = load_model(joined if joined.exists() else folder)
    return found


def line(model: Model, dataset: Dataset) -> list[str]:
    """Figures of a model: its seeds, before and after, and what was fitted."""
    before, after, errors, fitted = [], [], [], []
    label = dataset.test.label
    for network in model.networks:
        valid, test = (
            predict(network, split, CPU).astype(float) for split in (dataset.valid, dataset.test)
        )
        scale, offset = fit_platt(dataset.valid.label, valid)
        scaled = expit(scale * logit(test.clip(1e-7, 1 - 1e-7)) + offset)
        before.append(logloss(label, test))
        after.append(logloss(label, scaled))
        errors.append([calibration(label, each).error for each in (test, scaled)])
        fitted.append((scale, offset))
    columns = [before, after, *zip(*errors, strict=True), *zip(*fitted, strict=True)]
    return [str(len(model.networks)), *(f"{fmean(column):.4f}" for column in columns)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("runs", nargs="+", type=Path, help="directories of searches or trainings")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| run | model | seeds | log loss | scaled | error | scaled | scale | offset |")
    print("|---|---|---|---|---|---|---|---|---|")
    for run in arguments.runs:
        dataset = Dataset.open(run / "data")
        for name, model in kept(run).items():
            print(f"| {run.name} | {name} | " + " | ".join(line(model, dataset)) + " |", flush=True)


if __name__ == "__main__":
    main()
