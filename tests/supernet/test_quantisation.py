import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
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


def straight_through(tensor: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Integers whose gradient is that of ``tensor / scale``, and the scale."""
    integers, scale = to_integers(tensor, bits, dim=1)
    scaled = tensor / scale
    return scaled + (integers - scaled).detach(), scale


@example(weight_bits=1, activation_bits=1, sizes=(8, 1, 1), half=True, seed=4)
@given(
    weight_bits=st.integers(1, 8),
    activation_bits=st.integers(1, 8),
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 30), st.integers(1, 7)),
    half=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_a_product_and_its_gradients_are_those_of_rounded_factors(
    weight_bits: int, activation_bits: int, sizes: tuple[int, int, int], half: bool, seed: int
) -> None:
    rows, inner, outputs = sizes
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(rows, inner, generator=generator)
    matrix = torch.randn(outputs, inner, generator=generator)
    # Powers of two, so that half precision has nothing to round in what comes from above.
    upstream = 2.0 ** torch.randint(-3, 4, (rows, outputs), generator=generator)
    found: list[torch.Tensor] = []
    expected: list[torch.Tensor] = []
    for results, written_out in ((found, True), (expected, False)):
        x, w = inputs.clone().requires_grad_(), matrix.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            if written_out:
                y = Quantised(mapping(weight_bits, activation_bits)).product("linear", x, w)
            else:
                (a, a_scale), (b, b_scale) = (
                    straight_through(x, activation_bits),
                    straight_through(w, weight_bits),
                )
                y = torch.nn.functional.linear(a, b) * (a_scale * b_scale.t())
        (y * upstream).sum().backward()
        assert x.grad is not None
        assert w.grad is not None
        results += [y.detach(), x.grad, w.grad]
    tolerance = 2e-2 if half else 1e-4
    # Rounding is of the size of the terms of a sum, which may cancel each other.
    size, weights, above = inputs.abs(), matrix.abs(), upstream.abs()
    terms = (size @ weights.t(), above @ weights, above.t() @ size)
    for one, other, term in zip(found, expected, terms, strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * float(term.max()))


def test_what_needs_no_gradient_gets_none() -> None:
    arithmetic = Quantised(mapping())
    inputs, matrix = torch.randn(4, 6), torch.randn(3, 6, requires_grad=True)
    arithmetic.product("linear", inputs, matrix).sum().backward()
    assert matrix.grad is not None
    assert inputs.grad is None


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
