from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from dagsmith.space import Node

Run = Callable[..., tuple[Tensor, dict[str, Tensor]]]


@pytest.mark.parametrize(("dim", "heads"), [(16, 8), (8, 8), (10, 1)])
def test_attention_is_the_transformer_layer_of_torch(run: Run, dim: int, heads: int) -> None:
    first, second = torch.randn(4, dim, 3), torch.randn(4, dim, 5)
    node = Node.of("sparse_op", operator="attention", rows=6)
    output, w = run(node, {"sparse": [first, second]})

    rows = first @ w["rows/from/sparse0"].T + second @ w["rows/from/sparse1"].T + w["rows/bias"]
    rows = functional.layer_norm(rows, (6,), w["rows_norm/scale"], w["rows_norm/shift"])
    attention = nn.MultiheadAttention(dim, heads, batch_first=True)
    with torch.no_grad():
        attention.in_proj_weight.copy_(w["query_key_value/from/token"])
        attention.in_proj_bias.copy_(w["query_key_value/bias"])
        attention.out_proj.weight.copy_(w["out/from/token"])
        attention.out_proj.bias.copy_(w["out/bias"])
        tokens = rows.transpose(1, 2)
        tokens = tokens + attention(tokens, tokens, tokens, need_weights=False)[0]
    tokens = functional.layer_norm(
        tokens, (dim,), w["attention_norm/scale"], w["attention_norm/shift"]
    )
    hidden = functional.linear(tokens, w["feed_1/from/token"], w["feed_1/bias"]).clamp(min=0)
    tokens = tokens + functional.linear(hidden, w["feed_2/from/token"], w["feed_2/bias"])
    tokens = functional.layer_norm(tokens, (dim,), w["feed_norm/scale"], w["feed_norm/shift"])
    torch.testing.assert_close(output, tokens.transpose(1, 2), atol=1e-5, rtol=1e-5)
