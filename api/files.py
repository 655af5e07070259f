"""Writing files so that a reader, or the next start, never finds half of one."""

import os
from pathlib import Path


def write_text(path: str | Path, text: str) -> None:
    """Write `text` under a temporary name, flush it to the disk, and rename it to `path`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
