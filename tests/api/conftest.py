from pathlib import Path

import pytest

from dagsmith.pipeline import search_models
from dagsmith.settings import SearchSettings

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
