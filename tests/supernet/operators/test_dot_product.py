import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from dagsmith.space import Node
from dagsmith.supernet.operators import DotProduct, balanced_rows
from dagsmith.supernet.operators.weight import Source

Run = Callable[..., tuple[Tensor, dict[str, Tensor]]]


def products_by_loops(vector: Tensor, rows: Tensor) -> Tensor:
    """The vector is element 0; pairs (1,0), (2,0), (2,1), (3,0), ..."""
    stacked = [vector, *rows.unbind(2)]
    pairs = [(stacked[i] * stacked[j]).sum(dim=1) for i in range(1, len(stacked)) for j in range(i)]
    return torch.stack(pairs, dim=1)


# Rows and dense inputs with and without a projection; 36 = 8 * 9 / 2 needs no output map.
@pytest.mark.parametrize("width", [12, 36])
@pytest.mark.parametrize("rows", [(3, 5), (2, 4)])
@pytest.mark.parametrize("widths", [(7, 9), (7, 3)])
def test_dot_product_is_the_triangle_of_the_gram_matrix(
    run: Run, width: int, rows: tuple[int, int], widths: tuple[int, int]
) -> None:
    sparse = [torch.randn(5, 16, size) for size in rows]
    dense = [torch.randn(5, size) for size in widths]
    node = Node.of("dense_op", operator="dot_product", width=width)
    output, w = run(node, {"dense": dense, "sparse": sparse})
    k = round(math.sqrt(2 * width))
    assert ("rows/bias" in w) == (sum(rows) != k)
    assert ("vector/bias" in w) == (sum(widths) != 16)
    assert ("out/bias" in w) == (k * (k + 1) // 2 != width)

    stack, vector = torch.cat(sparse, dim=2), torch.cat(dense, dim=1)
    if "rows/bias" in w:
        matrix = torch.cat([w["rows/from/sparse0"], w["rows/from/sparse1"]], dim=1)
        stack = functional.linear(stack, matrix, w["rows/bias"])
        stack = functional.layer_norm(stack, (k,), w["rows_norm/scale"], w["rows_norm/shift"])
    if "vector/bias" in w:
        matrix = torch.cat([w["vector/from/dense0"], w["vector/from/dense1"]], dim=1)
        vector = functional.linear(vector, matrix, w["vector/bias"])
        vector = functional.layer_norm(
            vector, (16,), w["vector_norm/scale"], w["vector_norm/shift"]
        )
    products = products_by_loops(vector, stack)
    if "out/bias" in w:
        products = functional.linear(products, w["out/from/products"], w["out/bias"])
    expected = functional.layer_norm(products, (width,), w["norm/scale"], w["norm/shift"])
    torch.testing.assert_close(output, expected, atol=1e-4, rtol=1e-4)


def test_the_products_of_fewer_rows_are_a_prefix() -> None:
    """What lets a supernet slice the output map. 28 and 36 are triangular: no map hides them."""
    torch.manual_seed(0)
    rows, vector = torch.randn(5, 16, 8), torch.randn(5, 16)
    outputs = []
    for width, count in ((28, 7), (36, 8)):
        node = Node.of("dense_op", operator="dot_product", width=width)
        sources = {"dense": [Source("d", 16)], "sparse": [Source("s", count, 16)]}
        weights = {"norm/scale": torch.ones(width), "norm/shift": torch.zeros(width)}
        inputs = {"dense": [vector], "sparse": [rows[:, :, :count]]}
        outputs.append(DotProduct().forward(node, sources, inputs, weights))
    small, large = outputs
    # LayerNorm is blind to scale and shift, so the prefix normalised again is the small one.
    again = functional.layer_norm(large[:, :28], (28,))
    torch.testing.assert_close(again, small, atol=1e-4, rtol=1e-4)


@given(st.integers(1, 4096))
def test_balanced_rows_give_about_width_products(width: int) -> None:
    k = balanced_rows(width)
    assert abs(k * (k + 1) / 2 - width) <= k


def test_scoring_before_training_leaves_nothing_that_autograd_refuses(run: Run) -> None:
    """Positions are cached; a cache filled in inference mode must not break training."""
    node = Node.of("dense_op", operator="dot_product", width=91)
    dense, sparse = torch.randn(2, 5), torch.randn(2, 16, 4)
    with torch.inference_mode():
        run(node, {"dense": [dense], "sparse": [sparse]})
    dense.requires_grad_()
    output, _ = run(node, {"dense": [dense], "sparse": [sparse]})
    output.square().sum().backward()
    assert dense.grad is not None
