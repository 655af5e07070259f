"""In which precision the matrix products run."""

from typing import Literal

import torch

from dagsmith.space import SpaceError
from dagsmith.space.errors import nearest

Precision = Literal["float32", "bfloat16"]


def computing(precision: Precision, device: torch.device) -> torch.autocast:
    """A context in which matrix products run in `precision`; weights and logits stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def pick_precision(name: str, device: torch.device) -> Precision:
    """``"auto"`` is bfloat16 where the hardware multiplies it natively, else float32.

    Raises:
        SpaceError: an unknown name.
    """
    if name == "auto":
        if device.type == "cuda":
            native = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            native = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
        return "bfloat16" if native else "float32"
    if name == "float32":
        return "float32"
    if name == "bfloat16":
        return "bfloat16"
    raise SpaceError(
        f"unknown precision {name!r}; {nearest(name, ('auto', 'bfloat16', 'float32'))}"
    )
