import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.supernet.quantisation import Mapping, Quantised, fake_quantise, to_integers


def mapping(weight_bits: int = 8, activation_bits: int = 8, adc_bits: int = 8) -> Mapping:
    return Mapping(weight_bits, activation_bits, 128, 2, 1, adc_bits)


@given(bits=st.integers(2, 16), seed=st.integers(0, 99))
@settings(max_examples=30)
def test_integers_fit_their_bits_and_err_by_half_a_step(bits: int, seed: int) -> None:
    tensor = torch.from_numpy(np.random.default_rng(seed).normal(size=(5, 9)))
    integers, scale = to_integers(tensor, bits, dim=1)
    assert scale.shape == (5, 1)
    assert torch.equal(integers, integers.round())
    assert float(integers.abs().max()) == 2 ** (bits - 1) - 1
    assert ((integers * scale - tensor).abs() <= scale / 2 + 1e-9).all()


def test_a_vector_of_zeros_stays_one() -> None:
    assert torch.equal(fake_quantise(torch.zeros(2, 3), 4, dim=1), torch.zeros(2, 3))


def test_gradients_pass_straight_through() -> None:
    tensor = torch.randn(4, 6, requires_grad=True)
    upstream = torch.randn(4, 6)
    (fake_quantise(tensor, 3, dim=1) * upstream).sum().backward()
    torch.testing.assert_close(tensor.grad, upstream)


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    arithmetic = Quantised(mapping(4, 4))
    inputs, matrix = torch.randn(7, 20), torch.randn(5, 20)
    inputs[3] *= 100
    every = arithmetic.product("linear", inputs, matrix)
    for row in range(len(inputs)):
        torch.testing.assert_close(
            every[row : row + 1], arithmetic.product("linear", inputs[row : row + 1], matrix)
        )


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_fewer_bits_err_more(bits: int) -> None:
    inputs, matrix = torch.randn(64, 50), torch.randn(30, 50)
    exact = inputs @ matrix.t()
    more = Quantised(mapping(2 * bits, 2 * bits)).product("linear", inputs, matrix)
    fewer = Quantised(mapping(bits, bits)).product("linear", inputs, matrix)
    assert (more - exact).std() < 0.5 * (fewer - exact).std()
    # A product is that of what the bits can hold.
    held = fake_quantise(inputs, bits, 1) @ fake_quantise(matrix, bits, 1).t()
    torch.testing.assert_close(fewer, held, rtol=1e-4, atol=1e-4)
