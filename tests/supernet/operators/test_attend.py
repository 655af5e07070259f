import pytest
import torch
from torch.nn import functional

from dagsmith.supernet.operators.attend import VECTOR, attend


@pytest.mark.parametrize("tokens", [1, 3, VECTOR - 1, VECTOR])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_is_pytorchs_attention_with_its_gradient(tokens: int, scale: float | None) -> None:
    generator = torch.Generator().manual_seed(tokens)
    query, key, value = parts = [
        torch.randn(4, 2, tokens, 5, dtype=torch.float64, generator=generator).requires_grad_()
        for _ in range(3)
    ]
    wanted = functional.scaled_dot_product_attention(query, key, value, scale=scale)
    found = attend(query, key, value, scale=scale)
    torch.testing.assert_close(found, wanted)
    weigh = torch.randn(wanted.shape, dtype=torch.float64, generator=generator)
    for one, other in zip(
        torch.autograd.grad((found * weigh).sum(), parts),
        torch.autograd.grad((wanted * weigh).sum(), parts),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_large_scores_do_not_overflow() -> None:
    query = torch.full((1, 1, 3, 2), 100.0)
    assert attend(query, query, torch.ones(1, 1, 3, 2)).allclose(torch.ones(1, 1, 3, 2))
