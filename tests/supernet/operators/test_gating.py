from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.space import Node

Run = Callable[..., tuple[Tensor, dict[str, Tensor]]]


@pytest.mark.parametrize("left", [3, 8, 12])
@pytest.mark.parametrize("right", [5, 8, 12])
@pytest.mark.parametrize("width", [4, 8, 12, 20])
def test_gating_is_the_zero_padded_formula_of_nasrec(
    run: Run, left: int, right: int, width: int
) -> None:
    """Whatever weights the padding would have met, they do not matter: draw them at random."""
    gate, gated = torch.randn(6, left), torch.randn(6, right)
    node = Node.of("dense_op", operator="gating", width=width)
    output, w = run(node, {"left": [gate], "right": [gated]})
    m = max(left, right)
    assert ("out/bias" in w) == (m != width)

    W, b = torch.randn(m, m), torch.randn(m)
    W[:right, :left], b[:right] = w["gate/from/left"], w["gate/bias"]
    gate, gated = functional.pad(gate, (0, m - left)), functional.pad(gated, (0, m - right))
    product = torch.sigmoid(gate @ W.T + b) * gated
    if m != width:
        U = torch.randn(width, m)
        U[:, :right] = w["out/from/right"]
        product = product @ U.T + w["out/bias"]
    expected = functional.layer_norm(product, (width,), w["norm/scale"], w["norm/shift"])
    torch.testing.assert_close(output, expected)
