"""Rankings on the truth table: of every cheap score, and of predictors by what they learn from.

    python benchmarks/truth_ranking.py frappe-ctr-plus --out runs/ranking

Of all architectures that were trained from scratch: Kendall's tau of each fidelity (supernet, short
training, zero-cost scores, costs), beside that of two seeds, the ceiling. Then predictors that
learn so many labels, drawn at random, of one score (a short training's, say), and rank all others:
tau against that score, which is what a search sees, and against the truth, which is what it is for.
To learn from one seed and be judged by the other: ``--targets valid_logloss_0 --truth
valid_logloss_1``. ``gnn-transfer`` is the GNN that has learned the other table first.
Finished fits are kept in ``--out``; the tables are written there as ``ranking.md``, and
``ranking.html`` shows them: predictors by their labels of the first of ``--targets``.
"""

import argparse
import inspect
import itertools
import json
import operator
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray
from predictor_report import half_interval
from truth_figures import figure
from truth_table import watched

from dagsmith.data import EvaluatedTable, truth_table
from dagsmith.files import write_text
from dagsmith.predictor import (
    BoostingPredictor,
    ForestPredictor,
    GNNPredictor,
    LinearPredictor,
)
from dagsmith.predictor.metrics import RankCorrelation, rank_correlation
from dagsmith.supernet import PROXIES
from dagsmith.truth_start import TruthStart

PREDICTORS: Mapping[str, Any] = {
    "gnn": GNNPredictor,
    "boosting": BoostingPredictor,
    "forest": ForestPredictor,
    "linear": LinearPredictor,
}
"""Classes by name, each with its defaults but for `OPTIONS`."""
OPTIONS: Mapping[str, Mapping[str, Any]] = {"gnn": {"unknown": "mean"}}
"""Few labels lack some kinds: what is unknown is predicted as the mean, not refused."""
TRANSFER = "gnn-transfer"
"""Not among `PREDICTORS`: it takes no extras, and needs the table of another log."""
OTHER = {"frappe-ctr-plus": "synthetic-ctr-plus", "synthetic-ctr-plus": "frappe-ctr-plus"}
"""What is learned before a table: the one of the other log."""


def fidelities(
    table: EvaluatedTable, by: str
) -> list[tuple[str, RankCorrelation, RankCorrelation]]:
    """Tau of each score with the truth `by` name, over all and among the better half."""
    truth = table.column(by)
    rows = []
    for name in (*table.fidelities, *table.costs):
        # Log loss is better the smaller it is, everything else the larger.
        sign = 1.0 if name.endswith("_logloss") else -1.0
        rows.append((name, *both_taus(sign * table.column(name), truth)))
    return sorted(rows, key=lambda row: row[1].value or 0.0, reverse=True)


def both_taus(
    values: NDArray[np.float64], truth: NDArray[np.float64]
) -> tuple[RankCorrelation, RankCorrelation]:
    """Tau over all that are known, and among the half that is better in truth."""
    known = ~np.isnan(values) & ~np.isnan(truth)
    half = known & (truth <= np.median(truth[known]))
    whole, better = (rank_correlation(values[rows], truth[rows]) for rows in (known, half))
    return whole, better


def _shown(tau: RankCorrelation) -> str:
    if tau.value is None:
        return "-"
    ends = "" if tau.low is None else f" [{tau.low:.2f}, {tau.high:.2f}]"
    return f"{tau.value:.2f}{ends}"


def made(predictor: str, table: EvaluatedTable, before: Path, seed: int) -> Any:
    """A predictor that is not fitted yet; `before` is the file of what another table taught."""
    if predictor == TRANSFER:
        return TruthStart([before.stem], before)(table.kinds, seed)
    return PREDICTORS[predictor](table.kinds, seed=seed, **OPTIONS.get(predictor, {}))


def fitted(
    table: EvaluatedTable,
    before: Path,
    truth: str,
    predictor: str,
    target: str,
    labels: int,
    extras: bool,
    seed: int,
) -> dict[str, float]:
    """Fit to `labels` random rows of one column, and rank the others."""
    torch.set_num_threads(1)
    values, true = table.column(target), table.column(truth)
    columns: Mapping[str, NDArray[np.float64]] = {name: table.column(name) for name in PROXIES}
    needed = [values, true, *(columns.values() if extras else ())]
    order = np.random.default_rng(seed).permutation(np.flatnonzero(~np.isnan(needed).any(axis=0)))
    known, unseen = order[:labels], order[labels:]
    model = made(predictor, table, before, seed)

    def hints(rows: NDArray[np.intp]) -> dict[str, Any]:
        if not extras:
            return {}
        return {"extras": {name: column[rows] for name, column in columns.items()}}

    model.fit(table.population[known], values[known], **hints(known))
    mean = model.predict(table.population[unseen], **hints(unseen)).mean
    return {
        "score": rank_correlation(mean, values[unseen]).value or 0.0,
        "truth": rank_correlation(mean, true[unseen]).value or 0.0,
    }


