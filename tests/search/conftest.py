"""A small space, a table that knows the truth about it, and a predictor that fits at once."""

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import optuna
import pytest

from dagsmith.data.evaluations import Evaluation
from dagsmith.predictor import LinearPredictor
from dagsmith.search import Objective
from dagsmith.space import Architecture, Population, SearchSpace, Vocabulary, nasrec_small

WIDTHS = (16, 32, 64, 128)
HIDDEN = 4


class TableEvaluator:
    """Knows the quality of every architecture: a smooth function of what it is made of.

    ``logloss = 0.45 - 0.01 c . tanh(h / 6)``, where h sums a random vector for every operator, its
    width and every typed edge; equal for isomorphic architectures.
    """

    fidelity = "table"

    def __init__(self, *, fail: Iterable[int] = (), after: Callable[[int], None] | None = None):
        self.calls: list[str] = []
        self._fail, self._after = set(fail), after
        self._vectors: dict[tuple[object, ...], np.ndarray] = {}

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        return [self._one(architecture) for architecture in architectures]

    def logloss(self, architecture: Architecture) -> float:
        labels = [(node.kind, node.values.get("operator")) for node in architecture.nodes]
        hidden = np.zeros(HIDDEN)
        for node, label in zip(architecture.nodes, labels, strict=True):
            width = node.values.get("width") or node.values.get("rows") or 1
            hidden += self._vector("node", *label)
            hidden += 0.3 * np.log2(float(width)) * self._vector("width", *label)
        for edge in architecture.edges:
            hidden += self._vector(labels[edge.source], labels[edge.target], edge.port)
        return float(0.45 - 0.01 * (self._vector("out") @ np.tanh(hidden / 6)))

    def _vector(self, *label: object) -> np.ndarray:
        if label not in self._vectors:
            seed = zlib.crc32(repr(label).encode())
            self._vectors[label] = np.random.default_rng(seed).normal(size=HIDDEN)
        return self._vectors[label]

    def _one(self, architecture: Architecture) -> Evaluation:
        self.calls.append(architecture.key)
        if self._after:
            self._after(len(self.calls))
        # Whether an architecture fails is a property of it, not of when it is asked.
        if any(architecture.key.startswith(f"{digit:x}") for digit in self._fail):
            return Evaluation(architecture, {}, failure="loss became NaN", fidelity="table")
        logloss = self.logloss(architecture)
        return Evaluation(
            architecture, {"logloss": logloss, "auc": 1.2 - logloss}, fidelity="table"
        )


def small_space() -> SearchSpace:
    """Three blocks of NASRec: about 10^9 genotypes, many of them with dead genes."""
    return nasrec_small(4, 5, blocks=3, widths=WIDTHS, rows=(16, 32))


def tiny_space() -> SearchSpace:
    """One block: a few dozen architectures, so that it can be exhausted."""
    return nasrec_small(4, 5, blocks=1, widths=(16, 32), rows=(16,))


def widths_sum(population: Population) -> Mapping[str, np.ndarray]:
    """A cost that follows from the architecture: the sum of its widths and rows."""
    numbers = np.where(np.isnan(population.attributes), 0.0, population.attributes)
    return {"flops": numbers[..., 1].sum(axis=1) + 1.0}


def linear(kinds: Vocabulary, seed: int) -> LinearPredictor:
    return LinearPredictor(kinds, members=4, seed=seed)


@pytest.fixture
def space() -> SearchSpace:
    return small_space()


@pytest.fixture
def exhaustible() -> SearchSpace:
    return tiny_space()


@pytest.fixture
def evaluator() -> type[TableEvaluator]:
    return TableEvaluator


@pytest.fixture
def predictor() -> Callable[[Vocabulary, int], LinearPredictor]:
    return linear


@pytest.fixture
def costs() -> Callable[[Population], Mapping[str, np.ndarray]]:
    return widths_sum


@pytest.fixture
def logloss() -> tuple[Objective, ...]:
    return (Objective("logloss", "minimize"),)


@pytest.fixture
def logloss_flops() -> tuple[Objective, ...]:
    return (Objective("logloss", "minimize"), Objective("flops", "minimize", cost=True))


@pytest.fixture(autouse=True)
def _quiet_optuna() -> Iterable[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)
