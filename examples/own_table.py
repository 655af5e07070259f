"""A table of your own graphs: write it, load it, learn from a part of it, rank the rest.

A line of the file is a graph and what was measured of it; nothing about the graphs is declared
anywhere else. Here they are drawn at random and "measured" by a formula. The guide is
docs/tables.md; run this with ``python examples/own_table.py``.
"""

import json
import os
import tempfile
from pathlib import Path

import numpy as np

from dagsmith.data import load_table
from dagsmith.predictor import GNNPredictor, GNNSettings, TrainingSettings, rank_correlation
from dagsmith.space import Architecture, Edge, Node

SMALL = "DAGSMITH_SMALL" in os.environ
MEASURED, TRAIN = (150, 60) if SMALL else (600, 200)


def drawn(rng: np.random.Generator) -> Architecture:
    """A net of three to six layers; each reads one earlier layer, or adds two of them."""
    nodes, edges = [Node.of("image")], []
    for at in range(1, rng.integers(3, 7) + 1):
        if rng.random() < 0.7:
            nodes.append(Node.of("conv", kernel=int(rng.choice([1, 3, 5]))))
        else:
            nodes.append(Node.of("attention", heads=int(rng.choice([2, 4, 16]))))
        edges += [Edge(int(rng.integers(at)), at), Edge(at - 1, at)]
    return Architecture((*nodes, Node.of("head")), (*edges, Edge(len(nodes) - 1, len(nodes))))


def measured(net: Architecture, rng: np.random.Generator) -> float:
    """What stands for training the net: reach and mixing help, and training has some luck."""
    reach = sum(float(node["kernel"]) for node in net.nodes if node.kind == "conv")
    mixing = sum(float(node["heads"]) ** 0.5 for node in net.nodes if node.kind == "attention")
    return 0.6 + 0.05 * np.log1p(reach + mixing) + 0.005 * len(net.edges) + rng.normal(0, 0.002)


def main() -> None:
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.jsonl"
        with path.open("w") as file:
            for net in [drawn(rng) for _ in range(MEASURED)]:
                line = {"architecture": net.to_dict(), "metrics": {"accuracy": measured(net, rng)}}
                file.write(json.dumps(line) + "\n")
        merged = load_table(path).merge_duplicates()
    print(merged)

    known, rest = merged.table.measured("accuracy").split(train=TRAIN, seed=0)
    quick = GNNSettings(members=2, training=TrainingSettings(epochs=40)) if SMALL else None
    predictor = GNNPredictor(known.kinds, quick).fit(known.population, known.column("accuracy"))
    prediction = predictor.predict(rest.population)

    for row in np.argsort(-prediction.mean)[:3]:
        net = rest.population.architecture(int(row))
        layers = ", ".join(node.kind for node in net.nodes[1:-1])
        print(f"{prediction.mean[row]:.3f} +- {prediction.std[row]:.3f}: {layers}")
    tau = rank_correlation(rest.column("accuracy"), prediction.mean)
    print(
        f"Kendall's tau on the other {len(rest)}: {tau.value:.2f} [{tau.low:.2f}, {tau.high:.2f}]"
    )


if __name__ == "__main__":
    main()
