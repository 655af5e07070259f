"""Every file in examples/ runs as a user would run it.

`DAGSMITH_SMALL=1` is set: an example that takes longer than a few seconds reads it and does less.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
TIMEOUT_S = 300


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example: Path, tmp_path: Path) -> None:
    environment = os.environ | {"DAGSMITH_SMALL": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:dagsmith", str(example)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.strip(), "an example shows something"


def test_there_are_examples() -> None:
    assert "custom_space" in {example.stem for example in EXAMPLES}


def test_three_lines_add_the_sampler_to_a_script_that_runs_without_them(tmp_path: Path) -> None:
    lines = (ROOT / "examples" / "mh_es_in_three_lines.py").read_text().splitlines()
    assert sum("# NEW" in line for line in lines) == 3
    before = tmp_path / "before.py"
    before.write_text("\n".join(line for line in lines if "# NEW" not in line))
    assert "dagsmith" not in before.read_text().split('"""')[2]
    done = subprocess.run(
        [sys.executable, str(before)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def test_the_guide_shows_the_code_of_the_example() -> None:
    guide = (ROOT / "docs" / "search_spaces.md").read_text()
    example = (ROOT / "examples" / "custom_space.py").read_text()
    shown = guide.split("```python\n")[1].split("```")[0].rstrip()
    assert "class CellSpace(SearchSpace)" in shown
    assert shown in example


def test_the_guide_to_tables_shows_the_code_of_the_example() -> None:
    guide = (ROOT / "docs" / "tables.md").read_text()
    example = (ROOT / "examples" / "own_table.py").read_text()
    shown = guide.split("```python\n")[1].split("```")[0].rstrip()
    assert "merge_duplicates" in shown
    lines = iter(example.splitlines())
    missing = [line for line in shown.splitlines() if line and line not in lines]
    assert not missing
