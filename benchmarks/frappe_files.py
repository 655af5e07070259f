"""Where Frappe lies in the folder of the data, and Frappe prepared."""

from pathlib import Path

from dagsmith.data import Dataset, prepare

DROPPED = ("redrawn_negative",)
"""The column that says which training negatives were drawn anew; it is no feature."""


def frappe_files(folder: Path) -> dict[str, Path]:
    """The files of its published split: ``train``, ``valid`` and ``test``."""
    return {
        split: folder / "ctr" / f"frappe_x1_{split}.parquet" for split in ("train", "valid", "test")
    }


def frappe(folder: Path, out: str | Path) -> Dataset:
    """Frappe with its published splits."""
    files = frappe_files(folder)
    return prepare(
        files["train"],
        out,
        valid=files["valid"],
        test=files["test"],
        label="label",
        drop=DROPPED,
    )
