"""A prepared data set on disk: plain arrays, memory-mapped."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dagsmith.data.batch import Batch, batch_rows
from dagsmith.data.encoders import Encoders, SparseField
from dagsmith.data.errors import DatasetError
from dagsmith.data.reading import file_digest
from dagsmith.data.schema import Schema
from dagsmith.space.errors import nearest

FORMAT_VERSION = 1
KIND = "dagsmith-dataset"
MANIFEST = "dataset.json"
ENCODERS = "encoders"
ARRAYS: dict[str, str] = {"dense": "<f4", "sparse": "<i4", "label": "<f4"}
"""The arrays of a split -> their type on disk."""


class Split:
    """Some rows of a data set.

    With ``N`` rows, ``D`` dense features and ``C`` sparse columns:

    Args:
        dense: float32 ``[N, D]``.
        sparse: int32 ``[N, C]``, ids local to their field.
        label: float32 ``[N]``; NaN where there is no label.
        origin: Folder and name to open it again from, in another process.

    Attributes:
        dense: As given; of a data set, memory-mapped and read-only. Likewise the others.
        sparse: As given.
        label: As given.

    Example:
        >>> split = Split(
        ...     np.zeros((5, 1), np.float32), np.zeros((5, 2), np.int32), np.ones(5, np.float32)
        ... )
        >>> [len(batch) for batch in split.batches(2, shuffle=True, seed=7)]
        [2, 2, 1]
    """

    def __init__(
        self,
        dense: NDArray[np.float32],
        sparse: NDArray[np.int32],
        label: NDArray[np.float32],
        origin: tuple[str, str] | None = None,
    ) -> None:
        self.dense = dense
        self.sparse = sparse
        self.label = label
        self._origin = origin

    def __len__(self) -> int:
        return len(self.label)

    def __repr__(self) -> str:
        return f"Split({len(self):,} rows, {self.dense.shape[1]} dense, {self.sparse.shape[1]} ids)"

    def __reduce__(self) -> tuple[Any, ...]:
        if self._origin is not None:
            return _open_split, self._origin
        return Split, (self.dense, self.sparse, self.label)

    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        epoch: int = 0,
        start: int = 0,
        drop_last: bool = False,
    ) -> Iterator[Batch]:
        """One epoch of batches.

        Args:
            batch_size: Rows per batch.
            shuffle: Permute the rows, in bounded memory (see ``shuffled_windows``).
            seed: Of the permutation, which depends on it and the epoch only.
            epoch: Number of the epoch.
            start: Number of the first batch: a resumed epoch continues where it stopped.
            drop_last: Leave out a last batch that is not full.

        Yields:
            Batches that own their arrays.
        """
        selections = batch_rows(
            len(self),
            batch_size,
            shuffle=shuffle,
            seed=seed,
            epoch=epoch,
            start=start,
            drop_last=drop_last,
        )
        for selection in selections:
            if isinstance(selection, slice):
                yield Batch(
                    self.dense[selection].copy(),
                    self.sparse[selection].copy(),
                    self.label[selection].copy(),
                )
            else:
                yield self.take(selection)

    def take(self, rows: NDArray[np.integer[Any]]) -> Batch:
        """Rows by number, in the order given."""
        rows = np.asarray(rows)
        return Batch(
            self.dense.take(rows, axis=0), self.sparse.take(rows, axis=0), self.label.take(rows)
        )

    def part(self, start: int, stop: int, name: str | None = None) -> "Split":
        """Consecutive rows, without copying."""
        origin = (self._origin[0], name) if self._origin is not None and name is not None else None
        return Split(
            self.dense[start:stop], self.sparse[start:stop], self.label[start:stop], origin
        )


class Dataset:
    """A prepared data set: splits of encoded rows, and the encoders that made them.

    The folder holds ``dataset.json``, ``encoders/`` and, for every split, ``dense.npy``,
    ``sparse.npy`` and ``label.npy``. Nothing is read before it is used.

    Attributes:
        path: The folder.
        schema: Label and features.
        fingerprint: SHA-256 of schema, encoders, row counts and contents: which data set
            this is, wherever it lies.
        splits: ``train``, ``valid``, ``test``, and partitions such as ``day=2``, by name.
        metadata: What else is known: rows read and skipped, warnings, ``bayes_logloss``.
    """

    def __init__(self, path: Path, manifest: Mapping[str, Any], encoders: Encoders) -> None:
        self.path = path
        self.encoders = encoders
        self.fingerprint = str(manifest["fingerprint"])
        self.metadata: Mapping[str, Any] = MappingProxyType(dict(manifest["metadata"]))
        self.request: Mapping[str, Any] = MappingProxyType(dict(manifest["request"]))
        self._digests: Mapping[str, str] = dict(manifest["digests"])
        shape = (len(encoders.dense), encoders.columns)
        splits: dict[str, Split] = {}
        for name, rows in manifest["splits"].items():
            splits[name] = _map_split(path, name, int(rows), shape)
        for entry in manifest["partitions"]:
            whole = splits[entry["split"]]
            splits[entry["name"]] = whole.part(entry["start"], entry["stop"], entry["name"])
        self.splits: Mapping[str, Split] = MappingProxyType(splits)
        self._views: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    @classmethod
    def open(cls, path: str | Path) -> "Dataset":
        """Open a prepared data set.

        Raises:
            DatasetError: If there is none, or it is truncated, foreign, or of a newer version.
        """
        path = Path(path)
        manifest = read_manifest(path)
        encoders = Encoders.load(path / ENCODERS)
        try:
            return cls(path, manifest, encoders)
        except (KeyError, TypeError, AttributeError) as error:
            raise DatasetError(f"{path / MANIFEST}: damaged: {error!r}") from None

    @property
    def schema(self) -> Schema:
        """Label and features."""
        return self.encoders.schema

    @property
    def fields(self) -> tuple[SparseField, ...]:
        """The sparse fields, in the order of their columns."""
        return self.encoders.fields

    @property
    def dense_features(self) -> tuple[str, ...]:
        """Names of the dense columns."""
        return self.encoders.dense_features

    @property
    def train(self) -> Split:
        """The training rows."""
        return self.split("train")

    @property
    def valid(self) -> Split:
        """The validation rows."""
        return self.split("valid")

    @property
    def test(self) -> Split:
        """The test rows."""
        return self.split("test")

    def split(self, name: str) -> Split:
        """A split or partition by name.

        Raises:
            DatasetError: If there is none of that name.
        """
        if name not in self.splits:
            raise DatasetError(f"{self.path}: no split {name!r}; {nearest(name, self.splits)}")
        return self.splits[name]

    def drawn(self, rows: Mapping[str, int | None], *, seed: int = 0) -> "Dataset":
        """The data set with only some rows of some splits, held in memory.

        Args:
            rows: Most rows by split, drawn at random and in their order; None leaves all.
            seed: Of the draw.
        """
        splits = dict(self.splits)
        for name, most in rows.items():
            whole = self.split(name)
            if most is not None and most < len(whole):
                # Not by a permutation, which would cost the whole log's length.
                rng = np.random.default_rng(seed)
                chosen = rng.choice(len(whole), most, replace=False, shuffle=False)
                part = whole.take(np.sort(chosen))
                splits[name] = Split(part.dense, part.sparse, part.label)
        return self._view("drawn", {"rows": dict(rows), "seed": seed}, splits)

    def without_dense(self) -> "Dataset":
        """The data set without its dense features."""
        splits = {
            name: Split(split.dense[:, :0], split.sparse, split.label)
            for name, split in self.splits.items()
        }
        found = self._view("without_dense", {}, splits)
        schema = replace(self.schema, features=self.schema.sparse)
        found.encoders = Encoders(schema, (), self.encoders.sparse)
        return found

    def with_labels(self, file: str | Path) -> "Dataset":
        """The data set with other labels of its training rows, such as `soft_labels` gives.

        Args:
            file: ``.npy`` with float32 ``[training rows]``, probabilities; memory-mapped.

        Raises:
            DatasetError: If it is not there, or holds anything else.
        """
        file, whole = Path(file), self.train
        labels = _map_array(file, ARRAYS["label"], (len(whole),))
        # Written so that NaN is refused too.
        wrong = np.flatnonzero(~((labels >= 0) & (labels <= 1)))
        if len(wrong):
            row = int(wrong[0])
            raise DatasetError(f"{file}: row {row} is {labels[row]}; expected 0 to 1")
        splits = {**self.splits, "train": Split(whole.dense, whole.sparse, labels)}
        return self._view("with_labels", {"file": file}, splits)

    def _view(
        self, method: str, arguments: Mapping[str, Any], splits: Mapping[str, Split]
    ) -> "Dataset":
        """Another view of the same folder, by a method that opens it again elsewhere."""
        found = copy.copy(self)
        found.splits = MappingProxyType(dict(splits))
        found._views = (*self._views, (method, arguments))
        return found

    def verify(self) -> None:
        """Read everything and compare it with the digests of the day it was written.

        Raises:
            DatasetError: If a file was changed.
        """
        for name, digest in self._digests.items():
            if file_digest(self.path / name) != digest:
                raise DatasetError(f"{self.path / name}: the content was changed after preparation")

    def __reduce__(self) -> tuple[Any, ...]:
        return _open_view, (self.path, self._views)

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} {len(split):,}" for name, split in self.splits.items())
        return (
            f"Dataset({str(self.path)!r}: {rows}; {len(self.dense_features)} dense features,"
            f" {len(self.fields)} sparse fields)"
        )


def read_manifest(path: Path) -> dict[str, Any]:
    """Read and check ``dataset.json``.

    Raises:
        DatasetError: If it is not there, damaged, foreign, or of a newer version.
    """
    if path.is_file():
        raise DatasetError(f"{path}: a file, not a prepared data set; prepare it first")
    if not path.is_dir():
        raise DatasetError(f"{path}: no such data set")
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(f"{path}: not a prepared data set (it has no {MANIFEST})") from None
    except ValueError:
        raise DatasetError(f"{path / MANIFEST}: damaged or truncated") from None
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
        raise DatasetError(f"{path / MANIFEST}: not written by dagsmith")
    version = manifest.get("version")
    if not isinstance(version, int):
        raise DatasetError(f"{path / MANIFEST}: damaged: no format version")
    if version > FORMAT_VERSION:
        raise DatasetError(
            f"{path}: format {version} is of a newer dagsmith; this one reads up to"
            f" {FORMAT_VERSION}"
        )
    return manifest


def _open_view(path: Path, views: Sequence[tuple[str, Mapping[str, Any]]]) -> Dataset:
    dataset = Dataset.open(path)
    for method, arguments in views:
        dataset = getattr(dataset, method)(**arguments)
    return dataset


def _open_split(path: str, name: str) -> Split:
    return Dataset.open(path).split(name)


def _map_split(path: Path, name: str, rows: int, shape: tuple[int, int]) -> Split:
    dense = _map_array(path / name / "dense.npy", ARRAYS["dense"], (rows, shape[0]))
    sparse = _map_array(path / name / "sparse.npy", ARRAYS["sparse"], (rows, shape[1]))
    label = _map_array(path / name / "label.npy", ARRAYS["label"], (rows,))
    return Split(dense, sparse, label, (str(path), name))


def _map_array(file: Path, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    if not file.is_file():
        raise DatasetError(f"{file}: missing; the data set is incomplete")
    try:
        if 0 in shape:  # an empty array cannot be mapped
            array: NDArray[Any] = np.load(file, allow_pickle=False)
            array.flags.writeable = False
        else:
            # A plain view of the map: the memmap class costs time at each indexing.
            array = np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))
    except (ValueError, OSError, EOFError) as error:
        raise DatasetError(f"{file}: damaged or truncated: {error}") from None
    if array.shape != shape or array.dtype != np.dtype(dtype):
        raise DatasetError(
            f"{file}: {array.dtype}{list(array.shape)} where {np.dtype(dtype)}{list(shape)} is"
            " expected"
        )
    return array
