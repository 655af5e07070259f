import pytest
import torch
from torch import Tensor

from dagsmith.supernet.operators import bilinear
from dagsmith.supernet.operators.bilinear import bilinear_forms


def parts(rows: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(rows)
    sizes = ((rows, 3), (rows, 4), (5, 3, 4))
    return [torch.randn(size, dtype=torch.float64, generator=generator) for size in sizes]


@pytest.mark.parametrize("rows", [1, 7, 8])
def test_is_the_formula_with_its_gradient_in_pieces(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bilinear, "CHUNK", 4 * 12)  # four rows at a time
    left, right, matrices = (part.requires_grad_() for part in parts(rows))
    wanted = torch.einsum("nh,rhf,nf->nr", left, matrices, right)
    torch.testing.assert_close(bilinear_forms(left, right, matrices), wanted)
    assert torch.autograd.gradcheck(bilinear_forms, (left, right, matrices))


def test_without_gradients_the_same() -> None:
    left, right, matrices = parts(6)
    with torch.no_grad():
        plain = bilinear_forms(left, right, matrices)
    assert not plain.requires_grad
    torch.testing.assert_close(bilinear_forms(left.requires_grad_(), right, matrices), plain)
