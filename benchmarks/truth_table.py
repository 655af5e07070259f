"""The truth table: architectures trained from scratch, beside every cheaper opinion of them.

Draws random architectures of a space (of ctr-plus the hand-made models first), trains each from
scratch with some seeds, trains one supernet and scores them with it, trains each shortly from the
embeddings of FinalMLP, takes their zero-cost scores and costs, and writes one parquet file with a
data card (JSON) beside it:

    python benchmarks/truth_table.py --data frappe --space ctr-plus --out runs/truth

``dagsmith.data.truth_table`` reads the file. Every finished training is kept in ``--out``, so that
an interrupted run goes on; a larger ``--count`` or ``--seeds`` adds to what there is.

Where training has changed for some architectures only, the rest is taken over from a table that was
made with the same arguments, and so are the scores of its supernet:

    python benchmarks/truth_table.py ... --known TABLE.parquet --again norm=batch
"""

import argparse
import importlib.metadata
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import joblib
import numpy as np
import polars as pl
import torch
from frappe_files import frappe

from dagsmith.data import Dataset, prepare_synthetic, truth_table
from dagsmith.files import write_text
from dagsmith.hardware import Flops, Parameters, costs
from dagsmith.network import restore, save_weights
from dagsmith.predictor.metrics import rank_correlation
from dagsmith.progress import reporter
from dagsmith.space import (
    SPACES,
    Architecture,
    ClickSpace,
    Genotypes,
    named_architecture,
)
from dagsmith.supernet import (
    PROXIES,
    RECIPES,
    Network,
    Recipe,
    ShortTraining,
    ShortTrainingEvaluator,
    SubnetScoring,
    Supernet,
    SupernetEvaluator,
    SupernetRecipe,
    TrainingError,
    pick_device,
    pick_precision,
    sized_for,
    train_scratch,
    train_supernet,
    zero_cost_scores,
)
from dagsmith.supernet.inputs import to_tensors

METRICS = ("logloss", "auc")
SPLITS = ("valid", "test")
ZERO_COST_ROWS = 512
ZERO_COST_BATCHES = 4
FIDELITIES = (
    *(f"{source}_{metric}" for source in ("supernet", "short") for metric in METRICS),
    *PROXIES,
)
MEDIAN_OF_NORMAL = 0.6745
"""Median of the absolute value of a standard normal number."""
Item = TypeVar("Item")
Columns = dict[str, list[float | None]]
"""Numbers of every architecture, by their names."""


def watched(name: str, work: Iterable[Item], count: int) -> Iterator[Item]:
    """Pass items on, and show how many there were of `count`."""
    bar = reporter()
    bar.begin(name)
    try:
        for done, item in enumerate(work, start=1):
            yield item
            bar.update(done, count)
    finally:
        bar.end()


def dataset_of(arguments: argparse.Namespace) -> Dataset:
    folder: Path = arguments.out / f"data-{arguments.data}"
    if arguments.data == "synthetic":
        return prepare_synthetic(folder, rows=arguments.rows, seed=0)
    return frappe(arguments.data_dir, folder)


def drawn(
    space: ClickSpace, count: int, seed: int, trunk: bool = True, flops: float = math.inf
) -> Genotypes:
    """`count` genotypes of different architectures; more of them begin with the same ones.

    Of random ones only those of at most so many FLOPs; hand-made models are always there.
    """
    rows: list[Genotypes] = [genotype[None] for genotype in space.handmade().values()]
    slots = space.slots
    place = next((at for at, slot in enumerate(slots) if slot.name == "trunk"), 0)
    rng = np.random.default_rng(seed)
    seen: set[str] = set()
    kept: list[Genotypes] = []
    while len(kept) < count:
        found = np.concatenate(rows) if rows else space.sample(64, rng)
        if not trunk:
            found[:, place] = slots[place].choices.index(False)
        if not rows:
            found = found[costs(space.decode_many(found), [Flops()])["flops"] <= flops]
        for genotype in found:
            key = space.decode(genotype).key
            if key not in seen:
                seen.add(key)
                kept.append(genotype)
        rows = []
    return np.stack(kept[:count])


