"""How the numbers of a log should enter: dense, in quantile buckets, or both.

    python benchmarks/numbers_of_a_log.py --data-dir ../shared/data

Adult and MovieLens-100k (at least four stars are the label), and a log of twenty normal numbers
that make the label together, each with one embedding penalty: validation and test log loss of
hand-made models, means over the seeds, by what becomes of the columns that are inferred to be
numbers. ``none`` leaves them out.
"""

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import polars as pl
import small_logs
import torch
from small_logs import losses, small_log

from dagsmith.data import Dataset, Encoding, infer_schema, prepare
from dagsmith.supernet import RECIPES, pick_device, pick_precision, sized_for

WAYS = ("dense", "buckets", "both", "none")
EPOCHS = 6
PENALTIES = small_logs.PENALTIES | {"normal": 0.01}


def log(name: str, folder: Path) -> pl.DataFrame:
    """A data set as one table with the column ``label``."""
    if name == "normal":
        # An extra of the predictor's baselines; whoever measures real data only needs none of it.
        from sklearn.datasets import make_classification

        numbers, label = make_classification(
            50_000,
            20,
            n_informative=10,
            n_redundant=4,
            n_clusters_per_class=4,
            flip_y=0.05,
            class_sep=0.7,
            random_state=0,
        )
        columns = {f"x{place}": numbers[:, place] for place in range(20)}
        return pl.DataFrame({**columns, "label": label.astype(np.int8)})
    return small_log(name, folder)


def prepared(table: pl.DataFrame, way: str, out: Path) -> Dataset | None:
    """The data set with its numbers entering so; None without a categorical feature."""
    schema = infer_schema(table, encoding=Encoding(numbers="dense" if way == "none" else way))  # type: ignore[arg-type]
    if way == "none":
        schema = replace(schema, features=schema.sparse)
    return prepare(table, out, schema=schema) if schema.sparse else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    default = os.environ.get("DAGSMITH_DATA", "../shared/data")
    parser.add_argument("--data-dir", type=Path, default=Path(default))
    parser.add_argument("--logs", nargs="+", choices=tuple(PENALTIES), default=list(PENALTIES))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--models", nargs="+", default=["dnn", "dcnv2"])
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| log | numbers | model | valid log loss | test log loss |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.logs:
            table = log(name, arguments.data_dir)
            for way in arguments.ways:
                dataset = prepared(table, way, Path(folder) / f"{name}-{way}")
                if dataset is None:
                    continue
                recipe = replace(
                    sized_for(RECIPES["default"], len(dataset.train)),
                    epochs=EPOCHS,
                    embedding_l2=PENALTIES[name],
                    precision=pick_precision("auto", pick_device()),
                )
                for model in arguments.models:
                    found = [losses(model, dataset, recipe, s) for s in range(arguments.seeds)]
                    valid, test = (fmean(column) for column in zip(*found, strict=True))
                    print(f"| {name} | {way} | {model} | {valid:.4f} | {test:.4f} |", flush=True)


if __name__ == "__main__":
    main()
