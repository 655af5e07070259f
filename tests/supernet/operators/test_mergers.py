from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.space import Node

Run = Callable[..., tuple[Tensor, dict[str, Tensor]]]


@pytest.mark.parametrize("width", [7, 16])
def test_fm_adds_all_pairwise_products(run: Run, width: int) -> None:
    dense, rows = torch.randn(5, width), torch.randn(5, 16, 4)
    output, w = run(Node.of("merger", operator="fm"), {"dense": [dense], "sparse": [rows]})
    # (sum e)^2 - sum e^2 = 2 sum over i < j of e_i e_j
    pairs = [rows[:, :, i] * rows[:, :, j] for i in range(4) for j in range(i)]
    pooled = 2 * torch.stack(pairs).sum(0)
    assert ("linear/bias" in w) == (width != 16)
    if width != 16:
        pooled = pooled @ w["linear/from/pooled"].T + w["linear/bias"]
    expected = dense + functional.layer_norm(pooled, (width,), w["norm/scale"], w["norm/shift"])
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("width", [7, 128])
def test_dense_to_sparse_appends_eight_rows(run: Run, width: int) -> None:
    dense, rows = torch.randn(5, width), torch.randn(5, 16, 4)
    node = Node.of("merger", operator="dense_to_sparse")
    output, w = run(node, {"dense": [dense], "sparse": [rows]})
    made = dense
    assert ("linear/bias" in w) == (width != 128)
    if width != 128:
        made = dense @ w["linear/from/dense"].T + w["linear/bias"]
    made = functional.layer_norm(made, (128,), w["norm/scale"], w["norm/shift"])
    torch.testing.assert_close(output[:, :, :4], rows)
    torch.testing.assert_close(output[:, :, 4:], made.reshape(5, 16, 8))


@pytest.mark.parametrize(("port", "shape"), [("dense", (5, 7)), ("sparse", (5, 16, 4))])
def test_add_sums_its_inputs(run: Run, port: str, shape: tuple[int, ...]) -> None:
    parts = [torch.randn(shape) for _ in range(3)]
    output, weights = run(Node.of("merger", operator="add"), {port: parts})
    assert not weights
    torch.testing.assert_close(output, parts[0] + parts[1] + parts[2])
