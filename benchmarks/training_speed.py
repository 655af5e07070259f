"""Rows per second of stand-alone training, beside FuxiCTR's same models in one run.

DCNv2 and FinalMLP have the same sizes, batch, optimizer, penalty, clipping and dropout on both
sides (BARS's settings for Frappe). Both train in processes of their own, in turns, so that a slow
minute of the machine hits both; the median step of each turn counts. An architecture's file (the
winner of a search, say) is timed beside them. Finished turns are kept in ``--out``.

FuxiCTR is given as a checkout, and by the Python that can import what it needs:

    python benchmarks/training_speed.py --fuxictr ../FuxiCTR --python ../fuxictr-env/bin/python \
        --architecture runs/frappe/mh/models/1/architecture.json --out runs/speed
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from frappe_files import frappe

from dagsmith.data import Dataset
from dagsmith.files import write_text
from dagsmith.space import Architecture, named_architecture
from dagsmith.supernet import RECIPES, Network, pick_precision, train_scratch

PEERS: dict[str, tuple[str, dict[str, Any]]] = {
    "dcnv2": (
        "DCNv2",
        {
            "embedding_dim": 10,
            "parallel_dnn_hidden_units": [400, 400, 400],
            "num_cross_layers": 3,
            "net_dropout": 0.2,
            "batch_norm": True,
            "embedding_regularizer": 0.05,
        },
    ),
    "finalmlp": (
        "FinalMLP",
        {
            "embedding_dim": 10,
            "mlp1_hidden_units": [400],
            "mlp2_hidden_units": [100],
            "mlp1_dropout": 0.2,
            "mlp2_dropout": 0.2,
            "mlp1_batch_norm": True,
            "mlp2_batch_norm": True,
            "fs_hidden_units": [400],
            "fs1_context": ["f0"],
            "fs2_context": ["f1"],
            "num_heads": 5,
            "embedding_regularizer": 0.05,
        },
    ),
}
"""Our name: FuxiCTR's model and its settings."""
WARM = 10
"""First steps of a turn, which are not timed."""


def ours(data: Path, architecture: Architecture, job: Mapping[str, Any]) -> list[float]:
    """Seconds of each step, what loading the rows takes included."""
    torch.set_num_threads(job["threads"])
    now = time.process_time if job["clock"] == "cpu" else time.perf_counter
    dataset = Dataset.open(data)
    epochs = math.ceil(job["steps"] / math.ceil(len(dataset.train) / job["batch"]))
    recipe = replace(
        RECIPES["bars"],
        epochs=epochs,
        batch_size=job["batch"],
        monitor=None,
        precision=pick_precision(job["precision"], torch.device("cpu")),
    )
    network = Network.untrained(architecture, dataset.fields, recipe)
    ticks = [now()]
    train_scratch(
        network,
        dataset,
        recipe,
        device="cpu",
        splits=(),
        progress=lambda *_: ticks.append(now()),
    )
    return [float(tick) for tick in np.diff(ticks)[: job["steps"]]]


def turn(arguments: argparse.Namespace, name: str, side: str, number: int) -> float:
    """Median seconds of a step in one turn, from the cache if it is there."""
    kind = f"ours-{arguments.precision}" if side == "ours" else side
    cache = arguments.out / "turns" / f"{name}-{kind}-{arguments.clock}-{number}.json"
    if not cache.exists():
        job: dict[str, Any] = {
            "batch": arguments.batch_size,
            "steps": WARM + arguments.steps,
            "threads": arguments.threads,
            "clock": arguments.clock,
        }
        environment = os.environ | {
            "OMP_NUM_THREADS": str(arguments.threads),
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        if side == "peer":
            model, settings = PEERS[name]
            job |= {"model": model, "settings": settings, "fuxictr": str(arguments.fuxictr)}
            job["rows"] = str(arguments.out / "rows.npz")
            script = Path(__file__).with_name("fuxictr_steps.py")
            command = [str(arguments.python), str(script), json.dumps(job)]
        else:
            job |= {"data": str(arguments.out / "data"), "model": name}
            job |= {"file": str(arguments.architecture), "precision": arguments.precision}
            command = [sys.executable, __file__, "--job", json.dumps(job)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{name}, {side}: {done.stderr.strip().splitlines()[-1]}")
        times = json.loads(done.stdout.strip().splitlines()[-1])[WARM:]
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_text(cache, json.dumps({"median": float(np.median(times)), "times": times}))
    return float(json.loads(cache.read_text())["median"])


def work(job: dict[str, Any]) -> None:
    """One turn of ours, in a process of its own."""
    dataset = Dataset.open(job["data"])
    if job["model"] == "given":
        architecture = Architecture.from_json(Path(job["file"]).read_text())
    else:
        architecture = named_architecture(
            job["model"], len(dataset.dense_features), len(dataset.fields), embedding_dim=10
        )
    print(json.dumps(ours(dataset.path, architecture, job)))


def rows_for_peer(dataset: Dataset, file: Path) -> None:
    """The encoded training rows as arrays that any Python reads."""
    if file.exists():
        return
    batch = dataset.train.take(np.random.default_rng(0).permutation(len(dataset.train)))
    sizes = [field.cardinality for field in dataset.fields]
    unfinished = file.with_name("unfinished.npz")
    np.savez(unfinished, ids=batch.sparse.astype(np.int64), label=batch.label, sizes=sizes)
    unfinished.replace(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    default = os.environ.get("DAGSMITH_DATA", "../shared/data")
    parser.add_argument("--data-dir", type=Path, default=Path(default))
    parser.add_argument("--fuxictr", type=Path, help="checkout of FuxiCTR; else only ours is timed")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="runs FuxiCTR")
    parser.add_argument("--architecture", type=Path, help="a file to time beside them")
    parser.add_argument("--batch-size", type=int, default=4096)
    parser.add_argument("--steps", type=int, default=50, help="timed steps of a turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="float32", help="of ours: auto, float32, bfloat16")
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu, with one thread, is hardly disturbed by what else runs on the machine",
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        work(json.loads(arguments.job))
        return
    if arguments.out is None:
        parser.error("--out is required")
    arguments.out.mkdir(parents=True, exist_ok=True)
    dataset = frappe(arguments.data_dir, arguments.out / "data")
    rows_for_peer(dataset, arguments.out / "rows.npz")
    names = [*PEERS, *(["given"] if arguments.architecture else [])]
    figures = {}
    for name in names:
        sides = ["ours", "peer"] if arguments.fuxictr and name in PEERS else ["ours"]
        medians: dict[str, list[float]] = {side: [] for side in sides}
        for number in range(arguments.turns):
            for side in sides:
                medians[side].append(turn(arguments, name, side, number))
        speed = {side: arguments.batch_size / float(np.median(medians[side])) for side in sides}
        line = f"{name:10} ours {speed['ours']:10,.0f} rows/s"
        if "peer" in speed:
            ratios = np.array(medians["peer"]) / np.array(medians["ours"])
            line += f", FuxiCTR {speed['peer']:10,.0f}: {np.median(ratios):.2f} times "
            line += f"(turns from {ratios.min():.2f} to {ratios.max():.2f})"
        print(line, flush=True)
        figures[name] = {"rows_per_second": speed, "medians": medians}
    document = {
        "settings": {key: str(value) for key, value in vars(arguments).items() if key != "job"},
        "recipe": asdict(RECIPES["bars"]),
        "figures": figures,
    }
    write_text(arguments.out / "speed.json", json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
