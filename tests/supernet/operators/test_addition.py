from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.space import Node

Run = Callable[..., tuple[Tensor, dict[str, Tensor]]]


@pytest.mark.parametrize(("left", "right"), [(3, 8), (8, 3), (8, 8)])
@pytest.mark.parametrize("width", [5, 8, 10])
def test_sum_pads_the_narrower_side(run: Run, left: int, right: int, width: int) -> None:
    first, second = torch.randn(6, left), torch.randn(6, right)
    node = Node.of("dense_op", operator="sum", width=width)
    output, w = run(node, {"left": [first], "right": [second]})
    added = torch.zeros(6, max(left, right))
    added[:, :left] += first
    added[:, :right] += second
    assert ("linear/bias" in w) == (width != 8)
    if width != 8:
        added = added @ w["linear/from/sum"].T + w["linear/bias"]
    expected = functional.layer_norm(added, (width,), w["norm/scale"], w["norm/shift"])
    torch.testing.assert_close(output, expected)
