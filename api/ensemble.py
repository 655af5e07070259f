"""Several seeds of one model together: the mean of their probabilities."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dagsmith.data import Dataset
from dagsmith.metrics import documented
from dagsmith.network import WEIGHTS, restore
from dagsmith.supernet.inputs import pick_device
from dagsmith.supernet.metrics import click_metrics
from dagsmith.supernet.scratch import predict
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
    done = finished(trainings)
    dataset = Dataset.open(done[0].data)
    device = pick_device(done[0].device)
    models = [
        restore(training.folder / WEIGHTS, training.build(dataset), training.key).to(device)
        for training in done
    ]
    found = {}
    for name in ("valid", "test"):
        split = dataset.split(name)
        mean = np.mean([predict(model, split, device) for model in models], axis=0)
        found[name] = documented(click_metrics(split.label, mean))
    return found
