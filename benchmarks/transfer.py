"""What truth tables teach about other logs: rankings of a search's candidates after few labels.

    python benchmarks/transfer.py runs/movielens runs/adult --labels 10 20

Takes the candidates that finished searches in ctr-plus have evaluated. So many of them, drawn at
random, are learned and the others are ranked: by a GNN from random weights, and by ones that have
learned a truth table before, or two, one after the other. Kendall's tau, mean over the seeds and
half the 95 % interval of that mean; with 0 labels it is what the tables alone say.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import torch
from numpy.typing import NDArray
from predictor_report import half_interval

from dagsmith.data import shipped_truth_tables
from dagsmith.predictor import GNNPredictor
from dagsmith.predictor.metrics import rank_correlation
from dagsmith.search.labels import Labels, read_labels
from dagsmith.space import Vocabulary
from dagsmith.truth_start import TruthStart

Start = Callable[[Vocabulary, int], GNNPredictor]


def nothing(kinds: Vocabulary, seed: int) -> GNNPredictor:
    """The GNN from random weights."""
    return GNNPredictor(kinds, seed=seed, unknown="mean")


def starts() -> dict[str, Start]:
    """By what was learned before: nothing, each table of ctr-plus, or both in both orders."""
    names = shipped_truth_tables("ctr-plus")
    orders = [(name,) for name in names] + [names, names[::-1]]
    ways: dict[str, Start] = {"nothing": nothing}
    for order in orders:
        ways[" then ".join(order)] = TruthStart(order)
    return ways


def taus(start: Start, known: Labels, labels: int, seeds: int) -> list[float]:
    """Kendall's tau over the candidates that were not learned, one for each seed."""
    nets = [row.architecture for row in known.rows]
    values: NDArray[np.float64] = np.array([row.value for row in known.rows])
    found = []
    for seed in range(seeds if labels else 1):
        order = np.random.default_rng(seed).permutation(len(nets))
        learned, others = order[:labels], order[labels:]
        if labels:
            predictor = start(known.kinds, seed)
            predictor.fit([nets[row] for row in learned], values[learned])
        elif isinstance(start, TruthStart):
            predictor = start.learned
        else:
            return []
        mean = predictor.predict([nets[row] for row in others]).mean
        found.append(rank_correlation(mean, values[others]).value or 0.0)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("runs", nargs="+", type=Path, help="directories of searches in ctr-plus")
    parser.add_argument("--labels", type=int, nargs="+", default=[0, 10, 20, 40])
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print("| search | learned before | labels | tau | candidates |\n|---|---|---|---|---|")
    ways = starts()
    for run in arguments.runs:
        storage = f"sqlite:///{run / 'study.db'}"
        known = read_labels([optuna.load_study(study_name="dagsmith", storage=storage)])
        for labels in arguments.labels:
            for name, start in ways.items():
                found = taus(start, known, labels, arguments.seeds)
                if found:
                    spread = f" ± {half_interval(found):.2f}" if len(found) > 1 else ""
                    tau = f"{np.mean(found):.2f}{spread}"
                    cells = (run.name, name, str(labels), tau, str(len(known.rows)))
                    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
