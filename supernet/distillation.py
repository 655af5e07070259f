"""Knowledge distillation: a model that learns what several trained ones answer together.

An ensemble of trained models knows more than each of its members, and costs as much as all of them.
One more training, by labels that are mixed with the ensemble's probabilities, puts a good part of
that into a single model (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015, arXiv
1503.02531; for click models Zhu et al., "Ensembled CTR Prediction via Knowledge Distillation",
CIKM 2020, arXiv 2011.04106). Cross-entropy is linear in the label, so that the mixture of the two
losses is one loss by mixed labels: nothing else of the training changes.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from dagsmith.data import Split
from dagsmith.supernet.inputs import pick_device
from dagsmith.supernet.model import ClickModel
from dagsmith.supernet.scratch import predict

SHARE = 0.9
"""Of the teachers in the labels (docs/results.md)."""


def mean_probabilities(
    models: Iterable[ClickModel], split: Split, device: str = "auto"
) -> NDArray[np.float32]:
    """Mean click probability of several models, ``[rows]``.

    Args:
        models: asked one after the other, so that a generator holds one of them at a time.
        split: the rows.
        device: where to compute.

    Raises:
        ValueError: there is no model.
    """
    target = pick_device(device)
    total, count = np.zeros(len(split), np.float32), 0
    for model in models:
        total += predict(model.to(target), split, target)
        count += 1
    if not count:
        raise ValueError("no model; expected at least one")
    return total / np.float32(count)


def soft_labels(
    labels: NDArray[np.float32], answers: NDArray[np.float32], share: float = SHARE
) -> NDArray[np.float32]:
    """Labels from which a student learns, ``[rows]``: ``(1 - share) label + share answer``.

    Args:
        labels: of the training rows, ``[rows]``.
        answers: the teachers' probabilities of the same rows, ``[rows]``.
        share: of the answers, 0 to 1.

    Raises:
        ValueError: the lengths differ, or the share is outside of its range.

    Example:
        >>> soft_labels(np.float32([0, 1]), np.float32([0.2, 0.6]), 0.5).tolist()
        [0.10000000149011612, 0.800000011920929]
    """
    if labels.shape != answers.shape:
        raise ValueError(f"{len(answers)} answers for {len(labels)} labels; expected as many")
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}; expected 0 to 1")
    mixed = np.float32(1 - share) * labels + np.float32(share) * answers
    return np.asarray(np.clip(mixed, 0.0, 1.0), np.float32)
