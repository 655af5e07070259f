"""How fast the GNN predictor is.

    python benchmarks/predictor_speed.py speed [--space nasrec-full] [--sizes 1000 10000 100000]

`speed` times fitting and, stage by stage, the way from genotypes to ranked architectures. How well
predictors rank is measured by `predictor.py`, which also shows the figures of `report`.
"""

import argparse
import os
import time
from collections.abc import Callable

import numpy as np
import torch

from dagsmith.predictor import (
    BoostingPredictor,
    ForestPredictor,
    GNNPredictor,
    GNNSettings,
    MLPPredictor,
    Predictor,
    TrainingSettings,
)
from dagsmith.predictor.graphs import Graphs
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.space import SPACES, NASBench101Space, NASBench201Space, SearchSpace
from dagsmith.space.nasbench101 import enumerate_cells

DECODED_AT_ONCE = 8192
"""Bounds memory: a decoded NASRec graph takes about 3 kB."""
ENCODED_AT_ONCE = 128

HASTY = GNNSettings(training=TrainingSettings(epochs=1))


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
        space = SPACES[name](13, 26)
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


def stages(space: SearchSpace, size: int, repeats: int) -> dict[str, tuple[float, float]]:
    """Architectures per wall second and per processor second, by stage."""
    genotypes = space.sample(size, np.random.default_rng(1))
    features = NodeFeatures.fit(space.decode_many(genotypes[:64]))
    predictor = fitted_hastily(space)
    parts = [slice(at, at + DECODED_AT_ONCE) for at in range(0, size, DECODED_AT_ONCE)]

    def decode() -> None:
        for part in parts:
            space.decode_many(genotypes[part])

    def encode() -> None:
        for part in parts:
            population = space.decode_many(genotypes[part])
            for at in range(0, len(population), ENCODED_AT_ONCE):
                graphs = Graphs.of(population[at : at + ENCODED_AT_ONCE], features, HASTY.members)
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


def report(threads: int) -> dict[str, str]:
    """The figures that `predictor.py` shows: what was timed, and how long it took."""
    torch.set_num_threads(threads)
    rows = {"threads": str(threads)}
    cells = NASBench201Space()
    spaces = {"NAS-Bench-201": cells, "NASRec-Full": SPACES["nasrec-full"](13, 26)}
    for name, space in spaces.items():
        for stage, (wall, _) in stages(space, 20_000, 3).items():
            rows[f"{name}, {stage}, architectures per second"] = f"{wall:,.0f}"
    for labels in (469, 781):
        known = cells.decode_many(cells.sample(labels, np.random.default_rng(0)))
        target = np.random.default_rng(2).normal(size=labels)
        wall, _ = seconds(lambda: GNNPredictor(cells.kinds).fit(known, target), 1)  # noqa: B023
        rows[f"NAS-Bench-201, fit {labels} labels"] = f"{wall:.1f} s"
    for name, space in spaces.items():
        for kind in (ForestPredictor, BoostingPredictor, MLPPredictor):
            rows[f"{name}, {kind.__name__}, decode+score, architectures per second"] = (
                f"{scored(space, kind(space.kinds), 20_000):,.0f}"
            )
    begin = time.perf_counter()
    space = NASBench101Space()
    genotypes = enumerate_cells()
    enumerated = time.perf_counter()
    predictor = fitted_hastily(space)
    for at in range(0, len(genotypes), DECODED_AT_ONCE):
        predictor.predict(space.decode_many(genotypes[at : at + DECODED_AT_ONCE]))
    rows[f"NAS-Bench-101, {len(genotypes):,} cells enumerated and canonicalised"] = (
        f"{enumerated - begin:.0f} s"
    )
    rows["the same, then ranked by the GNN"] = f"{time.perf_counter() - begin:.0f} s in all"
    return rows


def scored(space: SearchSpace, predictor: Predictor, size: int) -> float:
    """Architectures per second, from genotypes to predictions."""
    known = space.decode_many(space.sample(200, np.random.default_rng(0)))
    predictor.fit(known, np.random.default_rng(2).normal(size=len(known)))
    genotypes = space.sample(size, np.random.default_rng(1))

    def score() -> None:
        for at in range(0, size, DECODED_AT_ONCE):
            predictor.predict(space.decode_many(genotypes[at : at + DECODED_AT_ONCE]))

    return size / seconds(score, 3)[0]


def fitted_hastily(space: SearchSpace) -> GNNPredictor:
    """A predictor with the default network: its speed does not depend on its training."""
    some = space.decode_many(space.sample(64, np.random.default_rng(1)))
    return GNNPredictor(space.kinds, HASTY, unknown="mean").fit(some, np.arange(len(some)))


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
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
