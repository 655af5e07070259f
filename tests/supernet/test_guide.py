from functools import partial
from pathlib import Path

import pytest

import dagsmith.data
import dagsmith.space
from dagsmith.supernet import TrainedModel

GUIDE = Path(__file__).parents[2] / "docs" / "supernet.md"


def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its example as it stands, but on few rows, in a small space."""
    code = GUIDE.read_text().split("```python\n")[1].split("```")[0]
    assert "space.sample(100, " in code
    few_rows = partial(dagsmith.data.prepare_synthetic, rows=1000)
    monkeypatch.setattr(dagsmith.data, "prepare_synthetic", few_rows)
    small = partial(dagsmith.space.nasrec_small, blocks=3, widths=(8, 16), rows=(4, 8))
    monkeypatch.setattr(dagsmith.space, "nasrec_small", small)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(code.replace("space.sample(100, ", "space.sample(4, "), names)
    model = names["model"]
    assert isinstance(model, TrainedModel)
    assert 0 < model.metrics["test"]["auc"] < 1
