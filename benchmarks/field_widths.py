"""Whether fields of few values should have fewer coordinates.

    python benchmarks/field_widths.py --data-dir ../shared/data

Hand-made models on Frappe, Adult and MovieLens-100k (at least four stars are the label), by the
width of the vectors and the factor of `field_widths` (0: all coordinates): validation and test
log loss, means over the seeds, and the share of the table's coordinates that are used.
"""

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import polars as pl
import torch
from frappe_files import DROPPED, frappe_files

from dagsmith.data import Dataset, Encoding, infer_schema, prepare
from dagsmith.space import named_architecture
from dagsmith.supernet import (
    RECIPES,
    Network,
    Recipe,
    pick_device,
    pick_precision,
    sized_for,
    train_scratch,
)
from dagsmith.supernet.field_widths import field_widths

PENALTIES = {"frappe": 0.1, "adult": 0.01, "ml100k": 0.03}


def prepared(name: str, folder: Path, out: Path) -> Dataset:
    """The log, encoded; numbers in buckets."""
    if name == "frappe":
        files = frappe_files(folder)
        return prepare(
            files["train"],
            out,
            valid=files["valid"],
            test=files["test"],
            label="label",
            drop=DROPPED,
        )
    table = pl.read_parquet(folder / "ctr" / f"{name}.parquet")
    if name == "adult":
        table = table.drop("split")
    else:
        table = table.with_columns(label=(pl.col("rating") >= 4).cast(pl.Int8)).drop("rating")
    return prepare(table, out, schema=infer_schema(table, encoding=Encoding(numbers="buckets")))


def losses(model: str, dataset: Dataset, recipe: Recipe, dim: int, seed: int) -> tuple[float, ...]:
    """Validation and test log loss of one training."""
    net = named_architecture(
        model,
        len(dataset.dense_features),
        len(dataset.fields),
        embedding_dim=dim,
        dropout=recipe.dropout,
    )
    network = Network.untrained(net, dataset.fields, recipe, seed)
    found = train_scratch(network, dataset, recipe, seed=seed).metrics
    return found["valid"]["logloss"], found["test"]["logloss"]


def used(dataset: Dataset, dim: int, factor: float | None) -> float:
    """Share of the table's coordinates that are used."""
    rows = [field.cardinality for field in dataset.fields]
    widths = field_widths(dataset.fields, dim, factor)
    return sum(n * width for n, width in zip(rows, widths, strict=True)) / (dim * sum(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    default = os.environ.get("DAGSMITH_DATA", "../shared/data")
    parser.add_argument("--data-dir", type=Path, default=Path(default))
    parser.add_argument("--logs", nargs="+", choices=tuple(PENALTIES), default=list(PENALTIES))
    parser.add_argument("--models", nargs="+", default=["dnn", "dcnv2", "finalmlp"])
    parser.add_argument("--dims", nargs="+", type=int, default=[16, 32])
    parser.add_argument("--factors", nargs="+", type=float, default=[0, 6, 3])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| log | model | width | factor | used | valid log loss | test log loss |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.logs:
            dataset = prepared(name, arguments.data_dir, Path(folder) / name)
            for model in arguments.models:
                for dim in arguments.dims:
                    for given in arguments.factors:
                        factor = given or None
                        recipe = replace(
                            sized_for(RECIPES["default"], len(dataset.train)),
                            epochs=arguments.epochs,
                            embedding_l2=PENALTIES[name],
                            width_factor=factor,
                            precision=pick_precision("auto", pick_device()),
                        )
                        found = [
                            losses(model, dataset, recipe, dim, seed)
                            for seed in range(arguments.seeds)
                        ]
                        valid, test = (fmean(column) for column in zip(*found, strict=True))
                        share = used(dataset, dim, factor)
                        print(
                            f"| {name} | {model} | {dim} | {given:g} | {share:.0%} | {valid:.4f} "
                            f"| {test:.4f} |",
                            flush=True,
                        )


if __name__ == "__main__":
    main()
