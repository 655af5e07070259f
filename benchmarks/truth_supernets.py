"""How a supernet ranks the truth table: by what it is trained on, how long, and how it is scored.

    python benchmarks/truth_supernets.py frappe-ctr-plus --data-dir ../shared/data --out runs/nets

Trains one supernet per case over the space of the table, scores all its architectures with each
refit of the last layer (and, with ``--tune``, after the whole subnet was trained on), and says
Kendall's tau with their training from scratch, over all and among the better half. ctr-plus has no
choice blocks in this table, so that what a step may train is a random architecture (``whole``: of
the whole space, with choice blocks; ``streams``: without them), or one of the table's own
(``table``: as if it were known who will be asked about). What is finished is kept in ``--out``; the
table is written there as ``supernets.md``.
"""

import argparse
import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from frappe_files import frappe
from numpy.typing import NDArray
from rank_correlation import REFITS
from truth_table import watched

from dagsmith.data import Dataset, TruthTable, prepare_synthetic, truth_table
from dagsmith.data.evaluations import Evaluator
from dagsmith.files import write_text
from dagsmith.predictor.metrics import rank_correlation
from dagsmith.progress import reporter
from dagsmith.space import Architecture, RestrictedSpace
from dagsmith.supernet import (
    Recipe,
    ShortTraining,
    ShortTrainingEvaluator,
    SubnetScoring,
    Supernet,
    SupernetEvaluator,
    SupernetRecipe,
    train_supernet,
)

TRUTH = "valid_logloss"
DRAWN = 4096
"""Random architectures of which ``streams`` trains one a step."""


@dataclass(frozen=True)
class Case:
    """A supernet to be trained.

    Args:
        trains: ``"whole"``, ``"streams"`` or ``"table"``.
        epochs: passes over the training rows.
        batch_size: rows per step.
        normalise: batch-normalise the embeddings.
    """

    trains: str = "streams"
    epochs: int = 15
    batch_size: int = 512
    normalise: bool = False

    def __str__(self) -> str:
        extra = ", embeddings normalised" if self.normalise else ""
        return f"{self.trains}, {self.epochs} epochs, batch {self.batch_size}{extra}"


CASES = (
    Case("whole"),
    Case(),
    Case("table"),
    Case(epochs=5),
    Case(epochs=45),
    Case(batch_size=2048),
    Case(normalise=True),
)


def trained_on(case: Case, truth: TruthTable) -> list[Architecture]:
    """Architectures of which a step trains one; none where it is any of the space."""
    if case.trains == "whole":
        return []
    if case.trains == "table":
        population = truth.table.population
        return [population.architecture(row) for row in range(len(population))]
    narrow = RestrictedSpace(truth.space, {"trunk": False})
    drawn = narrow.decode_many(narrow.sample(DRAWN, np.random.default_rng(1)))
    return [drawn.architecture(row) for row in range(len(drawn))]


def trained(case: Case, truth: TruthTable, dataset: Dataset, out: Path) -> tuple[Supernet, float]:
    """The supernet of a case and the seconds of its training, from a checkpoint if there is one."""
    recipe, given = Recipe(**truth.card["recipe"]), trained_on(case, truth)
    how = SupernetRecipe(
        epochs=case.epochs,
        batch_size=case.batch_size,
        embedding_l2=recipe.embedding_l2,
        precision=recipe.precision,
        mode="given" if given else "single-operator",
    )
    embeddings = replace(recipe, normalise=case.normalise)
    supernet = Supernet.untrained(truth.space, dataset.fields, embeddings)
    bar = reporter()
    bar.begin(str(case))
    named = joblib.hash(json.dumps([str(case), asdict(how)]))[:8]
    training = train_supernet(
        supernet,
        dataset,
        how,
        given=given,
        checkpoint=out / f"{named}.safetensors",
        progress=bar.told,
    )
    bar.end()
    return supernet, training.seconds


def ways(
    truth: TruthTable, dataset: Dataset, supernet: Supernet, tune: Sequence[int]
) -> dict[str, Evaluator]:
    """Evaluators by name: each refit of the last layer, and whole subnets tuned on so many rows."""
    recipe = Recipe(**truth.card["recipe"])
    scoring = SubnetScoring(precision=recipe.precision)
    found: dict[str, Evaluator] = {
        refit: SupernetEvaluator(supernet, dataset, replace(scoring, refit=refit))
        for refit in REFITS
    }
    for rows in tune:
        found[f"tuned on {rows:,} rows"] = ShortTrainingEvaluator(
            dataset, recipe, ShortTraining(rows=rows), supernet=supernet
        )
    return found


def kept(
    case: Case, truth: TruthTable, dataset: Dataset, out: Path, tune: Sequence[int]
) -> list[dict[str, Any]]:
    """What is said of a case by each way, from its file as far as it goes."""
    supernet, seconds = trained(case, truth, dataset, out)
    nets = [truth.table.population.architecture(row) for row in range(len(truth.table))]
    rows = []
    for way, evaluator in ways(truth, dataset, supernet, tune).items():
        file = out / f"{joblib.hash([str(case), dataset.fingerprint, way])[:8]}.json"
        known = json.loads(file.read_text()) if file.exists() else {"logloss": [], "each": []}
        losses, each = known["logloss"], known["each"]
        evaluations = (evaluator.evaluate([net])[0] for net in nets[len(losses) :])
        for found in watched(f"{case}: {way}", evaluations, len(nets) - len(losses)):
            losses.append(found.metrics.get("logloss", math.nan))
            each.append(found.seconds)
            if len(losses) % 20 == 0 or len(losses) == len(nets):
                write_text(file, json.dumps({"logloss": losses, "each": each}))
        rows.append({"refit": way, "logloss": losses, "each": np.mean(each), "seconds": seconds})
    return rows


def line(case: Case, row: dict[str, Any], losses: NDArray[np.float64]) -> str:
    """A row of the table."""
    said = np.array(row["logloss"], float)
    known = ~np.isnan(said)
    taus = []
    for part in (known, known & (losses <= np.median(losses))):
        tau = rank_correlation(said[part], losses[part])
        taus.append(f"{tau.value:.2f} [{tau.low:.2f}, {tau.high:.2f}]")
    cells = [str(case), row["refit"], *taus, f"{row['each']:.1f}", f"{row['seconds']:.0f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    default = os.environ.get("DAGSMITH_DATA", "../shared/data")
    parser.add_argument("table", choices=("frappe-ctr-plus", "synthetic-ctr-plus"))
    parser.add_argument("--data-dir", type=Path, default=Path(default))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cases", type=int, nargs="*", default=list(range(len(CASES))))
    parser.add_argument(
        "--tune", type=int, nargs="*", default=[], help="also train whole subnets on so many rows"
    )
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    truth = truth_table(arguments.table)
    data = truth.card["data"]
    if data["name"] == "frappe":
        dataset = frappe(arguments.data_dir, arguments.out / "data")
    else:
        rows = sum(data["rows"].values())
        dataset = prepare_synthetic(arguments.out / "data", rows=rows, seed=0)
    losses = truth.table.column(TRUTH)
    lines = [
        "| supernet | refit | tau, all | better half | a candidate, s | training, s |",
        "|---|---|---|---|---|---|",
    ]
    for number in arguments.cases:
        case = CASES[number]
        rows = kept(case, truth, dataset, arguments.out, arguments.tune)
        lines += [line(case, row, losses) for row in rows]
        print("\n".join(lines[-len(rows) :]), flush=True)
    write_text(arguments.out / "supernets.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
