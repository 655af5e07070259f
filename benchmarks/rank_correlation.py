"""How well a supernet ranks architectures: Kendall tau against training from scratch.

Trains random architectures of a space from scratch (the truth), then one supernet per sampling
mode, scores the same architectures with each way of refitting the last layer, and reports
Kendall's tau-b of supernet log loss against from-scratch log loss with bootstrap intervals.
Every finished training is kept in ``--out``, so an interrupted run goes on.

    python benchmarks/rank_correlation.py --data-dir ../shared/data --out runs/rank
"""

import argparse
import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import joblib
import numpy as np
import torch
from frappe_files import frappe

from dagsmith.data import Dataset
from dagsmith.predictor.metrics import rank_correlation
from dagsmith.space import Architecture, nasrec_small
from dagsmith.supernet import (
    RECIPES,
    Network,
    SubnetScoring,
    Supernet,
    SupernetEvaluator,
    SupernetRecipe,
    pick_device,
    pick_precision,
    sized_for,
    train_scratch,
    train_supernet,
)
from dagsmith.supernet.last_layer import Refit
from dagsmith.supernet.paths import Mode

MODES: tuple[Mode, ...] = ("single-operator", "single-path", "any-path", "full-path")
REFITS: tuple[Refit, ...] = ("newton", "sgd", "none")
PENALTY = 0.03
"""Of the trainings from scratch: near the best on Frappe."""
SUPERNET_PENALTY = 0.1
"""Of the supernets: what `choose_penalty` finds there."""


def truth(
    dataset: Path, architecture: Architecture, epochs: int, seed: int, cache: Path
) -> dict[str, float]:
    """Metrics of one training from scratch, read from the cache if it is there."""
    if cache.exists():
        return dict(json.loads(cache.read_text()))
    torch.set_num_threads(1)
    data = Dataset.open(dataset)
    precision = pick_precision("auto", pick_device())
    recipe = sized_for(RECIPES["default"], len(data.train))
    recipe = replace(recipe, epochs=epochs, precision=precision, embedding_l2=PENALTY)
    network = Network.untrained(architecture, data.fields, recipe, seed)
    trained = train_scratch(network, data, recipe, seed=seed, splits=("valid",))
    record = dict(trained.metrics["valid"]) | {"seconds": trained.seconds}
    temporary = cache.with_suffix(".tmp")
    temporary.write_text(json.dumps(record))
    temporary.replace(cache)
    return record


def ranking(
    data: Path,
    mode: Mode,
    epochs: int | None,
    architectures: Sequence[Architecture],
    losses: Sequence[float],
    out: Path,
) -> list[dict[str, object]]:
    """Train a supernet in one sampling mode; rank by it with every refit."""
    torch.set_num_threads(1)
    dataset = Dataset.open(data)
    space = nasrec_small(len(dataset.dense_features), len(dataset.fields))
    precision = pick_precision("auto", pick_device())
    supernet = Supernet.untrained(space, dataset.fields, RECIPES["default"])
    recipe = SupernetRecipe(mode=mode, precision=precision, embedding_l2=SUPERNET_PENALTY)
    if epochs:
        recipe = replace(recipe, epochs=epochs)
    named = hashlib.sha256(json.dumps(asdict(recipe)).encode()).hexdigest()[:12]
    training = train_supernet(
        supernet, dataset, recipe, checkpoint=out / f"supernet-{named}.safetensors"
    )
    rows: list[dict[str, object]] = []
    for refit in REFITS:
        scoring = SubnetScoring(refit=refit, precision=precision)
        evaluations = SupernetEvaluator(supernet, dataset, scoring).evaluate(architectures)
        scores = [evaluation.metrics["logloss"] for evaluation in evaluations]
        seconds = float(np.mean([evaluation.seconds for evaluation in evaluations]))
        tau = rank_correlation(losses, scores)
        rows.append(
            {
                "mode": mode,
                "refit": refit,
                **tau.to_dict(),
                "mean_logloss": float(np.mean(scores)),
                "seconds_per_candidate": seconds,
                "supernet_seconds": training.seconds,
                "supernet_steps": training.steps,
            }
        )
        print(
            f"{mode:16} {refit:7} tau {tau.value:.3f} [{tau.low:.3f}, {tau.high:.3f}] "
            f"log loss {np.mean(scores):.4f} {seconds:.2f} s per candidate, "
            f"supernet {training.seconds:.0f} s",
            flush=True,
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data-dir", type=Path, default=os.environ.get("DAGSMITH_DATA", "../shared/data")
    )
    parser.add_argument("--out", type=Path, default=Path("runs/rank"))
    parser.add_argument("--architectures", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=6, help="from scratch")
    parser.add_argument("--supernet-epochs", type=int, default=None)
    parser.add_argument("--noise", type=int, default=10, help="architectures with a second seed")
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    out = Path(arguments.out)
    (out / "scratch").mkdir(parents=True, exist_ok=True)
    dataset = frappe(Path(arguments.data_dir), out / "data")
    space = nasrec_small(len(dataset.dense_features), len(dataset.fields))
    genotypes = space.sample(arguments.architectures, np.random.default_rng(arguments.seed))
    architectures = [space.decode(genotype) for genotype in genotypes]

    begun = time.monotonic()
    work = [(index, seed) for seed in (0, 1) for index in range(len(architectures))]
    work = [(index, seed) for index, seed in work if seed == 0 or index < arguments.noise]
    results = joblib.Parallel(arguments.jobs, verbose=5)(
        joblib.delayed(truth)(
            dataset.path,
            architectures[index],
            arguments.epochs,
            seed,
            out / "scratch" / f"{architectures[index].key}-{arguments.epochs}-{seed}.json",
        )
        for index, seed in work
    )
    found = dict(zip(work, results, strict=True))
    losses = [found[index, 0]["logloss"] for index in range(len(architectures))]
    report: dict[str, object] = {
        "architectures": len(architectures),
        "epochs": arguments.epochs,
        "truth_seconds": time.monotonic() - begun,
        "truth_logloss": {"mean": float(np.mean(losses)), "std": float(np.std(losses))},
    }
    if arguments.noise:
        pairs = [(found[i, 0]["logloss"], found[i, 1]["logloss"]) for i in range(arguments.noise)]
        first, second = zip(*pairs, strict=True)
        ceiling = rank_correlation(first, second)
        report["seed_std"] = float(np.std(np.subtract(first, second)) / 2**0.5)
        report["seed_to_seed"] = ceiling.to_dict()
        print("seed to seed", ceiling, "seed std", report["seed_std"])

    ranked = joblib.Parallel(arguments.jobs)(
        joblib.delayed(ranking)(
            dataset.path, mode, arguments.supernet_epochs, architectures, losses, out
        )
        for mode in MODES
        if mode in arguments.modes.split(",")
    )
    report["supernet"] = [row for rows in ranked for row in rows]
    (out / "rank_correlation.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
