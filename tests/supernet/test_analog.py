import itertools
from dataclasses import replace

import pytest
import torch

from dagsmith.hardware.pim import lossless_adc_bits
from dagsmith.space import SpaceError
from dagsmith.supernet.analog import Analog, Readout, _lossless
from dagsmith.supernet.quantisation import Mapping, Quantised

MAPPING = Mapping(weight_bits=8, activation_bits=8, size=32, cell_bits=2, dac_bits=1, adc_bits=6)
"""32 rows of 2-bit cells driven by 1 bit: 6 ADC bits lose nothing."""


def rows(inputs: int = 50, outputs: int = 7, batch: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(batch, inputs, generator=generator)
    return x, torch.randn(outputs, inputs, generator=generator)


def error(mapping: Mapping, analog: Analog) -> float:
    """Root mean square error against the arithmetic without imperfections."""
    x, w = rows()
    exact = Quantised(mapping).product("linear", x, w)
    found = analog.arithmetic("place", mapping).product("linear", x, w)
    return float((found - exact).square().mean().sqrt())


@pytest.mark.parametrize(
    ("weight_bits", "activation_bits", "cell_bits", "dac_bits"),
    [(8, 8, 2, 1), (4, 8, 1, 2), (8, 4, 4, 1), (5, 7, 2, 2), (4, 4, 4, 4)],
)
@pytest.mark.parametrize("inputs", [5, 32, 50, 96])
def test_bit_serial_reading_with_enough_adc_bits_is_exact(
    weight_bits: int, activation_bits: int, cell_bits: int, dac_bits: int, inputs: int
) -> None:
    bits = lossless_adc_bits(32, dac_bits, cell_bits)
    mapping = Mapping(weight_bits, activation_bits, 32, cell_bits, dac_bits, bits)
    x, w = rows(inputs)
    exact = Quantised(mapping).product("linear", x, w)
    arithmetic = Analog(variation=0.0).arithmetic("place", mapping)
    for lossless in (False, True):  # read pulse by pulse, and by the short way
        found = arithmetic._simulated("linear", x, w, lossless)
        torch.testing.assert_close(found, exact, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(arithmetic.product("linear", x, w), exact)


@pytest.mark.parametrize("readout", ["truncate", "clip"])
def test_the_error_grows_as_adc_bits_fall_below_lossless(readout: Readout) -> None:
    analog = Analog(readout, variation=0.0)
    errors = [error(replace(MAPPING, adc_bits=bits), analog) for bits in (8, 6, 5, 4, 3)]
    assert errors[0] == errors[1] == 0
    assert 0 < errors[2] < errors[3] < errors[4]


def test_the_error_grows_with_the_variation_of_cells() -> None:
    errors = [error(MAPPING, Analog(variation=share)) for share in (0.0, 0.01, 0.05)]
    assert errors[0] == 0
    assert errors[2] == pytest.approx(5 * errors[1], rel=0.05)


def test_what_cells_vary_by_shifts_no_column_for_all_rows() -> None:
    # Activations are driven with an offset of half their range: uncalibrated, what that alone adds
    # up to would be most of the error.
    x, w = rows(batch=4000)
    exact = Quantised(MAPPING).product("linear", x, w)
    chip = Analog(variation=0.02).arithmetic("place", MAPPING)
    wrong = chip.product("linear", x, w) - exact
    assert float(wrong.std()) > 0
    assert float(wrong.mean(0).abs().max()) < 0.2 * float(wrong.std())


def test_a_chip_is_its_seed() -> None:
    assert error(MAPPING, Analog(seed=1)) == error(MAPPING, Analog(seed=1))
    assert error(MAPPING, Analog(seed=1)) != error(MAPPING, Analog(seed=2))
    low = replace(MAPPING, adc_bits=4)
    assert error(low, Analog(seed=1)) == error(low, Analog(seed=1))


def test_a_chip_is_the_same_on_every_device() -> None:
    # The device "meta" computes shapes and has no generator: cells must be drawn elsewhere.
    x, w = rows()
    chip = Analog(seed=1, variation=0.02).arithmetic("place", MAPPING)
    there = chip._simulated("linear", x.to("meta"), w.to("meta"), lossless=True)
    assert (there.device.type, there.shape) == ("meta", (40, 7))
    generator = torch.Generator(device="cpu")
    cells, flipped = chip._stored(torch.full((32, 7), 85.0), generator.manual_seed(5))
    assert not flipped.any()
    noise = torch.randn(4, 32, 7, generator=generator.manual_seed(5))
    torch.testing.assert_close(cells, 1 + 0.02 * noise, rtol=0, atol=0)


def test_both_rooms_have_one_rule_of_what_is_lossless() -> None:
    for size, dac, cell in itertools.product((1, 13, 64, 128, 256), (1, 2, 4), (1, 2, 4)):
        mapping = replace(MAPPING, dac_bits=dac, cell_bits=cell)
        assert _lossless(size, mapping) == lossless_adc_bits(size, dac, cell)


def test_bad_settings_are_named() -> None:
    with pytest.raises(SpaceError, match=r"unknown readout 'trunc'; did you mean 'truncate'\?"):
        Analog("trunc")  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match="variation is -1"):
        Analog(variation=-1)


def test_products_elsewhere_keep_their_precision() -> None:
    torch.manual_seed(0)
    left, right = torch.randn(64, 96), torch.randn(32, 96)
    before = torch.backends.mkldnn.matmul.fp32_precision  # type: ignore[attr-defined]
    expected = left @ right.t()
    mapping = Mapping(8, 8, 64, 2, 1, 4)
    Analog().arithmetic("place", mapping).product("weights", left, right)
    assert torch.backends.mkldnn.matmul.fp32_precision == before  # type: ignore[attr-defined]
    assert torch.equal(left @ right.t(), expected)
