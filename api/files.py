"""Writing files so that a reader, or the next start, never finds half of one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray


def write_text(path: str | Path, text: str) -> None:
    """Write `text` under a temporary name, flush it to the disk, and rename it to `path`."""
    with _whole(Path(path)) as file:
        file.write(text.encode())


def write_array(path: str | Path, array: NDArray[Any]) -> None:
    """Write `array` as ``.npy``, likewise."""
    with _whole(Path(path)) as file:
        np.save(file, array, allow_pickle=False)


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    with unfinished.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