def scratch(
    data: Path, architecture: Architecture, recipe: Recipe, seed: int, cache: Path
) -> dict[str, Any]:
    """One training from scratch, from the cache if it is there; a failure is kept as one."""
    if cache.exists():
        return dict(json.loads(cache.read_text()))
    torch.set_num_threads(1)
    dataset = Dataset.open(data)
    network = Network.untrained(architecture, dataset.fields, recipe, seed)
    found: dict[str, Any] = {}
    try:
        trained = train_scratch(network, dataset, recipe, seed=seed, splits=SPLITS)
    except TrainingError as error:
        found["failure"] = str(error)
    else:
        for split in SPLITS:
            for metric in METRICS:
                found[f"{split}_{metric}"] = trained.metrics[split][metric]
        found |= {"seconds": trained.seconds, "best_epoch": trained.best_epoch}
    write_text(cache, json.dumps(found))
    return found


def from_scratch(
    arguments: argparse.Namespace, dataset: Dataset, nets: Sequence[Architecture], recipe: Recipe
) -> Columns:
    """Columns of every seed and their mean; None where a training failed."""
    folder = arguments.out / f"scratch-{arguments.data}-{_mark(recipe)}"
    folder.mkdir(parents=True, exist_ok=True)
    work = [(net, seed) for net in nets for seed in range(arguments.seeds)]
    running = joblib.Parallel(n_jobs=arguments.jobs, return_as="generator")(
        joblib.delayed(scratch)(dataset.path, net, recipe, seed, folder / f"{net.key}-{seed}.json")
        for net, seed in work
    )
    found = list(watched("scratch", running, len(work)))
    columns: Columns = {}
    names = [f"{split}_{metric}" for split in SPLITS for metric in METRICS]
    for name in (*names, "seconds", "best_epoch"):
        by_seed = [
            [row.get(name) for row in found[seed :: arguments.seeds]]
            for seed in range(arguments.seeds)
        ]
        columns[name] = [
            None if None in values else float(np.mean(values))
            for values in zip(*by_seed, strict=True)
        ]
        if name in names:
            columns |= {f"{name}_{seed}": values for seed, values in enumerate(by_seed)}
    return columns


