"""Several trainings together: the mean of their probabilities."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dagsmith.data import Dataset
from dagsmith.metrics import documented
from dagsmith.network import WEIGHTS, restore
from dagsmith.supernet.distillation import mean_probabilities
from dagsmith.supernet.metrics import click_metrics
from dagsmith.supernet.model import ClickModel
from dagsmith.trainings import Training

SUFFIX = "-ensemble"
"""Of the folder of a model whose seeds serve together, beside that of its best seed."""


def finished(trainings: Sequence[Training]) -> list[Training]:
    """Those that did not fail: the members of an ensemble."""
    return [each for each in trainings if "failure" not in (each.outcome() or {"failure": ""})]


def joined_document(
    alone: Mapping[str, Any], found: Mapping[str, Any], seeds: Sequence[int]
) -> dict[str, Any]:
    """``model.json`` of an ensemble, from that of its best member and its own metrics.

    Serving costs as much as all members together.
    """
    document = {name: value for name, value in alone.items() if name != "seed"}
    costs = {name: len(seeds) * document[name] for name in ("parameters", "flops")}
    return {**document, **costs, "seeds": list(seeds), **found}


def ensemble(trainings: Sequence[Training]) -> dict[str, Any]:
    """Metrics of the mean probability of finished trainings, ``{valid, test}``.

    Trainings that failed are left out. Every member's rows are predicted anew from its weights.
    """
    dataset = Dataset.open(trainings[0].data)
    found = {}
    for name in ("valid", "test"):
        mean = answers(trainings, dataset, name)
        found[name] = documented(click_metrics(dataset.split(name).label, mean))
    return found


def answers(
    trainings: Sequence[Training],
    dataset: Dataset,
    split: str,
    told: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float32]:
    """Mean probability of finished trainings, ``[rows]``; those that failed are left out.

    Args:
        trainings: of which at least one has not failed.
        dataset: what they were trained on.
        split: whose rows.
        told: of how many have answered.
    """
    done = finished(trainings)

    def models() -> Iterator[ClickModel]:
        for count, training in enumerate(done):
            told(count)
            yield restore(training.folder / WEIGHTS, training.build(dataset), training.key)

    return mean_probabilities(models(), dataset.split(split), done[0].device)
