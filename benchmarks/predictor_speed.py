"""How fast a fitted predictor scores genotypes, stage by stage.

python benchmarks/predictor_speed.py [--space nasrec-full] [--sizes 1000 10000 100000]
"""

import argparse
import time

import numpy as np
import torch

from dagsmith.predictor import GNNPredictor, GNNSettings, TrainingSettings
from dagsmith.predictor.graphs import Graphs
from dagsmith.space import SPACES, NASRecSpace

CHUNK = 8192
"""Genotypes decoded at once; decoded graphs take about 3 kB each."""


def stages(
    space: NASRecSpace, predictor: GNNPredictor, count: int, repeats: int
) -> dict[str, float]:
    """Seconds of each stage for `count` genotypes; the best of `repeats`."""
    genotypes = space.sample(count, np.random.default_rng(1))
    chunks = [genotypes[start : start + CHUNK] for start in range(0, count, CHUNK)]
    best = dict.fromkeys(("decode", "encode", "total"), np.inf)
    for _ in range(repeats):
        spent = dict.fromkeys(best, 0.0)
        for chunk in chunks:
            begin = time.perf_counter()
            population = space.decode_many(chunk)
            decoded = time.perf_counter()
            predictor.predict(population)
            spent["decode"] += decoded - begin
            spent["total"] += time.perf_counter() - begin
            # Encoding happens inside `predict`; once more by itself, outside the total.
            begin = time.perf_counter()
            for start in range(0, len(population), 256):
                Graphs.of(population[start : start + 256], predictor._fitted.features, 5)
            spent["encode"] += time.perf_counter() - begin
        best = {stage: min(best[stage], spent[stage]) for stage in best}
    best["forward"] = best["total"] - best["decode"] - best["encode"]
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", choices=[*SPACES, "all"], default="all")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--labels", type=int, nargs="+", default=[200, 469])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"threads {arguments.threads}, {GNNSettings()}")
    names = list(SPACES) if arguments.space == "all" else [arguments.space]
    for name in names:
        space = SPACES[name](dense_features=13, sparse_fields=26)
        known = space.decode_many(space.sample(max(arguments.labels), np.random.default_rng(0)))
        target = np.random.default_rng(2).normal(size=len(known))
        for labels in arguments.labels:
            begin = time.perf_counter()
            GNNPredictor(space.kinds).fit(known[:labels], target[:labels])
            print(f"{name}: fit {labels} labels {time.perf_counter() - begin:.1f} s")
        quick = GNNSettings(training=TrainingSettings(epochs=1))
        predictor = GNNPredictor(space.kinds, quick).fit(known, target)
        print(f"{name}: architectures per second")
        print(f"{'size':>9} {'decode':>9} {'encode':>9} {'forward':>9} {'total':>9}")
        for size in arguments.sizes:
            seconds = stages(space, predictor, size, arguments.repeats)
            rates = (size / seconds[stage] for stage in ("decode", "encode", "forward", "total"))
            print(f"{size:>9,} " + " ".join(f"{rate:>9,.0f}" for rate in rates))


if __name__ == "__main__":
    main()
