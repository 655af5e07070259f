"""Several seeds of one model together: the mean of their probabilities."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dagsmith.data import Dataset
from dagsmith.metrics import documented
from dagsmith.network import WEIGHTS, restore
from dagsmith.supernet.inputs import pick_device
from dagsmith.supernet.metrics import click_metrics
from dagsmith.supernet.scratch import predict
from dagsmith.trainings import Training


def ensemble(trainings: Sequence[Training]) -> dict[str, Any]:
    """Metrics of the mean probability of finished trainings, ``{valid, test}``.

    Trainings that failed are left out. Every member's rows are predicted anew from its weights.
    """
    done = [training for training in trainings if "failure" not in (training.outcome() or {})]
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
