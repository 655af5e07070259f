import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from dagsmith.hardware.pim import Maps, count, default_technology, lossless_adc_bits
from dagsmith.hardware.pim.crossbars import largest_sum


def maps(inputs: float, outputs: float, uses: float = 1, **knobs: float) -> Maps:
    """One map on ISAAC's crossbars with 8-bit weights and activations, unless said otherwise."""
    values = {
        "weight_bits": 8,
        "activation_bits": 8,
        "replication": 1,
        "size": 128,
        "cell_bits": 2,
        "dac_bits": 1,
        "adc_bits": 8,
        "adcs": 1,
    } | knobs
    arrays = {name: np.array([float(value)]) for name, value in values.items()}
    return Maps(np.array([inputs]), np.array([outputs]), np.array([uses]), **arrays)


def test_counts_by_hand() -> None:
    found = count(maps(300, 100, 3, replication=2))
    # 8 pulses of 1 bit, 4 cells of 2 bits, 300 rows in 3 tiles, 400 columns in 4.
    assert (found.pulses[0], found.slices[0]) == (8, 4)
    assert (found.row_tiles[0], found.column_tiles[0]) == (3, 4)
    assert found.crossbars[0] == 2 * 12
    assert found.cells[0] == 2 * 300 * 400
    assert found.conversions[0] == 3 * 8 * 3 * 400
    assert found.drives[0] == 3 * 8 * 300 * 4
    assert found.cell_reads[0] == 3 * 8 * 300 * 400


@pytest.mark.parametrize(
    ("rows", "dac", "cell", "bits"),
    # log2(rows) + dac + cell - 1 if both are above 1, else - 2: PIMSYN's rule; ISAAC's is 8.
    [
        (rows, dac, cell, int(np.log2(rows)) + dac + cell - (1 if min(dac, cell) > 1 else 2))
        for rows, dac, cell in itertools.product((64, 128, 256, 512), (1, 2, 4), (1, 2, 4))
    ],
)
def test_lossless_adc_width(rows: int, dac: int, cell: int, bits: int) -> None:
    assert lossless_adc_bits(rows, dac, cell) == bits


def test_isaac_needs_eight_bits() -> None:
    assert lossless_adc_bits(128, 1, 2) == 8


@pytest.mark.parametrize("rows", [1, 5, 13, 64, 100, 128])
@pytest.mark.parametrize(("dac", "cell"), [(1, 1), (1, 2), (2, 2), (4, 1)])
def test_lossless_means_that_the_largest_sum_fits(rows: int, dac: int, cell: int) -> None:
    bits = lossless_adc_bits(rows, dac, cell)
    assert largest_sum(rows, dac, cell) < 2**bits
    assert bits == 0 or largest_sum(rows, dac, cell) >= 2 ** (bits - 1)
    # Encoded, a column holds at most half of what it could: inputs at their largest reach that.
    stored = np.full(rows, 2**cell - 1)
    encoded = np.where(stored.sum() * 2 > rows * (2**cell - 1), 2**cell - 1 - stored, stored)
    assert encoded.sum() * (2**dac - 1) <= largest_sum(rows, dac, cell)


ACCELFORGE = json.loads((Path(__file__).parent / "accelforge.json").read_text())["rows"]


@pytest.mark.parametrize("row", ACCELFORGE, ids=lambda row: f"{row['inputs']}x{row['outputs']}")
def test_counting_is_accelforges(row: dict[str, float]) -> None:
    names = ("activation_bits", "weight_bits", "cell_bits", "adc_bits")
    knobs = {name: row[name] for name in names}
    found = count(maps(row["inputs"], row["outputs"], row["uses"], **knobs))
    assert found.conversions[0] == pytest.approx(row["conversions"], rel=0.01)
    assert found.cell_reads[0] == pytest.approx(row["cell_reads"], rel=0.01)
    # Its 8 arrays convert in turn what our crossbars convert side by side.
    arrays = min(8, found.crossbars[0] * row["uses"])
    rate = default_technology()["adc.rate"]
    assert found.conversions[0] / (arrays * rate) == pytest.approx(row["latency_ns"], rel=0.01)
    if row["uses"] == 1:  # otherwise its mapper may drive rows again to fill the arrays
        assert found.drives[0] == pytest.approx(row["drives"], rel=0.01)
