"""Softmax attention over a few tokens: the rows of an embedding tensor are 10 to 40."""

from torch import Tensor
from torch.nn import functional

VECTOR = 16
"""Keys from which PyTorch's own softmax runs in vector instructions."""


def attend(query: Tensor, key: Tensor, value: Tensor, scale: float | None = None) -> Tensor:
    """``softmax(scale Q K^T) V``: ``[batch, heads, tokens, width]`` each.

    Scaled by ``1 / sqrt(width)`` where `scale` is None. On a processor PyTorch's softmax over fewer
    than 16 numbers takes about five times as long as the same written out.
    """
    if query.device.type != "cpu" or key.shape[2] >= VECTOR:
        return functional.scaled_dot_product_attention(query, key, value, scale=scale)
    scores = query @ key.transpose(-1, -2)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = scores if scale == 1.0 else scores * scale
    odds = (scores - scores.detach().amax(-1, keepdim=True)).exp()
    weighed: Tensor = (odds @ value) / odds.sum(-1, keepdim=True)
    return weighed
