"""Two small logs with numbers, as tables, and what a hand-made model reaches on a log."""

from pathlib import Path

import polars as pl

from dagsmith.data import Dataset
from dagsmith.space import named_architecture
from dagsmith.supernet import Network, Recipe, train_scratch

PENALTIES = {"adult": 0.01, "ml100k": 0.03}
"""The logs, and the embedding penalty of every model there."""


def small_log(name: str, folder: Path) -> pl.DataFrame:
    """Adult, or MovieLens-100k with at least four stars as the label, with the column ``label``."""
    table = pl.read_parquet(folder / "ctr" / f"{name}.parquet")
    if name == "adult":
        return table.drop("split")
    return table.with_columns(label=(pl.col("rating") >= 4).cast(pl.Int8)).drop("rating")


def losses(
    model: str, dataset: Dataset, recipe: Recipe, seed: int, dim: int = 16
) -> tuple[float, float]:
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
