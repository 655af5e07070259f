"""What a supernet step costs: against a stand-alone step of the same subnet, and against a peer.

Per space, on random data of 13 dense features and 26 fields with tables of 10,000 rows:

1. A supernet step (draw a path, compile it, forward, backward, clip, both optimizers) and the step
   of the very same subnet extracted as a stand-alone network (forward, backward, clip, torch's
   Adagrad, row-wise Adagrad), pair by pair in alternating order. The supernet sees each path for
   the first time, as in training; the network has been warmed up.
2. With ``--peer``, a checkout of the public facebookresearch/NasRec: its supernet's step and its
   inference, always in float32 as published, in the same process.
3. Seconds to evaluate one candidate on Frappe, last-layer refit included, if the data are there.

    python benchmarks/supernet_step.py --threads 1 --peer ../NasRec --out step.json
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from frappe_files import frappe, frappe_files
from torch import Tensor
from torch.nn import functional

from dagsmith.data import Dataset, SparseField, Split
from dagsmith.space import SPACES, Architecture
from dagsmith.supernet import (
    PathSampler,
    RowwiseAdagrad,
    SubnetScoring,
    Supernet,
    SupernetEvaluator,
    SupernetRecipe,
    train_supernet,
)
from dagsmith.supernet.plan import Plan
from dagsmith.supernet.precision import Precision, computing
from dagsmith.supernet.sliced_adagrad import SlicedAdagrad, clip_gradients

DENSE, FIELDS, TABLE_ROWS = 13, 26, 10_000
LR, EPS, CLIP = 0.12, 1e-2, 5.0
PEER_SPACES = {"nasrec-small": "autoctr", "nasrec-full": "xlarge"}
CPU = torch.device("cpu")

Rows = tuple[Tensor, Tensor, Tensor]
Step = Callable[[], object]


@dataclass(frozen=True)
class Times:
    """Milliseconds of each call of one thing: process CPU (all threads) and wall."""

    cpu: list[float]
    wall: list[float]

    def add(self, step: Step) -> None:
        """Time one call."""
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        self.cpu.append(1e3 * (time.process_time() - cpu))
        self.wall.append(1e3 * (time.perf_counter() - wall))

    def summary(self) -> dict[str, float]:
        """Mean and median of both."""
        return {
            "cpu_mean_ms": float(np.mean(self.cpu)),
            "cpu_median_ms": float(np.median(self.cpu)),
            "wall_mean_ms": float(np.mean(self.wall)),
            "wall_median_ms": float(np.median(self.wall)),
            "count": len(self.wall),
        }


class Subject:
    """A supernet with its optimizers, and its subnets as stand-alone networks.

    Args:
        name: of the space.
        rows: the batch that every step takes.
        precision: of the matrix products.
    """

    def __init__(self, name: str, rows: Rows, precision: Precision) -> None:
        fields = tuple(
            SparseField(f"c{i}", TABLE_ROWS, slice(i, i + 1), False) for i in range(FIELDS)
        )
        self.supernet = Supernet(SPACES[name](DENSE, FIELDS), fields, device="cpu")
        self.paths = PathSampler(self.supernet.space)
        self.rows, self.precision = rows, precision
        self.sliced = SlicedAdagrad(self.supernet.bank, EPS)
        self.tables = RowwiseAdagrad([self.supernet.embedding.weight], LR)

    def step(self, number: int) -> None:
        """One supernet step, as `train_supernet` takes it."""
        dense, ids, label = self.rows
        plan = self.drawn(number)
        leaves = self.supernet.bank.slices(plan)
        with computing(self.precision, CPU):
            output = self.supernet.forward(plan, leaves, dense, ids)
        functional.binary_cross_entropy_with_logits(output, label).backward()  # type: ignore[no-untyped-call]
        clip_gradients(leaves, CLIP)
        self.sliced.step(leaves, LR)
        self.tables.step()

    def drawn(self, number: int) -> Plan:
        """A path, drawn and compiled."""
        return self.supernet.plan(self.paths.draw(number))

    @torch.inference_mode()
    def infer(self, number: int) -> None:
        """Logits of one path."""
        dense, ids, _ = self.rows
        plan = self.drawn(number)
        with computing(self.precision, CPU):
            self.supernet.forward(plan, self.supernet.bank.slices(plan), dense, ids)

    def alone(self, architecture: Architecture) -> Step:
        """The training step of the subnet as a network of its own."""
        dense, ids, label = self.rows
        network = self.supernet.extract(architecture).train()
        assert network.embedding is not None
        network.embedding.sparse = True
        weights = list(network.weights.values())
        optimizers = (
            torch.optim.Adagrad(weights, lr=LR, eps=EPS, foreach=True),
            RowwiseAdagrad([network.embedding.weight], LR),
        )

        def step() -> None:
            for optimizer in optimizers:
                optimizer.zero_grad(set_to_none=True)
            with computing(self.precision, CPU):
                output = network(dense, ids)
            functional.binary_cross_entropy_with_logits(output, label).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(weights, CLIP)
            for optimizer in optimizers:
                optimizer.step()

        return step


class Peer:
    """The public NasRec supernet, trained as its own script does.

    Args:
        checkout: folder of its repository.
        name: of our space; its counterpart is taken.
        rows: the batch that every step takes.
    """

    def __init__(self, checkout: Path, name: str, rows: Rows) -> None:
        if str(checkout) not in sys.path:
            sys.path.insert(0, str(checkout))
        # Its code was written for a NumPy that still had this name.
        np.int = int  # type: ignore[attr-defined] # noqa: NPY001
        from nasrec.supernet.supernet import (  # type: ignore[import-not-found]
            SuperNet,
            ops_config_lib,
        )

        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002 - the generator that its path sampling uses
        self.network = SuperNet(
            num_blocks=7,
            ops_config=ops_config_lib[PEER_SPACES[name]],
            use_layernorm=True,
            num_embeddings=[TABLE_ROWS] * FIELDS,
            sparse_input_size=FIELDS,
            path_sampling_strategy="default",
            anypath_choice="binomial-0.5",
            supernet_training_steps=0,
        )
        self.rows = rows
        # Its layers are lazy: a full path creates them all.
        self.network.configure_path_sampling_strategy("full-path")
        self.network(rows[0], rows[1])
        self.network.configure_path_sampling_strategy("default")
        self.optimizer = torch.optim.Adagrad(self.network.parameters(), lr=LR, eps=EPS)

    def step(self) -> None:
        """One step on a random path."""
        dense, ids, label = self.rows
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        output = self.network(dense, ids).squeeze(-1)
        functional.binary_cross_entropy_with_logits(output, label).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimizer.step()

    @torch.no_grad()
    def infer(self) -> None:
        """Logits of a random path."""
        self.network.eval()
        self.network(self.rows[0], self.rows[1])


def against_stand_alone(subject: Subject, steps: int) -> dict[str, Any]:
    """Supernet and stand-alone steps of the same subnets, pair by pair."""
    for number in range(3):
        subject.step(number)
    times = {"supernet step": Times([], []), "stand-alone step": Times([], [])}
    draw, infer = Times([], []), Times([], [])
    for number in range(3, 3 + steps):
        architecture = subject.paths.draw(number)
        alone = subject.alone(architecture)
        alone()
        pair: list[tuple[str, Step]] = [
            ("supernet step", partial(subject.step, number)),
            ("stand-alone step", alone),
        ]
        for name, step in pair if number % 2 else pair[::-1]:
            times[name].add(step)
        draw.add(partial(subject.drawn, number))
        infer.add(partial(subject.infer, number))
    times |= {"of it drawing and compiling": draw, "supernet inference": infer}
    result: dict[str, Any] = {name: found.summary() for name, found in times.items()}
    for kind in ("cpu", "wall"):
        ours = np.array(getattr(times["supernet step"], kind))
        theirs = np.array(getattr(times["stand-alone step"], kind))
        result[f"{kind}_ratio_of_means"] = float(ours.mean() / theirs.mean())
        result[f"{kind}_mean_ratio"] = float((ours / theirs).mean())
        result[f"{kind}_median_ratio"] = float(np.median(ours / theirs))
    return result


def against_peer(
    checkout: Path, name: str, rows: Rows, steps: int, ours: dict[str, Any]
) -> dict[str, Any]:
    """The peer's step and inference, and how many of ours they take (of the means)."""
    peer = Peer(checkout, name, rows)
    step, infer = Times([], []), Times([], [])
    peer.step()
    for _ in range(steps):
        step.add(peer.step)
        infer.add(peer.infer)
    result: dict[str, Any] = {"peer step": step.summary(), "peer inference": infer.summary()}
    for kind in ("cpu", "wall"):
        for what in ("step", "inference"):
            ratio = (
                result[f"peer {what}"][f"{kind}_mean_ms"]
                / (ours[f"supernet {what}"][f"{kind}_mean_ms"])
            )
            result[f"{kind}_{what}_ratio"] = ratio
    return result


