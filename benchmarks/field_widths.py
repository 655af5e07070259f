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
from itertools import product
from pathlib import Path
from statistics import fmean

import small_logs
import torch
from frappe_files import frappe
from small_logs import losses, small_log

from dagsmith.data import Dataset, Encoding, infer_schema, prepare
from dagsmith.supernet import RECIPES, pick_device, pick_precision, sized_for
from dagsmith.supernet.field_widths import field_widths

PENALTIES = {"frappe": 0.1} | small_logs.PENALTIES


def prepared(name: str, folder: Path, out: Path) -> Dataset:
    """The log, encoded; numbers in buckets."""
    if name == "frappe":
        return frappe(folder, out)
    table = small_log(name, folder)
    return prepare(table, out, schema=infer_schema(table, encoding=Encoding(numbers="buckets")))


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
            for model, dim, given in product(arguments.models, arguments.dims, arguments.factors):
                factor = given or None
                recipe = replace(
                    sized_for(RECIPES["default"], len(dataset.train)),
                    epochs=arguments.epochs,
                    embedding_l2=PENALTIES[name],
                    width_factor=factor,
                    precision=pick_precision("auto", pick_device()),
                )
                seeds = range(arguments.seeds)
                found = [losses(model, dataset, recipe, seed, dim) for seed in seeds]
                valid, test = (fmean(column) for column in zip(*found, strict=True))
                share = used(dataset, dim, factor)
                print(
                    f"| {name} | {model} | {dim} | {given:g} | {share:.0%} | {valid:.4f} "
                    f"| {test:.4f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
