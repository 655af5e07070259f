import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dagsmith.hardware import CostError
from dagsmith.hardware.pim import default_technology, read_technology
from dagsmith.hardware.pim.technology import BY_BITS, FIGURES, UNITS

SHIPPED = json.loads(
    (Path(__file__).parents[3] / "hardware" / "pim" / "technology.json").read_text()
)


def written(path: Path, **changes: Any) -> Path:
    """The shipped table with entries changed (None removes one), as a file."""
    document = json.loads(json.dumps(SHIPPED))
    for name, change in changes.items():
        if change is None:
            del document["figures"][name]
        else:
            document["figures"].setdefault(name, {}).update(change)
    path.write_text(json.dumps(document))
    return path


def test_the_shipped_table_has_every_figure_and_its_source() -> None:
    table = default_technology()
    assert set(table.figures) == set(FIGURES)
    assert set(table.by_bits) == set(BY_BITS)
    assert all(len(source) > 10 or source == "PIMSYN" for source in table.sources.values())
    assert set(SHIPPED["figures"]) == set(FIGURES) | set(BY_BITS)


def test_a_file_reads_as_the_shipped_table(tmp_path: Path) -> None:
    found = read_technology(written(tmp_path / "t.json"))
    assert found.figures == default_technology().figures
    assert found.by_bits == default_technology().by_bits


def test_units_are_converted(tmp_path: Path) -> None:
    other = {"value": 0.1, "unit": "us"}
    table = read_technology(written(tmp_path / "t.json", **{"crossbar.read_time": other}))
    assert table["crossbar.read_time"] == pytest.approx(100)
    assert table["chip.link_area"] == pytest.approx(22.88e6)
    assert table["crossbar.cell_read_energy"] == pytest.approx(1.83e-3)


@pytest.mark.parametrize("name", ["adc.energy", "adc.area", "adc.leakage", "dac.power", "dac.area"])
def test_more_bits_are_never_cheaper(name: str) -> None:
    table = default_technology()
    values = [table.by_bits[name][bits] for bits in table.resolutions(name.split(".")[0])]
    assert values == sorted(values)


@pytest.mark.parametrize("name", sorted(FIGURES | BY_BITS))
def test_a_missing_figure_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(CostError, match=f"figure '{name}' is missing"):
        read_technology(written(tmp_path / "t.json", **{name: None}))


@pytest.mark.parametrize("value", [0, -1.5, float("nan"), float("inf"), "12", None, True])
def test_a_figure_must_be_above_0(tmp_path: Path, value: object) -> None:
    with pytest.raises(CostError, match=r"'tile.bus_energy' is .*; expected a number above 0"):
        read_technology(written(tmp_path / "t.json", **{"tile.bus_energy": {"value": value}}))
    table = {"by_bits": {"6": value}}
    with pytest.raises(CostError, match=r"'adc.energy' at 6 bits is"):
        read_technology(written(tmp_path / "t.json", **{"adc.energy": table}))


def test_units_must_be_known_and_fit(tmp_path: Path) -> None:
    with pytest.raises(CostError, match=r"unit 'pJ/bits'; did you mean 'pJ/bit'\?"):
        read_technology(written(tmp_path / "t.json", **{"tile.bus_energy": {"unit": "pJ/bits"}}))
    energy = {"crossbar.cell_read_energy": {"unit": "ns"}}
    with pytest.raises(CostError, match=r"is in ns, which measures time; expected pJ or fJ or nJ"):
        read_technology(written(tmp_path / "t.json", **energy))
    assert all(factor > 0 for _, factor in UNITS.values())


def test_other_bad_entries_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    with pytest.raises(CostError, match=r"unknown figure 'adc.enery'; did you mean 'adc.energy'"):
        read_technology(written(path, **{"adc.enery": {"value": 1}}))
    with pytest.raises(CostError, match=r"'adc.rate' has no source"):
        read_technology(written(path, **{"adc.rate": {"source": " "}}))
    with pytest.raises(CostError, match=r"'dac.area' has bits 'six'"):
        read_technology(written(path, **{"dac.area": {"by_bits": {"six": 1.0}}}))
    with pytest.raises(CostError, match=r"'dac.area' has no values"):
        read_technology(written(path, **{"dac.area": {"by_bits": {}}}))


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CostError, match="no such technology file"):
        read_technology(tmp_path / "absent.json")
    path = tmp_path / "t.json"
    for text, message in (("{", "not JSON"), ("[]", "not a technology"), ("{}", "expected format")):
        path.write_text(text)
        with pytest.raises(CostError, match=message):
            read_technology(path)
    path.write_text('{"format": "dagsmith.technology/1"}')
    with pytest.raises(CostError, match="no 'figures'"):
        read_technology(path)


def test_resolutions_outside_the_table_are_named() -> None:
    table = default_technology()
    assert table.at("adc.area", np.array([4.0, 8.0])).tolist() == [361.04, 1200.0]
    for bits in (3.0, 12.0, 7.5, 1000.0):
        with pytest.raises(CostError, match=rf"adc_bits is {bits:g}; .* has 4, 5, 6, 7, 8, 9, 10"):
            table.at("adc.area", np.array([8.0, bits]))
