"""A predictor as one file: tensors as safetensors, the rest as JSON in its metadata."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.settings import GNNSettings, TrainingSettings, Unknown
from dagsmith.space import ArchitectureError, Vocabulary
from dagsmith.space.kind_documents import kinds_from_list, kinds_to_list

FORMAT = "dagsmith.predictor"
VERSION = 1


@dataclass(frozen=True)
class SavedPredictor:
    """The content of a predictor's file.

    Args:
        kinds: its component kinds.
        settings: its settings.
        seed: its seed.
        unknown: what it does with what it never saw.
        tensors: its weights and scales.
    """

    kinds: Vocabulary
    settings: GNNSettings
    seed: int
    unknown: Unknown
    tensors: Mapping[str, Tensor]


def write_predictor(path: Path, saved: SavedPredictor) -> None:
    """Write the file under a temporary name, then rename it.

    Raises:
        PredictorError: the path is a folder.
    """
    if path.is_dir():
        raise PredictorError(f"{path} is a folder; expected the name of a file")
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "kinds": kinds_to_list(saved.kinds),
        "settings": asdict(saved.settings),
        "seed": saved.seed,
        "unknown": saved.unknown,
    }
    header["digest"] = _digest(header, saved.tensors)
    content = save(dict(saved.tensors), metadata={"predictor": json.dumps(header)})
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_predictor(path: Path) -> SavedPredictor:
    """Read the file.

    Raises:
        PredictorError: no such file, not a predictor, a damaged one, or one of a newer version.
    """
    if not path.is_file():
        raise PredictorError(f"no predictor at {path}")
    try:
        with safe_open(str(path), framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("predictor", "{}"))
            if not isinstance(header, dict) or header.get("format") != FORMAT:
                raise PredictorError(f"{path} is a safetensors file, but not of a predictor")
            if header["version"] > VERSION:
                raise PredictorError(
                    f"{path} has predictor format {header['version']}; "
                    f"this version of dagsmith reads up to {VERSION}"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            # Older files have none.
            if header.pop("digest", None) not in (None, _digest(header, tensors)):
                raise PredictorError(
                    f"{path} is damaged: its content is not what was written; save it again"
                )
            return SavedPredictor(
                kinds_from_list(header["kinds"]),
                _settings_from_dict(header["settings"]),
                int(header["seed"]),
                header["unknown"],
                tensors,
            )
    except PredictorError:
        raise
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, ArchitectureError) as error:
        line = " ".join(str(error).split())
        raise PredictorError(f"{path} is damaged or no predictor: {line}") from None


def _digest(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Of everything in a file: a flipped bit in a weight would load, and answer nonsense."""
    found = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        found.update(tensor.numpy().tobytes())
    return found.hexdigest()


def _settings_from_dict(document: Mapping[str, Any]) -> GNNSettings:
    fields = dict(document)
    training = TrainingSettings(**fields.pop("training"))
    pretraining = TrainingSettings(**fields.pop("pretraining"))
    return GNNSettings(**fields, training=training, pretraining=pretraining)
