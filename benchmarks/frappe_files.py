"""Where Frappe lies in the folder of the data."""

from pathlib import Path

DROPPED = ("redrawn_negative",)
"""The column that says which training negatives were drawn anew; it is no feature."""


def frappe_files(folder: Path) -> dict[str, Path]:
    """The files of its published split: ``train``, ``valid`` and ``test``."""
    return {
        split: folder / "ctr" / f"frappe_x1_{split}.parquet" for split in ("train", "valid", "test")
    }
