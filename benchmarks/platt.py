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
    seeds = []
    label = dataset.test.label
    for network in model.networks:
        network.platt = None
        plain = predict(network, dataset.test, CPU)
        fitted = fit_platt(dataset.valid.label, predict(network, dataset.valid, CPU))
        network.platt = torch.tensor(fitted)
        both = (plain, predict(network, dataset.test, CPU))
        losses = [logloss(label, answers) for answers in both]
        errors = [calibration(label, answers).error for answers in both]
        seeds.append([*losses, *errors, *fitted])
    means = [fmean(column) for column in zip(*seeds, strict=True)]
    return [str(len(seeds)), *(f"{mean:.4f}" for mean in means)]


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
