import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("DAGSMITH_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture(scope="session")
def nas_tables() -> Path:
    """The folder of the published tables of evaluated architectures."""
    folder = DATA / "nas"
    if not folder.is_dir():
        pytest.skip(f"no published tables in {folder} (set DAGSMITH_DATA)")
    return folder
