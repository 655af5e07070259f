"""From a batch of the data room to tensors on the device."""

import numpy as np
import torch
from torch import Tensor

from dagsmith.data import Batch


def to_tensors(batch: Batch, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Dense ``[batch, width]``, ids ``[batch, columns]`` (int64) and label ``[batch]``.

    Data without dense features get a constant 1, as NASRec gives Avazu a constant column.
    """
    rows = len(batch.label)
    if batch.dense.shape[1]:
        dense = torch.from_numpy(np.ascontiguousarray(batch.dense, np.float32)).to(device)
    else:
        dense = torch.ones(rows, 1, device=device)
    ids = torch.from_numpy(batch.sparse.astype(np.int64)).to(device)
    label = torch.from_numpy(np.ascontiguousarray(batch.label, np.float32)).to(device)
    return dense, ids, label


def pick_device(name: str = "auto") -> torch.device:
    """``"auto"`` is CUDA where there is one, else the CPU; any other name is torch's own."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
