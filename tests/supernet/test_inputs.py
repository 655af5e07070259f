import numpy as np
import pytest
import torch

from dagsmith.data import Batch
from dagsmith.supernet import pick_device
from dagsmith.supernet.inputs import to_tensors

CPU = torch.device("cpu")


@pytest.mark.parametrize("width", [0, 3])
def test_a_batch_becomes_tensors(width: int) -> None:
    dense = np.random.default_rng(0).normal(size=(4, width)).astype(np.float32)
    batch = Batch(dense, np.arange(8, dtype=np.int32).reshape(4, 2), np.ones(4, np.float32))
    found, ids, label = to_tensors(batch, CPU)
    assert (found.dtype, ids.dtype, label.dtype) == (torch.float32, torch.int64, torch.float32)
    assert ids.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    if width:
        assert torch.equal(found, torch.from_numpy(dense))
    else:
        assert torch.equal(found, torch.ones(4, 1)), "data without dense features get a constant"


def test_the_device_is_the_name_given() -> None:
    assert pick_device("cpu") == CPU
    assert pick_device("auto").type in ("cpu", "cuda")
