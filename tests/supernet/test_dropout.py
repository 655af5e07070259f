import pytest
import torch

from dagsmith.supernet.dropout import drop


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_drops_its_share_and_keeps_the_mean(share: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    inputs = torch.ones(400, 501, dtype=dtype, requires_grad=True)
    output = drop(inputs, share)
    assert output.dtype == dtype
    assert (output == 0).float().mean().item() == pytest.approx(share, abs=5e-3)
    assert output.float().mean().item() == pytest.approx(1, rel=2e-2)
    output.sum().backward()
    # What was dropped learns nothing, what was kept is scaled as its output is.
    assert inputs.grad is not None
    torch.testing.assert_close(inputs.grad, output.detach())


def test_draws_are_the_seeds_and_independent() -> None:
    torch.manual_seed(3)
    one = drop(torch.ones(7, 3), 0.5)
    torch.manual_seed(3)
    assert torch.equal(drop(torch.ones(7, 3), 0.5), one)
    noise = drop(torch.ones(4096, 8), 0.5) - 1  # -1 or 1
    # Four decisions come from one number: their correlations are those of chance.
    together = (noise.T @ noise / len(noise)).fill_diagonal_(0)
    assert together.abs().max() < 5 / 4096**0.5
