"""Best found against evaluations: samplers compared on a cheap synthetic truth over NASRec-Small.

    python benchmarks/samplers.py --samplers random,evolution,tpe,mh --seeds 5 --trials 150

The truth is a smooth function of what an architecture is made of (operators, widths on a log scale,
typed edges), passed through a few saturating hidden units, plus evaluation noise; its scale is that
of log loss on a click log. Regret is measured without the noise, against the best architecture that
a long local search finds. ``mh`` uses the linear predictor, or with ``--gnn`` the default one.
"""

import argparse
import json
import time
import zlib
from collections.abc import Sequence

import numpy as np
import optuna
from numpy.typing import NDArray

from dagsmith.data.evaluations import Evaluation
from dagsmith.predictor import LinearPredictor
from dagsmith.search import (
    PredictorFactory,
    RankTracker,
    make_sampler,
    open_study,
    parse_objectives,
    run_search,
)
from dagsmith.space import Architecture, SearchSpace, nasrec_small

HIDDEN = 8
NOISE = 1e-3


class SyntheticTruth:
    """An evaluator whose noise-free answer is known."""

    fidelity = "synthetic"

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._vectors: dict[tuple[object, ...], NDArray[np.float64]] = {}

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """Evaluate with noise that is fixed per architecture."""
        found = []
        for architecture in architectures:
            rng = np.random.default_rng([self._seed, int(architecture.key[:12], 16)])
            value = self.logloss(architecture) + NOISE * rng.normal()
            found.append(Evaluation(architecture, {"logloss": value}, fidelity=self.fidelity))
        return found

    def logloss(self, architecture: Architecture) -> float:
        """The noise-free value."""
        labels = [(node.kind, node.values.get("operator")) for node in architecture.nodes]
        hidden = np.zeros(HIDDEN)
        for node, label in zip(architecture.nodes, labels, strict=True):
            width = float(node.values.get("width") or node.values.get("rows") or 1.0)
            hidden += self._vector("node", *label)
            hidden += 0.3 * (np.log2(width) - 6.0) * self._vector("width", *label)
        for edge in architecture.edges:
            hidden += self._vector(labels[edge.source], labels[edge.target], edge.port)
        return float(0.45 - 0.005 * (self._vector("out") @ np.tanh(hidden / 10.0)))

    def _vector(self, *label: object) -> NDArray[np.float64]:
        if label not in self._vectors:
            seed = [self._seed, zlib.crc32(repr(label).encode())]
            self._vectors[label] = np.random.default_rng(seed).normal(size=HIDDEN)
        return self._vectors[label]

    def optimum(self, space: SearchSpace, steps: int = 150) -> float:
        """The best value that parallel local search finds."""
        rng = np.random.default_rng(self._seed)
        current = space.sample(48, rng)
        best = np.array([self.logloss(space.decode(row)) for row in current])
        for _ in range(steps):
            mutants = space.mutate(current, rng)
            values = np.array([self.logloss(space.decode(row)) for row in mutants])
            better = values < best
            current[better], best[better] = mutants[better], values[better]
        return float(best.min())


def regret_curve(
    name: str,
    space: SearchSpace,
    truth: SyntheticTruth,
    optimum: float,
    arguments: argparse.Namespace,
    seed: int,
) -> tuple[NDArray[np.float64], float, float | None]:
    """Regret of the incumbent after each evaluation, seconds, and prequential Kendall's tau."""
    predictor: PredictorFactory | None = (
        None if arguments.gnn else lambda kinds, seed: LinearPredictor(kinds, seed=seed)
    )
    study = open_study(optuna.storages.InMemoryStorage(), name, space, parse_objectives("logloss"))
    began = time.perf_counter()
    run_search(
        study,
        space,
        truth,
        sampler=lambda seed: make_sampler(
            name, space, seed, initial=arguments.initial, predictor=predictor
        ),
        trials=arguments.trials,
        initial=arguments.initial,
        batch=arguments.batch,
        seed=seed,
    )
    seconds = time.perf_counter() - began
    measured = np.array([trial.value for trial in study.trials])
    true = [truth.logloss(space.decode(space.from_params(t.params))) for t in study.trials]
    # The incumbent is chosen by what was measured, and judged by what is true.
    incumbent = [int(measured[: i + 1].argmin()) for i in range(len(measured))]
    regret = np.array(true)[incumbent] - optimum
    return regret, seconds, RankTracker.from_study(study).overall(resamples=0).value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samplers", default="random,evolution,tpe,mh")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=150)
    parser.add_argument("--initial", type=int, default=32)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--gnn", action="store_true", help="mh with the default predictor")
    arguments = parser.parse_args()
    space = nasrec_small(13, 26)
    curves: dict[str, list[NDArray[np.float64]]] = {}
    spent: dict[str, list[float]] = {}
    taus: dict[str, list[float]] = {}
    for seed in range(arguments.seeds):
        truth = SyntheticTruth(seed)
        optimum = truth.optimum(space)
        for name in arguments.samplers.split(","):
            curve, seconds, tau = regret_curve(name, space, truth, optimum, arguments, seed)
            curves.setdefault(name, []).append(curve)
            spent.setdefault(name, []).append(seconds)
            taus.setdefault(name, []).extend([tau] if tau is not None else [])
    for name, rows in curves.items():
        table = np.stack(rows) * 1e3
        at = [n for n in (arguments.initial, 50, 75, 100, 150, 200) if n <= arguments.trials]
        print(
            json.dumps(
                {
                    "sampler": name,
                    "seeds": arguments.seeds,
                    "regret_e-3": {
                        n: [round(float(q), 2) for q in np.quantile(table[:, n - 1], (0.5, 0, 1))]
                        for n in at
                    },
                    "kendall_tau": round(float(np.median(taus[name])), 3) if taus[name] else None,
                    "seconds_per_search": round(float(np.median(spent[name])), 1),
                }
            )
        )


if __name__ == "__main__":
    main()