def by_supernet(
    arguments: argparse.Namespace,
    dataset: Dataset,
    space: ClickSpace,
    nets: Sequence[Architecture],
    recipe: Recipe,
) -> tuple[Columns, dict[str, Any]]:
    """Scores of one supernet, and how it was trained."""
    how = SupernetRecipe(
        epochs=arguments.supernet_epochs,
        batch_size=max(256, recipe.batch_size // 4),
        embedding_l2=recipe.embedding_l2,
        precision=recipe.precision,
    )
    supernet = Supernet.untrained(space, dataset.fields, recipe)
    name = f"supernet-{arguments.data}-{space.name}-{_mark(how)}.safetensors"
    bar = reporter()
    bar.begin("supernet")
    trained = train_supernet(
        supernet, dataset, how, checkpoint=arguments.out / name, progress=bar.told
    )
    bar.end()
    evaluator = SupernetEvaluator(supernet, dataset, SubnetScoring(precision=recipe.precision))
    scored = (evaluator.evaluate([net])[0] for net in nets)
    found = list(watched("scores of the supernet", scored, len(nets)))
    columns: Columns = {
        f"supernet_{metric}": [evaluation.metrics.get(metric) for evaluation in found]
        for metric in METRICS
    }
    columns["supernet_seconds"] = [evaluation.seconds for evaluation in found]
    return columns, {**asdict(how), "seconds": round(trained.seconds, 1)}


def by_short_training(
    arguments: argparse.Namespace, dataset: Dataset, nets: Sequence[Architecture], recipe: Recipe
) -> Columns:
    """Scores of short trainings that begin with the embeddings of a fully trained FinalMLP."""
    folder = arguments.out / f"short-{arguments.data}-{arguments.short_rows}-{_mark(recipe)}"
    folder.mkdir(parents=True, exist_ok=True)
    net = named_architecture(
        "finalmlp",
        len(dataset.dense_features),
        len(dataset.fields),
        embedding_dim=arguments.embedding_dim,
        dropout=recipe.dropout,
    )
    network = Network.untrained(net, dataset.fields, recipe)
    weights = folder / "finalmlp.safetensors"
    if not weights.exists():
        trained = train_scratch(network, dataset, recipe, seed=0, splits=())
        save_weights(weights, trained.model, net.key)
    table = restore(weights, network, net.key).embedding
    evaluator = ShortTrainingEvaluator(
        dataset,
        recipe,
        ShortTraining(rows=arguments.short_rows),
        table=None if table is None else table.weight.detach()[:, table.first :],
        jobs=arguments.jobs,
    )
    files = [folder / f"{each.key}.json" for each in nets]
    left = [(each, file) for each, file in zip(nets, files, strict=True) if not file.exists()]
    starts = range(0, len(left), 4 * arguments.jobs)
    for start in watched("short training", starts, len(starts)):
        group = left[start : start + 4 * arguments.jobs]
        scored = evaluator.evaluate([each for each, _ in group])
        for (_, file), found in zip(group, scored, strict=True):
            write_text(file, json.dumps({**found.metrics, "seconds": found.seconds}))
    rows = [json.loads(file.read_text()) for file in files]
    return {f"short_{name}": [row.get(name) for row in rows] for name in (*METRICS, "seconds")}


def without_training(dataset: Dataset, nets: Sequence[Architecture]) -> Columns:
    """Zero-cost scores, on the same rows for all."""
    batches = []
    for batch in dataset.train.batches(ZERO_COST_ROWS, shuffle=True, seed=0):
        batches.append(to_tensors(batch, torch.device("cpu")))
        if len(batches) == ZERO_COST_BATCHES:
            break
    scored = (zero_cost_scores(Network(net, dataset.fields, seed=0), batches) for net in nets)
    rows = list(watched("zero-cost scores", scored, len(nets)))
    # A flow of nothing has no logarithm; it is a gap in the table.
    return {
        name: [row[name] if np.isfinite(row[name]) else None for row in rows] for name in PROXIES
    }


def known_table(
    arguments: argparse.Namespace, dataset: Dataset, nets: Sequence[Architecture], recipe: Recipe
) -> tuple[pl.DataFrame | None, Mapping[str, Any]]:
    """The table of ``--known``, of these nets, this recipe and this data, and its card."""
    if arguments.known is None:
        return None, {}
    truth, frame = truth_table(arguments.known), pl.read_parquet(arguments.known)
    for what, have, wanted in (
        ("recipe", Recipe(**truth.card["recipe"]), recipe),
        ("data", truth.card["data"]["fingerprint"], dataset.fingerprint),
        ("seeds", truth.card["seeds"], arguments.seeds),
        ("architectures", frame["key"].to_list(), [net.key for net in nets]),
    ):
        if have != wanted:
            raise SystemExit(f"{arguments.known}: other {what} than these arguments make")
    return frame, truth.card


def rows_again(arguments: argparse.Namespace, known: pl.DataFrame) -> list[int]:
    """Rows with the choice of ``--again``."""
    slot, _, choice = arguments.again.partition("=")
    if slot not in known.columns or choice not in known[slot].cast(pl.String):
        raise SystemExit(f"--again {arguments.again}: expected SLOT=CHOICE of the known table")
    return [row for row, value in enumerate(known[slot].cast(pl.String)) if value == choice]


def for_rows(
    name: str,
    measure: Callable[[Sequence[Architecture]], Columns],
    nets: Sequence[Architecture],
    rows: Sequence[int],
    known: pl.DataFrame | None,
) -> Columns:
    """Columns of all nets: of these rows measured, of the rest as known.

    All are measured where the known table has no column called `name`.
    """
    if known is None or name not in known.columns:
        return measure(nets)
    columns = {}
    for column, values in measure([nets[row] for row in rows]).items():
        columns[column] = known[column].to_list()
        for row, value in zip(rows, values, strict=True):
            columns[column][row] = value
    return columns


def card(
    arguments: argparse.Namespace,
    dataset: Dataset,
    space: ClickSpace,
    recipe: Recipe,
    supernet: Mapping[str, Any],
    table: pl.DataFrame,
) -> dict[str, Any]:
    """What a reader must know, and how well the seeds agree: the ceiling of every ranking."""
    taus: dict[str, Any] = {}
    if arguments.seeds > 1:
        both = table.drop_nulls(["valid_logloss_0", "valid_logloss_1"])
        pair = [both[f"valid_logloss_{seed}"].to_numpy() for seed in (0, 1)]
        taus = {"tau of two seeds": asdict(rank_correlation(*pair))}
        # By the median: one training that diverges would be all of a mean of squares.
        apart = float(np.median(np.abs(pair[0] - pair[1])))
        taus["seed deviation"] = apart / (np.sqrt(2) * MEDIAN_OF_NORMAL)
    redrawn = "train negatives re-drawn by the rule of the known ones"
    return {
        "format": "dagsmith.truth/1",
        "space": {
            "name": arguments.space,
            "dense_features": len(dataset.dense_features),
            "sparse_fields": len(dataset.fields),
            "blocks": arguments.blocks,
            "embedding_dim": arguments.embedding_dim,
            "trunk": not arguments.no_trunk,
            "most_flops": arguments.flops if math.isfinite(arguments.flops) else None,
        },
        "data": {
            "name": arguments.data,
            "note": redrawn if arguments.data == "frappe" else "",
            "rows": {name: len(split) for name, split in dataset.splits.items()},
            "fingerprint": dataset.fingerprint,
        },
        "architectures": len(table),
        "drawn": "at random by the space's own weights; of ctr-plus the hand-made models first",
        "seeds": arguments.seeds,
        "recipe": asdict(recipe),
        "supernet": dict(supernet),
        "short_training": {"rows": arguments.short_rows or None},
        "zero_cost": {"rows": ZERO_COST_ROWS, "batches": ZERO_COST_BATCHES},
        "noise": taus,
        "versions": {
            name: importlib.metadata.version(name) for name in ("dagsmith", "torch", "numpy")
        },
        "columns": {
            "metrics": [name for name in table.columns if name.startswith(SPLITS)],
            "costs": ["parameters", "flops", "seconds"],
            "fidelities": [name for name in FIDELITIES if name in table.columns],
        },
    }


def _mark(recipe: Recipe | SupernetRecipe) -> str:
    """A short name that differs where anything in the recipe does."""
    text = json.dumps(asdict(recipe), sort_keys=True)
    return str(joblib.hash(text))[:8]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    default = os.environ.get("DAGSMITH_DATA", "../shared/data")
    parser.add_argument("--data", choices=("frappe", "synthetic"), default="frappe")
    parser.add_argument("--data-dir", type=Path, default=Path(default))
    parser.add_argument("--rows", type=int, default=120_000, help="of the synthetic log")
    parser.add_argument("--space", choices=("nasrec-small", "ctr-plus"), default="ctr-plus")
    parser.add_argument("--blocks", type=int, default=7)
    parser.add_argument("--embedding-dim", type=int, default=16)
    parser.add_argument(
        "--no-trunk", action="store_true", help="ctr-plus without NASRec's choice blocks"
    )
    parser.add_argument("--count", type=int, default=400, help="architectures")
    parser.add_argument("--flops", type=float, default=math.inf, help="most of a random one")
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each")
    parser.add_argument("--epochs", type=int, default=8, help="of a training, the best one kept")
    parser.add_argument("--supernet-epochs", type=int, default=15)
    parser.add_argument(
        "--short-rows", type=int, default=200_000, help="of a short training; 0 for none"
    )
    parser.add_argument("--embedding-l2", type=float, default=0.1)
    parser.add_argument("--width-factor", type=float, default=0.0, help="of a recipe; 0 for none")
    parser.add_argument("--jobs", type=int, default=joblib.cpu_count())
    parser.add_argument("--known", type=Path, help="a finished table of these arguments")
    parser.add_argument("--again", default="", help="SLOT=CHOICE: rows that are measured again")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    dataset = dataset_of(arguments)
    space = SPACES[arguments.space](
        len(dataset.dense_features),
        len(dataset.fields),
        blocks=arguments.blocks,
        embedding_dim=arguments.embedding_dim,
    )
    genotypes = drawn(
        space, arguments.count, seed=0, trunk=not arguments.no_trunk, flops=arguments.flops
    )
    population = space.decode_many(genotypes)
    nets = [population.architecture(row) for row in range(len(population))]
    recipe = replace(
        sized_for(RECIPES["default"], len(dataset.train)),
        epochs=arguments.epochs,
        embedding_l2=arguments.embedding_l2,
        width_factor=arguments.width_factor or None,
        precision=pick_precision("auto", pick_device()),
    )
    columns: dict[str, Any] = {"key": [net.key for net in nets]}
    for place, slot in enumerate(space.slots):
        columns[slot.name] = [slot.choices[gene] for gene in genotypes[:, place]]
    columns |= {
        name: values.tolist() for name, values in costs(population, [Parameters(), Flops()]).items()
    }
    known, known_card = known_table(arguments, dataset, nets, recipe)
    rows = [] if known is None else rows_again(arguments, known)

    def trained(some: Sequence[Architecture]) -> Columns:
        return from_scratch(arguments, dataset, some, recipe)

    def trained_shortly(some: Sequence[Architecture]) -> Columns:
        return by_short_training(arguments, dataset, some, recipe)

    truth = for_rows("valid_logloss", trained, nets, rows, known)
    columns |= without_training(dataset, nets)
    if known is None:
        scores, how = by_supernet(arguments, dataset, space, nets, recipe)
    else:
        names = ("supernet_logloss", "supernet_auc", "supernet_seconds")
        scores = {name: known[name].to_list() for name in names}
        how = known_card["supernet"]
    columns |= scores
    if arguments.short_rows:
        columns |= for_rows("short_logloss", trained_shortly, nets, rows, known)
    columns |= truth
    table = pl.DataFrame(columns)
    file = arguments.out / f"truth-{arguments.data}-{arguments.space}.parquet"
    unfinished = file.with_suffix(".tmp")
    table.write_parquet(unfinished, compression="zstd", compression_level=19)
    unfinished.replace(file)
    document = card(arguments, dataset, space, recipe, how, table)
    write_text(file.with_suffix(".json"), json.dumps(document, indent=2) + "\n")
    print(json.dumps(document["noise"], indent=2))
    known = table.drop_nulls(["valid_logloss"])
    for name in document["columns"]["fidelities"]:
        pair = known.drop_nulls([name])
        sign = 1.0 if name.endswith("_logloss") else -1.0
        tau = rank_correlation(sign * pair[name].to_numpy(), pair["valid_logloss"].to_numpy())
        print(f"{name:18} tau {tau.value:+.3f} [{tau.low:+.3f}, {tau.high:+.3f}]")
    print(f"{len(table)} architectures in {file} ({file.stat().st_size / 1024:.0f} KiB)")


if __name__ == "__main__":
    main()
