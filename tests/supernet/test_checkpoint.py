import os
from pathlib import Path

import pytest
import torch

from dagsmith.supernet import CheckpointError, load_checkpoint, save_checkpoint

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor([1, 2])}


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "net.safetensors"
    save_checkpoint(path, "kind/1", TENSORS, {"step": 3, "name": "é"})
    tensors, description = load_checkpoint(path, "kind/1")
    assert description == {"step": 3, "name": "é"}
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert os.listdir(path.parent) == ["net.safetensors"]  # noqa: PTH208


def test_views_of_one_storage_are_stored(tmp_path: Path) -> None:
    whole = torch.randn(4, 5)
    parts = {"left": whole[:, :2], "all": whole, "turned": whole.t()}
    save_checkpoint(tmp_path / "f", "kind/1", parts, {})
    tensors, _ = load_checkpoint(tmp_path / "f", "kind/1")
    assert all(torch.equal(tensors[name], parts[name]) for name in parts)


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.safetensors"
    save_checkpoint(path, "kind/1", TENSORS, {"step": 1})

    def no_space(tensors: object, file: Path, metadata: object) -> None:
        file.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("dagsmith.supernet.checkpoint.save_file", no_space)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(path, "kind/1", TENSORS, {"step": 2})
    assert load_checkpoint(path, "kind/1")[1] == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["net.safetensors"]


@pytest.mark.parametrize("damage", ["truncated", "header only", "empty", "text", "missing"])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "net.safetensors"
    save_checkpoint(path, "kind/1", TENSORS, {})
    whole = path.read_bytes()
    contents = {
        "truncated": whole[:-4],
        "header only": whole[:20],
        "empty": b"",
        "text": b"not a checkpoint at all",
    }
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(contents[damage])
    with pytest.raises(CheckpointError, match=r"net\.safetensors: no readable checkpoint"):
        load_checkpoint(path, "kind/1")


def test_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_checkpoint(path, "kind/1", TENSORS, {})
    with pytest.raises(CheckpointError, match="format is 'kind/1'; expected 'kind/2'"):
        load_checkpoint(path, "kind/2")
