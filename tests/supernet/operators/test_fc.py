from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.space import Node

Run = Callable[..., tuple[Tensor, dict[str, Tensor]]]


def test_fc_is_linear_norm_relu(run: Run) -> None:
    first, second = torch.randn(9, 3), torch.randn(9, 5)
    node = Node.of("dense_op", operator="fc", width=7)
    output, w = run(node, {"dense": [first, second]})
    hidden = first @ w["linear/from/dense0"].T + second @ w["linear/from/dense1"].T
    hidden = hidden + w["linear/bias"]
    expected = functional.layer_norm(hidden, (7,), w["norm/scale"], w["norm/shift"]).clamp(min=0)
    torch.testing.assert_close(output, expected)
