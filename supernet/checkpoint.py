"""Checkpoints: tensors as safetensors with their description in its header, written atomically."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor


class CheckpointError(ValueError):
    """A file that is no checkpoint of this kind: truncated, foreign, or otherwise configured."""


def save_checkpoint(
    path: Path, kind: str, tensors: Mapping[str, Tensor], description: Mapping[str, Any]
) -> None:
    """Write a checkpoint under a temporary name, then rename it; a kill leaves the old one.

    Args:
        path: the file.
        kind: what it holds, with its format version (``"dagsmith.supernet/1"``).
        tensors: by name.
        description: JSON-ready facts kept in the file's header.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    metadata = {"format": kind, "description": json.dumps(dict(description))}
    # Views of one storage and non-contiguous slices cannot be stored as they are.
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        save_file(plain, temporary, metadata)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load_checkpoint(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint of this kind.

    Returns:
        The tensors by name and the description.

    Raises:
        CheckpointError: the file is missing, truncated, or of another kind.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != kind:
                raise CheckpointError(
                    f"{path}: format is {metadata.get('format')!r}; expected {kind!r}"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: no readable checkpoint ({error})") from None
    return tensors, json.loads(metadata["description"])
