"""What `samplers.py` searches: spaces of which the best architecture is known.

Tables with every architecture of their space (NAS-Bench-201, NAS-Bench-Macro), a sample of
NAS-Bench-101 in which every genotype means the nearest cell, the truth tables of recommender
architectures that come with dagsmith, and a synthetic truth over NASRec-Small.
"""

import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dagsmith.data.public_tables import nasbench101, nasbench201, nasbench_macro
from dagsmith.data.tables import EvaluatedTable
from dagsmith.data.truth import shipped_truth_tables, truth_table
from dagsmith.space import (
    Architecture,
    NASBench101Space,
    NASBench201Space,
    NASBenchMacroSpace,
    Population,
    SampledSpace,
    SearchSpace,
    isomorphism_fingerprint,
    nasrec_small,
)

HIDDEN = 8
COLUMN = "valid_logloss"


class Truth(Protocol):
    """A space, and the value of everything in it; larger is better."""

    space: SearchSpace
    optimum: float
    """The best value there is."""
    units: str
    """What a regret is measured in."""

    def value(self, architecture: Architecture) -> float:
        """The true value of an architecture."""
        ...


class TableTruth:
    """A table that has every architecture of its space; equal ones are worth their mean."""

    def __init__(
        self, space: SearchSpace, table: EvaluatedTable, column: str, scale: float = 1.0
    ) -> None:
        self.space, self.units = space, "percent of accuracy"
        marks, place = np.unique(isomorphism_fingerprint(table.population), return_inverse=True)
        values = table.column(column) * scale
        means = np.bincount(place, values) / np.bincount(place)
        self._values: Mapping[int, float] = dict(zip(marks.tolist(), means.tolist(), strict=True))
        self.optimum = float(means.max())

    def value(self, architecture: Architecture) -> float:
        """The mean of the rows that are isomorphic to the architecture."""
        one = Population.from_architectures([architecture], self.space.kinds)
        return self._values[int(isomorphism_fingerprint(one)[0])]


class ScratchTruth:
    """A truth table of recommender architectures: minus the validation log loss, in thousandths."""

    def __init__(self, name: str) -> None:
        truth = truth_table(name)
        known = ~np.isnan(truth.table.column(COLUMN))
        self.space: SearchSpace = SampledSpace(truth.space, truth.genotypes[known])
        self.units = "1e-3 of log loss"
        self._evaluator = truth.evaluator
        self.optimum = float(-1000 * np.nanmin(truth.table.column(COLUMN)))

    def value(self, architecture: Architecture) -> float:
        """The mean of the architecture's trainings."""
        return -1000 * self._evaluator.evaluate([architecture])[0].metrics[COLUMN]


class SyntheticTruth:
    """A smooth function of what an architecture is made of, on the scale of log loss.

    Operators, widths on a log scale and typed edges are summed as random vectors and passed through
    a few saturating hidden units. The optimum is what a long parallel local search finds.
    """

    def __init__(self, seed: int = 0) -> None:
        self.space: SearchSpace = nasrec_small(13, 26)
        self.units = "1e-3 of log loss"
        self._seed = seed
        self._vectors: dict[tuple[object, ...], NDArray[np.float64]] = {}
        self.optimum = self._search()

    def value(self, architecture: Architecture) -> float:
        """Minus the log loss, in thousandths."""
        labels = [(node.kind, node.values.get("operator")) for node in architecture.nodes]
        hidden = np.zeros(HIDDEN)
        for node, label in zip(architecture.nodes, labels, strict=True):
            width = float(node.values.get("width") or node.values.get("rows") or 1.0)
            hidden += self._vector("node", *label)
            hidden += 0.3 * (np.log2(width) - 6.0) * self._vector("width", *label)
        for edge in architecture.edges:
            hidden += self._vector(labels[edge.source], labels[edge.target], edge.port)
        return float(5.0 * (self._vector("out") @ np.tanh(hidden / 10.0)) - 450.0)

    def _vector(self, *label: object) -> NDArray[np.float64]:
        if label not in self._vectors:
            seed = [self._seed, zlib.crc32(repr(label).encode())]
            self._vectors[label] = np.random.default_rng(seed).normal(size=HIDDEN)
        return self._vectors[label]

    def _search(self, steps: int = 150) -> float:
        rng = np.random.default_rng(self._seed)
        current = self.space.sample(48, rng)
        best = np.array([self.value(self.space.decode(row)) for row in current])
        for _ in range(steps):
            mutants = self.space.mutate(current, rng)
            values = np.array([self.value(self.space.decode(row)) for row in mutants])
            better = values > best
            current[better], best[better] = mutants[better], values[better]
        return float(best.max())


TRUTHS = (
    *("nasbench201-cifar10", "nasbench201-cifar100", "nasbench201-imagenet16"),
    *("nasbench101", "nasbench-macro", "nasrec-synthetic"),
    *shipped_truth_tables(),
)
_COLUMNS = {
    "nasbench201-cifar10": "cifar10_test_acc_200",
    "nasbench201-cifar100": "cifar100_test_acc_200",
    "nasbench201-imagenet16": "imagenet16_test_acc_200",
}


@cache
def load_truth(name: str, folder: Path) -> Truth:
    """The truth called `name`; tables are read from `folder`."""
    if name == "nasbench101":
        whole = nasbench101(folder)
        return TableTruth(sampled_cells(folder), whole, "val_acc_108", 100.0)
    if name == "nasbench-macro":
        return TableTruth(NASBenchMacroSpace(), nasbench_macro(folder), "mean_acc")
    if name in shipped_truth_tables():
        return ScratchTruth(name)
    if name == "nasrec-synthetic":
        return SyntheticTruth()
    return TableTruth(NASBench201Space(), nasbench201(folder), _COLUMNS[name])


def sampled_cells(folder: Path) -> SampledSpace:
    """The space of the cells in ``nasbench101_30k.parquet``."""
    import polars as pl

    columns = ("adj_upper21", *(f"op{vertex}" for vertex in range(1, 6)))
    frame = pl.read_parquet(folder / "nasbench101_30k.parquet", columns=list(columns))
    bits, operations = frame[columns[0]].to_numpy(), frame.select(columns[1:]).to_numpy()
    whole = NASBench101Space()
    return SampledSpace(whole, whole.genotypes_from(bits, operations))
