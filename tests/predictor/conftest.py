from collections.abc import Iterator

import numpy as np
import pytest
import torch

from dagsmith.predictor import GNNSettings, TrainingSettings
from dagsmith.space import (
    Categorical,
    ComponentKind,
    Flag,
    NASRecSpace,
    Number,
    Population,
    Vocabulary,
    nasrec_full,
)


@pytest.fixture(autouse=True)
def _single_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def space() -> NASRecSpace:
    return nasrec_full(dense_features=13, sparse_fields=26)


@pytest.fixture(scope="session")
def population(space: NASRecSpace) -> Population:
    return space.decode_many(space.sample(60, np.random.default_rng(0)))


@pytest.fixture(scope="session")
def quick() -> GNNSettings:
    """Settings that train in well under a second."""
    training = TrainingSettings(epochs=4, batch=16)
    return GNNSettings(members=2, dim=8, rounds=2, training=training, pretraining=training)


@pytest.fixture(scope="session")
def cells() -> Vocabulary:
    """A vocabulary with all types of attributes, two ports, and no line in common with NASRec."""
    return Vocabulary(
        (
            ComponentKind("source", (), ()),
            ComponentKind(
                "conv",
                (Categorical("activation", ("relu", "tanh")), Number("width", "log"), Flag("bias")),
                ("left", "right"),
            ),
            ComponentKind("pool", (Number("stride"),), ("left",)),
        )
    )
