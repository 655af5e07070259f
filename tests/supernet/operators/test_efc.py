from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.space import Node

Run = Callable[..., tuple[Tensor, dict[str, Tensor]]]


def test_efc_maps_the_rows_of_each_embedding_coordinate(run: Run) -> None:
    first, second = torch.randn(4, 16, 3), torch.randn(4, 16, 5)
    node = Node.of("sparse_op", operator="efc", rows=7)
    output, w = run(node, {"sparse": [first, second]})
    for coordinate in range(16):
        hidden = first[:, coordinate] @ w["linear/from/sparse0"].T
        hidden = hidden + second[:, coordinate] @ w["linear/from/sparse1"].T + w["linear/bias"]
        expected = functional.layer_norm(hidden, (7,), w["norm/scale"], w["norm/shift"])
        torch.testing.assert_close(output[:, coordinate], expected.clamp(min=0))
