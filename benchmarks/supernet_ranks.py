"""One supernet trained by one process and by two, at the same rows per step.

Per seed and number of processes: the training loss (last tenth of the steps), the mean validation
log loss of 32 random subnets with refitted last layers, the seconds of training and of one step.
The data are the synthetic click log. Processes are started by torchrun, one thread each.

    python benchmarks/supernet_ranks.py --seeds 3 --rows 20000
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from dagsmith.data import Dataset, prepare_synthetic
from dagsmith.space import nasrec_small
from dagsmith.supernet import (
    Supernet,
    SupernetEvaluator,
    SupernetRecipe,
    torchrun_ranks,
    train_supernet,
)

SUBNETS = 32


def train(data: Path, seed: int, normalise: bool) -> None:
    """What each process does; the first prints the figures as one line of JSON."""
    torch.set_num_threads(1)
    dataset = Dataset.open(data)
    space = nasrec_small(
        len(dataset.dense_features), len(dataset.fields), blocks=3, widths=(16, 32, 64, 128)
    )
    recipe = SupernetRecipe(epochs=4, embedding_l2=0.1, seed=seed)
    with torchrun_ranks("cpu") as ranks:
        supernet = Supernet(
            space, dataset.fields, seed=seed, std=1e-4, normalise=normalise, device="cpu"
        )
        training = train_supernet(supernet, dataset, recipe, ranks=ranks)
    if ranks.rank == 0:
        genotypes = space.sample(SUBNETS, np.random.default_rng(0))
        scored = SupernetEvaluator(supernet, dataset).evaluate([space.decode(g) for g in genotypes])
        figures = {
            "seed": seed,
            "normalise": normalise,
            "processes": ranks.size,
            "loss": round(training.loss, 6),
            "subnets_logloss": round(float(np.mean([e.metrics["logloss"] for e in scored])), 6),
            "seconds": round(training.seconds, 1),
            "step_ms": round(1e3 * training.seconds / training.steps, 1),
        }
        print(json.dumps(figures), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--normalise", action="store_true", help="batch-normalised embeddings")
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.data:
        train(options.data, options.seed, options.normalise)
        return
    with tempfile.TemporaryDirectory() as folder:
        data = prepare_synthetic(Path(folder) / "data", rows=options.rows).path
        for seed in range(options.seeds):
            for processes in (1, 2):
                torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node"]
                own = [__file__, "--data", str(data), "--seed", str(seed)]
                own += ["--normalise"] if options.normalise else []
                command = [sys.executable, "-m", *torchrun, str(processes), *own]
                subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