@dataclass(frozen=True)
class Part:
    """The first rows of a data set, enough to give a supernet weights worth a refit."""

    train: Split
    valid: Split
    fingerprint: str


def evaluation(
    dataset: Dataset, name: str, candidates: int, precision: Precision
) -> dict[str, float]:
    """Times of `SupernetEvaluator.evaluate` with its default scoring, per candidate."""
    space = SPACES[name](dataset.train.dense.shape[1], len(dataset.fields))
    supernet = Supernet(space, dataset.fields, device="cpu")
    part = Part(dataset.train.part(0, 50 * 512), dataset.valid, dataset.fingerprint)
    train_supernet(supernet, part, SupernetRecipe())  # type: ignore[arg-type]
    evaluator = SupernetEvaluator(supernet, dataset, SubnetScoring(precision=precision))
    genotypes = space.sample(candidates + 1, np.random.default_rng(1))
    first, *others = (space.decode(genotype) for genotype in genotypes)
    evaluator.evaluate([first])
    times = Times([], [])
    for architecture in others:
        times.add(partial(evaluator.evaluate, [architecture]))
    return times.summary()


def random_rows(batch: int) -> Rows:
    """Dense inputs, ids and labels."""
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(batch, DENSE, generator=generator),
        torch.randint(0, TABLE_ROWS - 1, (batch, FIELDS), generator=generator),
        (torch.rand(batch, generator=generator) < 0.25).float(),
    )


