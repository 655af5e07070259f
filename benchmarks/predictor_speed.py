"""How fast the GNN predictor is, and how well it ranks a published table.

    python benchmarks/predictor_speed.py speed [--space nasrec-full] [--sizes 1000 10000 100000]
    python benchmarks/predictor_speed.py ranking [--data-dir ../shared/data] [--labels 78 156]

`speed` times fitting and, stage by stage, the way from genotypes to ranked architectures.
`ranking` fits on NAS-Bench-201's CIFAR-10 validation accuracies and prints Kendall's tau over all
architectures that were not trained on.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from dagsmith.predictor import (
    GNNPredictor,
    GNNSettings,
    LinearPredictor,
    Predictor,
    TrainingSettings,
    rank_correlation,
)
from dagsmith.predictor.graphs import Graphs
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.space import (
    ABSENT,
    SPACES,
    Categorical,
    ComponentKind,
    NASRecSpace,
    Population,
    Vocabulary,
)

DECODED_AT_ONCE = 8192
"""Bounds memory: a decoded NASRec graph takes about 3 kB."""
ENCODED_AT_ONCE = 128

OPERATIONS = ("none", "skip", "conv1x1", "conv3x3", "avgpool")
CELL_EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""Edges of a NAS-Bench-201 cell, in topological order of the operations on them."""
CELL_KINDS = Vocabulary(
    (
        ComponentKind("input", (), ()),
        ComponentKind("operation", (Categorical("operator", OPERATIONS[1:]),)),
        ComponentKind("output"),
    )
)


