"""How the numbers of a log enter its models: tried, where nobody says.

Prices, counts and times may be worth most as numbers or as ids of quantile buckets, which have
embeddings under a penalty; and as numbers they may even do harm, because beside them the small
vectors of categories have little weight.
"""

import math
from dataclasses import replace

from dagsmith.data import Dataset, Schema
from dagsmith.data.encoding import Numbers
from dagsmith.progress import Progress
from dagsmith.settings import SearchSettings
from dagsmith.space import named_architecture
from dagsmith.supernet.metrics import MetricError
from dagsmith.supernet.network import Network
from dagsmith.supernet.scratch import train_scratch
from dagsmith.supernet.train_supernet import TrainingError
from dagsmith.training import recipe_for

PENALTIES = (0.1, 0.01)
"""Embedding penalties of the trials, unless it is given: which way is better may hang on it."""
ROWS = 250_000
"""Most training rows of a trial."""
PROBE = "dnn"
"""The model that is tried."""


def enters_twice(schema: Schema) -> bool:
    """Whether numbers are dense features and in buckets, so that there is something to choose."""
    return bool({f.name for f in schema.dense} & {f.name for f in schema.sparse})


def tried_numbers(
    settings: SearchSettings, dataset: Dataset, progress: Progress
) -> dict[Numbers, float]:
    """Validation log loss of a DNN with numbers both ways and in buckets only.

    Args:
        settings: the search's.
        dataset: with numbers both ways.
        progress: told ``("numbers", trials done, trials)``.

    Returns:
        The log loss with the better penalty, by way; infinite where trainings diverge.
    """
    smaller = dataset.drawn({"train": ROWS, "valid": ROWS}, seed=settings.seed)
    ways: dict[Numbers, Dataset] = {"both": smaller, "buckets": smaller.without_dense()}
    recipe = recipe_for(settings, len(smaller.train))
    given = settings.embedding_l2 is not None or not recipe.embedding_l2
    penalties = (recipe.embedding_l2,) if given else PENALTIES
    trials = [(way, penalty) for way in ways for penalty in penalties]
    found: dict[Numbers, float] = dict.fromkeys(ways, math.inf)
    for done, (way, penalty) in enumerate(trials):
        progress("numbers", done, len(trials))
        rows = ways[way]
        net = named_architecture(
            PROBE,
            len(rows.dense_features),
            len(rows.fields),
            embedding_dim=settings.embedding_dim,
            dropout=recipe.dropout,
        )
        network = Network.untrained(net, rows.fields, recipe, settings.seed)
        try:
            trained = train_scratch(
                network,
                rows,
                replace(recipe, embedding_l2=penalty),
                seed=settings.seed,
                device=settings.device,
                splits=("valid",),
            )
        except (TrainingError, MetricError):
            continue
        found[way] = min(found[way], trained.metrics["valid"]["logloss"])
    progress("numbers", len(trials), len(trials))
    return found
