import runpy
from pathlib import Path

import pytest

from dagsmith.space import SPACES


def test_sizes_are_printed_with_their_rule(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_module("dagsmith.space", run_name="__main__")
    small, full, joint, _, plus, plus_joint = capsys.readouterr().out.splitlines()
    assert small.startswith("nasrec-small: 47 slots with a choice, 1.94e+32 genotypes")
    assert full.startswith("nasrec-full: 66 slots with a choice, 8.07e+43 genotypes")
    assert joint.startswith("nasrec-pim: 118 slots with a choice, 2.81e+65 genotypes")
    assert plus.startswith("ctr-plus: 103 slots with a choice, 7.14e+67 genotypes")
    assert plus_joint.startswith("ctr-plus-pim: 179 slots with a choice, 1.07e+99 genotypes")
    assert "product of the slots' choices" in small


def test_the_guide_states_the_same_sizes() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "search_spaces.md").read_text()
    for name, make in SPACES.items():
        space = make(13, 26)
        mantissa, exponent = f"{space.size():.2e}".split("e+")
        assert f"| `{name}` | {len(space.slots)} | {mantissa}e{exponent} |" in guide
