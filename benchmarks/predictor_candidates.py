"""Candidates of the predictor side by side, on NAS-Bench-201's CIFAR-10 validation accuracy.

    python benchmarks/predictor_candidates.py --data-dir ../shared/data --out runs/candidates

- ``message-passing``: `GNNPredictor` with its defaults;
- ``listwise``: with the listwise loss instead of the pairwise hinge;
- ``deep-sets``: the default without edges: it sees which nodes there are, and nothing else;
- ``boosting``: gradient boosting on graph features (`BoostingPredictor`);
- ``attention``: attention to what a node reads and what reads it (`transformer.py`);
- ``transformer``: attention over the nodes, biased by shortest paths (`transformer.py`);
- ``flow``: information flows through the graph, node after node, and back (`flow.py`);
- ``pretrained``: the default, pre-trained on 1,000 other cells without labels: on the first 8
  principal components of their graph features;
- ``from-nasbench101``: the default, pre-trained on the accuracy of 1,000 cells of NAS-Bench-101,
  another space of the same component kinds.

Kendall's tau over 4,000 cells that were not trained on. Each result is a file in ``--out``, so an
interrupted run goes on.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dense_training import dense_scores
from flow import FlowNetwork
from numpy.typing import NDArray
from torch import nn
from transformer import TransformerNetwork

from dagsmith.data.public_tables import nasbench101, nasbench201
from dagsmith.data.tables import EvaluatedTable
from dagsmith.predictor import BoostingPredictor, GNNPredictor, GNNSettings, TrainingSettings
from dagsmith.predictor.metrics import kendall_tau

RANKED, UNLABELLED, COMPONENTS = 4000, 1000, 8
Scores = NDArray[np.float64]
DENSE: dict[str, Callable[[int, int, int, int, int], nn.Module]] = {
    "attention": partial(TransformerNetwork, neighbours_only=True),
    "transformer": TransformerNetwork,
    "flow": FlowNetwork,
}
"""Networks on padded batches."""


@cache
def tables(data_dir: Path) -> tuple[EvaluatedTable, EvaluatedTable]:
    """NAS-Bench-201 and -101."""
    return nasbench201(data_dir / "nas").measured("cifar10_val_acc"), nasbench101(data_dir / "nas")


def scores(candidate: str, data_dir: Path, labels: int, seed: int) -> tuple[Scores, Scores]:
    """Truth and scores of the cells that are ranked."""
    table, other = tables(data_dir)
    truth = table.column("cifar10_val_acc")
    order = np.random.default_rng(seed).permutation(len(table))
    known, rest = order[:labels], order[labels:]
    unseen, unlabelled = rest[:RANKED], rest[RANKED : RANKED + UNLABELLED]
    cells = table.population
    if candidate in DENSE:
        make = DENSE[candidate]
        return truth[unseen], dense_scores(make, cells[known], truth[known], cells[unseen], seed)
    if candidate == "boosting":
        boosting = BoostingPredictor(table.kinds, seed=seed).fit(cells[known], truth[known])
        return truth[unseen], boosting.predict(cells[unseen]).mean
    if candidate == "deep-sets":
        cells = replace(cells, edges=np.zeros_like(cells.edges))
    settings = GNNSettings()
    if candidate == "listwise":
        settings = GNNSettings(training=TrainingSettings(order="listwise", ranking=1.0))
    predictor = GNNPredictor(table.kinds, settings, seed=seed, unknown="mean")
    if candidate == "pretrained":
        predictor.pretrain(cells[unlabelled], components=COMPONENTS)
    if candidate == "from-nasbench101":
        rows = np.random.default_rng(seed).permutation(len(other))[:UNLABELLED]
        accuracy = {"accuracy": other.column("val_acc_108")[rows]}
        predictor.pretrain(other.population[rows], accuracy)
    predictor.fit(cells[known], truth[known])
    return truth[unseen], predictor.predict(cells[unseen]).mean


CANDIDATES = (
    *("message-passing", "listwise", "deep-sets", "boosting"),
    *(*DENSE, "pretrained", "from-nasbench101"),
)


def measured(file: Path, work: Callable[[], tuple[Scores, Scores]]) -> dict[str, Any]:
    """The result of a file, computed if it is not there."""
    if not file.exists():
        begun = time.process_time()
        tau = kendall_tau(*work())
        record = {"tau": tau, "processor_seconds": time.process_time() - begun}
        temporary = file.with_suffix(".tmp")
        temporary.write_text(json.dumps(record) + "\n")
        temporary.replace(file)
        print(f"{file.stem}: {tau:.3f}, {record['processor_seconds']:.0f} s", flush=True)
    return dict(json.loads(file.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data-dir", type=Path, default=os.environ.get("DAGSMITH_DATA", "../shared/data")
    )
    parser.add_argument("--out", type=Path, default=Path("runs/candidates"))
    parser.add_argument("--candidates", nargs="+", choices=CANDIDATES, default=CANDIDATES)
    parser.add_argument("--labels", type=int, nargs="+", default=[78, 469])
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data_dir = Path(arguments.data_dir).resolve()
    arguments.out.mkdir(parents=True, exist_ok=True)
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for labels in arguments.labels:
        for seed in range(arguments.seeds):
            for name in arguments.candidates:
                file = arguments.out / f"{name}-{labels}-{seed}.json"
                record = measured(file, lambda: scores(name, data_dir, labels, seed))  # noqa: B023
                found.setdefault((name, labels), []).append(record)
    print("| candidate | " + " | ".join(f"{n} labels, tau (s)" for n in arguments.labels) + " |")
    print("|---" * (1 + len(arguments.labels)) + "|")
    for name in arguments.candidates:
        cells = []
        for labels in arguments.labels:
            records = found[name, labels]
            tau, spent = (
                float(np.mean([record[key] for record in records]))
                for key in ("tau", "processor_seconds")
            )
            cells.append(f"{tau:.3f} ({spent:.0f})")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
