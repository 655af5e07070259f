import os
from pathlib import Path

import hypothesis
import pytest

# How long an example takes is the machine's business, and no failure.
hypothesis.settings.register_profile("dagsmith", deadline=None)
hypothesis.settings.load_profile("dagsmith")

DATA = Path(os.environ.get("DAGSMITH_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = DATA / "ctr"
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder} (set DAGSMITH_DATA)")
    return folder


@pytest.fixture(scope="session")
def real_tables() -> Path:
    """The folder of the published tables of evaluated architectures."""
    folder = DATA / "nas"
    if not folder.is_dir():
        pytest.skip(f"no public tables in {folder} (set DAGSMITH_DATA)")
    return folder