def kept(file: Path, table: EvaluatedTable, before: Path, truth: str, **job: Any) -> dict[str, Any]:
    """A fit's result, from its file if it is there."""
    if not file.exists():
        write_text(file, json.dumps(job | fitted(table, before, truth, **job)))
    return dict(json.loads(file.read_text()))


def learned(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows of a table: mean tau over the seeds, with its 95 % interval where there are several."""
    case_of = operator.itemgetter("target", "predictor", "extras", "labels")
    rows = []
    for case, group in itertools.groupby(sorted(records, key=case_of), key=case_of):
        found = list(group)
        cells = [
            _interval([float(record[name]) for record in found]) for name in ("score", "truth")
        ]
        target, predictor, extras, labels = case
        name = f"{predictor} with zero-cost scores" if extras else predictor
        rows.append(f"| {target} | {name} | {labels} | {cells[0]} | {cells[1]} | {len(found)} |")
    return rows


def _interval(values: Sequence[float]) -> str:
    mean = f"{np.mean(values):.3f}"
    return f"{mean} ± {half_interval(values):.3f}" if len(values) > 1 else mean


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("table", help="the name of one that comes with dagsmith, or a file")
    parser.add_argument("--targets", nargs="+", default=["short_logloss", "valid_logloss"])
    parser.add_argument("--truth", default="valid_logloss", help="what rankings are judged by")
    parser.add_argument("--predictors", nargs="+", default=list(PREDICTORS))
    parser.add_argument("--no-extras", action="store_true", help="graphs alone")
    parser.add_argument("--labels", type=int, nargs="+", default=[25, 50, 100, 200])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    table = truth_table(arguments.table).table.measured(arguments.truth)
    print(f"{len(table)} architectures", flush=True)
    scores = fidelities(table, arguments.truth)
    lines = ["| score | tau | better half | n |", "|---|---|---|---|"]
    lines += [f"| {name} | {_shown(tau)} | {_shown(top)} | {tau.n} |" for name, tau, top in scores]
    seeds = [name for name in ("valid_logloss_0", "valid_logloss_1") if name in table.names]
    ceiling = None
    if len(seeds) == 2:
        ceiling = both_taus(*(table.column(name) for name in seeds))
        lines += ["", f"Two seeds of the truth: {_shown(ceiling[0])}."]
    takers = {
        name
        for name, kind in PREDICTORS.items()
        if not arguments.no_extras and "extras" in inspect.signature(kind.fit).parameters
    }
    jobs = [
        {"predictor": p, "target": t, "labels": n, "extras": extras, "seed": seed}
        for seed in range(arguments.seeds)
        for t in arguments.targets
        for p in arguments.predictors
        for n in arguments.labels
        for extras in (False, True)
        if n < len(table) - 20
        if not extras or p in takers
    ]
    digest = joblib.hash(table.column(arguments.truth))[:8]
    files = [arguments.out / f"{digest}-{'-'.join(map(str, job.values()))}.json" for job in jobs]
    before = arguments.out / f"{OTHER.get(arguments.table, 'none')}.safetensors"
    if TRANSFER in arguments.predictors:
        _ = TruthStart([before.stem], before).learned
    fits = joblib.Parallel(n_jobs=arguments.jobs, return_as="generator")(
        joblib.delayed(kept)(file, table, before, arguments.truth, **job)
        for file, job in zip(files, jobs, strict=True)
    )
    records = list(watched("fits", fits, len(jobs)))
    lines += [
        "",
        "| learned | predictor | labels | tau against it | tau against the truth | seeds |",
    ]
    lines += ["|---|---|---|---|---|---|", *learned(records)]
    text = "\n".join(lines) + "\n"
    write_text(arguments.out / "ranking.md", text)
    plain = [record for record in records if not record["extras"]]
    drawn = figure(scores, plain, arguments.targets[0], ceiling)
    write_text(arguments.out / "ranking.html", drawn.to_html(config={"displayModeBar": False}))
    print(text)


if __name__ == "__main__":
    main()
