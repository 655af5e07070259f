"""What it is worth to a search that its predictor starts from a champion of another task.

On NAS-Bench-201: champions learn 200 random cells with their CIFAR-10 accuracy, and are promoted
in a store; MH-ES searches CIFAR-100 with a predictor that begins at random, and with one of
`ChampionStart`. Told are the evaluations until the best found is within 0.1 points of the optimum
(a search that does not get there counts as one more than its budget), the regret at the end, and
Kendall's tau of the forecasts that the search made, over all of its forecasts. ``--ranking`` asks
for less: tau over 1,000 random cells, of predictors fitted to 10 and 30 CIFAR-100 labels.

    python benchmarks/champion_start.py --data-dir ../shared/data --seeds 20 --out runs/champion
    python benchmarks/champion_start.py --data-dir ../shared/data --seeds 4 --ranking
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from sampler_truths import Truth, load_truth
from scipy.stats import kendalltau, wilcoxon

from dagsmith.champion_start import ChampionStart
from dagsmith.data.evaluations import Evaluation
from dagsmith.data.public_tables import nasbench201
from dagsmith.predictor import GNNPredictor
from dagsmith.predictor_store import PredictorStore
from dagsmith.search import MetropolisHastingsSampler, Objective, open_study, run_search
from dagsmith.search.record import PREDICTED
from dagsmith.search.surrogate import PredictorFactory
from dagsmith.space import NASBench201Space

LABELS = 200
NEAR = 0.1
CHAMPIONS = 4
"""Different ones, so that none is lucky for all."""


class TruthEvaluator:
    """The accuracy of a cell as the table has it."""

    fidelity = "table"

    def __init__(self, truth: Truth) -> None:
        self._truth = truth

    def evaluate(self, architectures: Any) -> list[Evaluation]:
        """Look each one up."""
        return [
            Evaluation(each, {"accuracy": self._truth.value(each)}, fidelity="table")
            for each in architectures
        ]


def champion(folder: Path, store: Path, seed: int) -> PredictorStore:
    """A store whose champion has learned CIFAR-10."""
    opened = PredictorStore(store)
    if opened.champion() is None:
        table = nasbench201(folder)
        rows = np.random.default_rng(seed).choice(len(table), LABELS, replace=False)
        predictor = GNNPredictor(NASBench201Space().kinds, seed=seed, unknown="mean")
        predictor.fit(table.population[rows], table.column("cifar10_test_acc_200")[rows])
        with opened.lock():
            opened.dedicate({"objective": "accuracy", "direction": "maximize"})
            opened.promote(opened.add(predictor, {"labels": LABELS}))
    return opened


def search(
    truth: Truth, factory: PredictorFactory | None, seed: int, trials: int
) -> dict[str, Any]:
    """One search: regret after each evaluation, and tau of its forecasts."""
    with tempfile.TemporaryDirectory() as folder:
        objectives = (Objective("accuracy", "maximize"),)
        study = open_study(Path(folder) / "study.db", "a", truth.space, objectives)
        run_search(
            study,
            truth.space,
            TruthEvaluator(truth),
            sampler=lambda seed: MetropolisHastingsSampler(
                truth.space, predictor=factory, seed=seed
            ),
            trials=trials,
            initial=10,
            batch=5,
            seed=seed,
        )
        values = np.array([trial.value for trial in study.trials])
        forecasts = [
            (t.user_attrs[PREDICTED + "accuracy"], t.value)
            for t in study.trials
            if PREDICTED + "accuracy" in t.user_attrs
        ]
    regrets = truth.optimum - np.maximum.accumulate(values)
    near = np.flatnonzero(regrets <= NEAR)
    tau = float(kendalltau(*zip(*forecasts, strict=True)).statistic)
    return {
        "evaluations": int(near[0]) + 1 if len(near) else trials + 1,
        "regret": float(regrets[-1]),
        "tau": tau,
    }


def ranking(folder: Path, seed: int) -> None:
    """Print what the champion, a fresh predictor and one that starts from it rank."""
    table, rng = nasbench201(folder), np.random.default_rng(seed)
    cells, kinds = table.population, NASBench201Space().kinds
    taught, wanted = (table.column(f"cifar{n}_test_acc_200") for n in (10, 100))
    rows = rng.choice(len(cells), LABELS, replace=False)
    best = GNNPredictor(kinds, seed=seed + 50, unknown="mean").fit(cells[rows], taught[rows])
    test = rng.choice(len(cells), 1000, replace=False)

    def tau(predictor: GNNPredictor) -> float:
        mean = predictor.predict(cells[test]).mean
        return round(float(kendalltau(mean, wanted[test]).statistic), 3)

    print(seed, "champion alone", tau(best), flush=True)
    with tempfile.TemporaryDirectory() as place:
        store = PredictorStore(Path(place) / "store")
        with store.lock():
            store.dedicate({"objective": "accuracy", "direction": "maximize"})
            store.promote(store.add(best, {"labels": LABELS}))
        for labels in (10, 30):
            known = rng.choice(len(cells), labels, replace=False)
            fresh = GNNPredictor(kinds, seed=seed, unknown="mean")
            for name, predictor in (
                ("fresh", fresh),
                ("champion", ChampionStart(store)(kinds, seed)),
            ):
                print(
                    seed, labels, name, tau(predictor.fit(cells[known], wanted[known])), flush=True
                )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data-dir", type=Path, default=os.environ.get("DAGSMITH_DATA", "../shared/data")
    )
    parser.add_argument("--out", type=Path, default=Path("runs/champion"))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--ranking", action="store_true", help="measure rankings, not searches")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = Path(options.data_dir) / "nas"
    if options.ranking:
        for seed in range(1, options.seeds + 1):
            ranking(folder, seed)
        return
    truth = load_truth("nasbench201-cifar100", folder)
    options.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[dict[str, Any]]] = {"fresh": [], "champion": []}
    for seed in range(options.seeds):
        number = seed % CHAMPIONS
        store = champion(folder, options.out / f"store-{number}", 1000 + number)
        for name, factory in (("fresh", None), ("champion", ChampionStart(store))):
            file = options.out / f"{name}-{seed}-{options.trials}.json"
            if not file.exists():
                file.write_text(json.dumps(search(truth, factory, seed, options.trials)))
            found[name].append(json.loads(file.read_text()))
            print(seed, name, file.read_text(), flush=True)
    for name, rows in found.items():
        middle = {key: round(median(row[key] for row in rows), 3) for key in rows[0]}
        print(name, "medians of", len(rows), middle)
    for key in ("evaluations", "tau"):
        difference = [
            b[key] - a[key] for a, b in zip(found["fresh"], found["champion"], strict=True)
        ]
        print(key, "paired difference", np.median(difference), "p", wilcoxon(difference).pvalue)


if __name__ == "__main__":
    main()
