"""How the numbers of a log enter its models: tried, where nobody says.

Prices, counts and times may be worth most as numbers or as ids of quantile buckets, which have
embeddings under a penalty; and as numbers they may even do harm, because beside them the small
vectors of categories have little weight.
"""

import math
from dataclasses import replace

from dagsmith.data import Dataset, Schema
from dagsmith.data.schema import Numbers
from dagsmith.progress import Progress
from dagsmith.settings import SearchSettings
from dagsmith.space import named_architecture
from dagsmith.supernet.network import Network
from dagsmith.supernet.recipes import Recipe
from dagsmith.supernet.scratch import train_scratch
from dagsmith.supernet.train_supernet import TrainingError

EPOCHS = 4
"""Of a trial, whose learning rate comes down to zero within them."""
ROWS = 250_000
"""Most training rows of a trial."""
PROBE = "dnn"
"""The model that is tried."""


def enters_twice(schema: Schema) -> bool:
    """Whether numbers are dense features and in buckets, so that there is something to choose."""
    return bool({f.name for f in schema.dense} & {f.name for f in schema.sparse})


def tried_numbers(
    settings: SearchSettings, dataset: Dataset, recipe: Recipe, progress: Progress
) -> dict[Numbers, float]:
    """Validation log loss of a DNN with numbers both ways and in buckets only.

    Args:
        settings: the search's.
        dataset: with numbers both ways.
        recipe: how to train; the penalty is not chosen yet.
        progress: told ``("numbers", trials done, trials)``.
    """
    smaller = dataset.drawn({"train": ROWS, "valid": ROWS}, seed=settings.seed)
    ways: dict[Numbers, Dataset] = {"both": smaller, "buckets": smaller.without_dense()}
    recipe = replace(recipe, epochs=min(EPOCHS, recipe.epochs))
    found: dict[Numbers, float] = {}
    for way, rows in ways.items():
        progress("numbers", len(found), len(ways))
        net = named_architecture(
            PROBE,
            len(rows.dense_features),
            len(rows.fields),
            embedding_dim=settings.embedding_dim,
            dropout=recipe.dropout,
        )
        network = Network(net, rows.fields, std=recipe.embedding_std, seed=settings.seed)
        try:
            trained = train_scratch(
                network, rows, recipe, seed=settings.seed, device=settings.device, splits=("valid",)
            )
        except TrainingError:
            found[way] = math.inf
        else:
            found[way] = trained.metrics["valid"]["logloss"]
    progress("numbers", len(found), len(ways))
    return found
