from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dagsmith.data import prepare_synthetic
from dagsmith.pipeline import search_models
from dagsmith.settings import SearchSettings
from dagsmith.space import nasrec_small
from dagsmith.supernet import RECIPES
from dagsmith.trainings import Training

TINY = SearchSettings(
    rows=3000,
    space="nasrec-small",
    blocks=2,
    widths=(16, 32),
    embedding_dim=8,
    trials=10,
    top=2,
    scratch_seeds=2,
    truth=2,
    objectives="logloss,flops",
    jobs=1,
)


@pytest.fixture(scope="session")
def tiny() -> SearchSettings:
    return TINY


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole search on a small synthetic log, never interrupted."""
    path = tmp_path_factory.mktemp("finished") / "run"
    search_models(TINY, path)
    return path


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], list[Training]]:
    """Three short trainings below a folder, the same ones each time: what clusters are given."""
    data = prepare_synthetic(tmp_path_factory.mktemp("log") / "data", rows=1500)
    recipe = replace(RECIPES["default"], epochs=1, batch_size=256)
    space = nasrec_small(len(data.dense_features), len(data.fields), blocks=2, widths=(16, 32))
    models = [space.decode(genotype) for genotype in space.sample(3, np.random.default_rng(3))]

    def below(folder: Path) -> list[Training]:
        return [
            Training(model, recipe, 5, data.path, folder / str(number))
            for number, model in enumerate(models)
        ]

    return below