def show(title: str, results: dict[str, Any]) -> None:
    """Print the times as a table, and the ratios below it."""
    print(f"\n{title}")
    print(f"{'':<30}{'CPU mean':>10}{'median':>10}{'wall mean':>11}{'median':>10}   n")
    for name, found in results.items():
        if isinstance(found, dict):
            print(
                f"{name:<30}{found['cpu_mean_ms']:>10.1f}{found['cpu_median_ms']:>10.1f}"
                f"{found['wall_mean_ms']:>11.1f}{found['wall_median_ms']:>10.1f}"
                f"{found['count']:>4}"
            )
    for name, found in results.items():
        if not isinstance(found, dict):
            print(f"  {name.replace('_', ' ')}: {found:.2f}")


def frappe_if_there(folder: Path, out: str) -> Dataset | None:
    """Frappe with its published splits, or None where it is not."""
    there = all(file.exists() for file in frappe_files(folder).values())
    return frappe(folder, out) if there else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", choices=[*SPACES, "all"], default="all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=60, help="random paths per space")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--peer", type=Path, help="checkout of facebookresearch/NasRec")
    parser.add_argument("--peer-steps", type=int, default=8)
    parser.add_argument("--candidates", type=int, default=20, help="evaluated on Frappe per space")
    default = os.environ.get("DAGSMITH_DATA", str(Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--data-dir", type=Path, default=Path(default))
    parser.add_argument("--out", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    report: dict[str, Any] = {
        "settings": {
            key: str(value) if isinstance(value, Path) else value
            for key, value in vars(arguments).items()
            if key not in ("peer", "data_dir", "out")
        },
        "torch": torch.__version__,
        "machine": platform.machine(),
        "spaces": {},
    }
    print(f"torch {torch.__version__}, {arguments.threads} threads, batch {arguments.batch}")
    print(f"{arguments.precision}, {DENSE} dense + {FIELDS} fields of {TABLE_ROWS:,} rows; ms")
    rows = random_rows(arguments.batch)
    names = list(SPACES) if arguments.space == "all" else [arguments.space]
    for name in names:
        found = against_stand_alone(Subject(name, rows, arguments.precision), arguments.steps)
        show(f"{name}: supernet against stand-alone", found)
        report["spaces"][name] = found
        if arguments.peer is not None:
            peer = against_peer(arguments.peer, name, rows, arguments.peer_steps, found)
            show(f"{name}: the public NasRec supernet (float32) against it", peer)
            report["spaces"][name] = found | {"peer": peer}
    with tempfile.TemporaryDirectory() as folder:
        dataset = frappe_if_there(arguments.data_dir, f"{folder}/frappe")
        if dataset is None:
            print(f"\nno Frappe in {arguments.data_dir} (set DAGSMITH_DATA): no evaluation times")
        for name in names if dataset is not None else []:
            assert dataset is not None
            times = evaluation(dataset, name, arguments.candidates, arguments.precision)
            show(f"{name}: evaluating one candidate on Frappe", {"newton refit and score": times})
            report["spaces"][name]["evaluation"] = times
    if arguments.out is not None:
        temporary = arguments.out.with_name(arguments.out.name + ".tmp")
        temporary.write_text(json.dumps(report, indent=2) + "\n")
        temporary.replace(arguments.out)


if __name__ == "__main__":
    main()
