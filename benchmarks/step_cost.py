"""Which cost of an architecture tells how long a step of its training takes.

    python benchmarks/step_cost.py --data-dir ../shared/data

Random architectures of each space are trained on Frappe for some steps, alone, on one thread;
their CPU time per step is compared with what `dagsmith.hardware` says without building them:
Kendall's tau, and the correlation.
"""

import argparse
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from frappe_files import frappe
from scipy.stats import kendalltau, pearsonr

from dagsmith.data import Dataset
from dagsmith.hardware import Activations, Bytes, CostModel, Flops, costs
from dagsmith.space import SPACES
from dagsmith.supernet import RECIPES, Network, Recipe, pick_device, pick_precision, train_scratch

BLOCKS = {"ctr-plus": 2, "nasrec-small": 7}
MODELS: tuple[CostModel, ...] = (Flops(), Bytes(), Activations())


def milliseconds(network: Network, dataset: Dataset, recipe: Recipe) -> float:
    """CPU time of a step, after one pass that warms up."""
    train_scratch(network, dataset, recipe, splits=())
    begun = time.process_time()
    steps = train_scratch(network, dataset, recipe, splits=()).steps
    return 1e3 * (time.process_time() - begun) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    default = os.environ.get("DAGSMITH_DATA", "../shared/data")
    parser.add_argument("--data-dir", type=Path, default=Path(default))
    parser.add_argument("--spaces", nargs="+", choices=tuple(BLOCKS), default=list(BLOCKS))
    parser.add_argument("--architectures", type=int, default=70)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe = replace(
        RECIPES["default"],
        epochs=1,
        batch_size=2048,
        monitor=None,
        average=0.0,
        precision=pick_precision("auto", pick_device("cpu")),
    )
    print("| space | ms per step | " + " | ".join(f"{m.name}: tau, r" for m in MODELS) + " |")
    print("|---|---|" + "---|" * len(MODELS))
    with tempfile.TemporaryDirectory() as folder:
        log = frappe(arguments.data_dir, Path(folder) / "data")
        rows = log.drawn({"train": arguments.steps * recipe.batch_size}, seed=arguments.seed)
        for name in arguments.spaces:
            fields = rows.fields
            space = SPACES[name](0, len(fields), blocks=BLOCKS[name], embedding_dim=16)
            drawn = space.sample(arguments.architectures, np.random.default_rng(arguments.seed))
            population = space.decode_many(drawn)
            took = [
                milliseconds(
                    Network.untrained(population.architecture(i), fields, recipe), rows, recipe
                )
                for i in range(len(drawn))
            ]
            low, middle, high = np.percentile(took, [10, 50, 90])
            cells = [
                f"{kendalltau(cost, took).statistic:.2f}, {pearsonr(cost, took).statistic:.2f}"
                for cost in costs(population, MODELS).values()
            ]
            print(f"| {name} | {low:.0f}, {middle:.0f}, {high:.0f} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
