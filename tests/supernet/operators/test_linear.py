import torch
from torch.nn import functional

from dagsmith.supernet.operators.linear import linear, linear_weights, norm, norm_weights
from dagsmith.supernet.operators.weight import Source


def test_a_matrix_per_source_is_one_matrix_over_the_concatenation() -> None:
    torch.manual_seed(0)
    sources = [Source("a", 3), Source("b", 5)]
    needed = linear_weights("map", sources, 4)
    weights = {name: torch.randn(weight.shape) for name, weight in needed.items()}
    tensors = [torch.randn(6, 2, 3), torch.randn(6, 2, 5)]
    matrix = torch.cat([weights["map/from/a"], weights["map/from/b"]], dim=1)
    expected = functional.linear(torch.cat(tensors, dim=2), matrix, weights["map/bias"])
    torch.testing.assert_close(linear("map", sources, tensors, weights), expected)


def test_the_fan_is_that_of_all_sources_together() -> None:
    needed = linear_weights("map", [Source("a", 3), Source("b", 5)], 4)
    assert needed["map/from/a"].fan == needed["map/from/b"].fan == (8, 4)
    assert needed["map/bias"].fan is None
    assert needed["map/bias"].constant == 0.0


def test_norm_is_layer_norm_over_the_last_axis() -> None:
    torch.manual_seed(0)
    weights = {n: torch.randn(w.shape) for n, w in norm_weights("n", 7).items()}
    tensor = torch.randn(3, 2, 7)
    centred = tensor - tensor.mean(2, keepdim=True)
    expected = centred / (tensor.var(2, correction=0, keepdim=True) + 1e-5).sqrt()
    expected = expected * weights["n/scale"] + weights["n/shift"]
    torch.testing.assert_close(norm("n", tensor, weights), expected)


def test_norm_starts_at_the_given_scale_and_no_shift() -> None:
    needed = norm_weights("n", 7, 0.17)
    assert (needed["n/scale"].constant, needed["n/shift"].constant) == (0.17, 0.0)