def seconds(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Smallest wall time and smallest processor time of a piece of work."""
    wall, processor = [], []
    for _ in range(repeats):
        begin, spent = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - begin)
        processor.append(time.process_time() - spent)
    return min(wall), min(processor)


def speed(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    print(f"{arguments.threads} threads, load {os.getloadavg()[0]:.1f}, {GNNSettings()}")
    for name in SPACES if arguments.space == "all" else [arguments.space]:
        space = SPACES[name](dense_features=13, sparse_fields=26)
        for labels in arguments.labels:
            known = space.decode_many(space.sample(labels, np.random.default_rng(0)))
            target = np.random.default_rng(2).normal(size=labels)
            wall, processor = seconds(lambda: GNNPredictor(space.kinds).fit(known, target), 1)  # noqa: B023
            print(f"{name}: fit {labels} labels: {wall:.1f} s, {processor:.1f} processor seconds")
        print(f"{name}: architectures per second (in brackets: per second of processor time)")
        for size in arguments.sizes:
            rates = stages(space, size, arguments.repeats)
            line = ", ".join(f"{stage} {a:,.0f} ({b:,.0f})" for stage, (a, b) in rates.items())
            print(f"  {size:>9,}: {line}")


def stages(space: NASRecSpace, size: int, repeats: int) -> dict[str, tuple[float, float]]:
    """Architectures per wall second and per processor second, by stage."""
    genotypes = space.sample(size, np.random.default_rng(1))
    some = space.decode_many(genotypes[:64])
    # How fast it is does not depend on how well it was trained.
    hasty = GNNSettings(training=TrainingSettings(epochs=1))
    predictor = GNNPredictor(space.kinds, hasty).fit(some, np.arange(len(some)))
    features = NodeFeatures.fit(some)
    parts = [slice(at, at + DECODED_AT_ONCE) for at in range(0, size, DECODED_AT_ONCE)]

    def decode() -> None:
        for part in parts:
            space.decode_many(genotypes[part])

    def encode() -> None:
        for part in parts:
            population = space.decode_many(genotypes[part])
            for at in range(0, len(population), ENCODED_AT_ONCE):
                graphs = Graphs.of(population[at : at + ENCODED_AT_ONCE], features, hasty.members)
                # Lazy indices belong to encoding.
                _ = graphs.into.forth, graphs.out_of.forth, graphs.graphs.forth

    def score() -> None:
        for part in parts:
            predictor.predict(space.decode_many(genotypes[part]))

    works = {"decode": decode, "decode+encode (1 thread)": encode, "decode+encode+score": score}
    rates = {}
    for stage, work in works.items():
        wall, processor = seconds(work, repeats)
        rates[stage] = size / wall, size / processor
    return rates


def cells(operations: NDArray[np.int64]) -> Population:
    """NAS-Bench-201 cells as graphs: the operations on the edges become nodes.

    Operations `none`, and those that no path from input to output goes through, are left out.

    Args:
        operations: index into `OPERATIONS` on each of `CELL_EDGES`, ``[batch, 6]``.
    """
    batch = len(operations)
    first, last = 0, 1 + len(CELL_EDGES)
    kind = np.full((batch, last + 1), ABSENT, np.int16)
    attributes = np.full((batch, last + 1, 1), np.nan, np.float32)
    edges = np.zeros((batch, last + 1, last + 1), np.uint16)
    used = operations > 0
    kind[:, first], kind[:, last] = CELL_KINDS.index["input"], CELL_KINDS.index["output"]
    kind[:, 1:last] = np.where(used, CELL_KINDS.index["operation"], ABSENT)
    attributes[:, 1:last, 0] = np.where(used, operations - 1, np.nan)
    for column, (source, target) in enumerate(CELL_EDGES):
        if source == 0:
            edges[:, 1 + column, first] = used[:, column]
        if target == 3:
            edges[:, last, 1 + column] = used[:, column]
        for reader, (begin, _) in enumerate(CELL_EDGES):
            if begin == target:
                edges[:, 1 + reader, 1 + column] = used[:, column] & used[:, reader]
    from_input, to_output = np.zeros_like(kind, bool), np.zeros_like(kind, bool)
    from_input[:, first] = to_output[:, last] = True
    for node in range(1, last + 1):
        from_input[:, node] |= ((edges[:, node] > 0) & from_input).any(axis=1)
    for node in range(last - 1, -1, -1):
        to_output[:, node] |= ((edges[:, :, node] > 0) & to_output).any(axis=1)
    dead = ~(from_input & to_output)
    dead[:, [first, last]] = False
    kind[dead] = ABSENT
    attributes[dead] = np.nan
    edges[dead] = 0
    edges.transpose(0, 2, 1)[dead] = 0
    return Population(CELL_KINDS, kind, attributes, edges)


def ranking(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    folder = Path(arguments.data_dir) / "nas"
    table = pl.read_parquet(folder / "nasbench201.parquet").join(
        pl.read_parquet(folder / "nasbench201_extra.parquet"), on="arch_index"
    )
    population = cells(np.stack([table[f"e_{i}_{j}"].to_numpy() for i, j in CELL_EDGES], axis=1))
    accuracy = table["cifar10_val_acc"].to_numpy()
    default = GNNSettings()
    regression = replace(default, training=replace(default.training, ranking=0.0))
    candidates: dict[str, Callable[[int], Predictor]] = {
        "gnn": lambda seed: GNNPredictor(CELL_KINDS, seed=seed),
        "gnn, regression only": lambda seed: GNNPredictor(CELL_KINDS, regression, seed),
        "linear": lambda seed: LinearPredictor(CELL_KINDS, seed=seed),
    }
    for name, make in candidates.items():
        for labels in arguments.labels:
            taus, spent = [], 0.0
            for seed in range(arguments.seeds):
                order = np.random.default_rng(seed).permutation(len(accuracy))
                known, unseen = order[:labels], order[labels:]
                begin = time.process_time()
                predictor = make(seed).fit(population[known], accuracy[known])
                spent += time.process_time() - begin
                mean = predictor.predict(population[unseen]).mean
                taus.append(rank_correlation(accuracy[unseen], mean, resamples=0).value or 0.0)
            print(
                f"{name}: {labels} labels: tau {np.mean(taus):.3f} +- {np.std(taus):.3f} "
                f"({arguments.seeds} seeds), fit {spent / arguments.seeds:.1f} processor seconds",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    commands = parser.add_subparsers(required=True)
    timing = commands.add_parser("speed")
    timing.add_argument("--space", choices=[*SPACES, "all"], default="all")
    timing.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    timing.add_argument("--labels", type=int, nargs="*", default=[200, 469])
    timing.add_argument("--repeats", type=int, default=3)
    timing.set_defaults(run=speed)
    table = commands.add_parser("ranking")
    table.add_argument("--data-dir", default=os.environ.get("DAGSMITH_DATA", "../shared/data"))
    table.add_argument("--labels", type=int, nargs="+", default=[78, 156, 469, 781])
    table.add_argument("--seeds", type=int, default=3)
    table.set_defaults(run=ranking)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
