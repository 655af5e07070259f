"""The way of the rows: read, fit, write. Memory does not grow with them.

1. ``read_rows``: every source is parsed once; texts become provisional codes (which need the
   dictionary of all values, the one thing that grows), numbers stay numbers.
2. ``fit``: rows are assigned to their partitions, and those of the training split are counted.
3. ``write``: provisional codes become final ids, and the arrays of the splits are written.
"""

import contextlib
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dagsmith.data.encoders import Encoders
from dagsmith.data.errors import DatasetError
from dagsmith.data.fitted import (
    UNKNOWN,
    FittedBuckets,
    FittedDense,
    FittedHashing,
    FittedSparse,
    FittedVocabulary,
)
from dagsmith.data.fitting import (
    BucketFit,
    DenseFit,
    HashingFit,
    VocabularyFit,
)
from dagsmith.data.raw_rows import Progress, RawRows
from dagsmith.data.schema import (
    Buckets,
    DenseFeature,
    Feature,
    MultiValuedFeature,
    Schema,
    Vocabulary,
)
from dagsmith.data.spill import RawBlock
from dagsmith.data.splits import SPLITS, Dealer, Plan, SplitName
from dagsmith.data.store import ARRAYS

_log = logging.getLogger(__name__)
_Fit = DenseFit | BucketFit | VocabularyFit | HashingFit


@dataclass(frozen=True)
class Fitted:
    """What ``fit`` found.

    Attributes:
        encoders: Of the features that have a value in the training rows.
        tables: Feature with a vocabulary -> table from provisional codes to ids.
        counts: Rows without and with a click of each partition, ``[partitions, 2]``.
        dropped: Features without any value.
    """

    encoders: Encoders
    tables: dict[str, NDArray[np.int32]]
    counts: NDArray[np.int64]
    dropped: tuple[str, ...]


def fit(raw: RawRows, schema: Schema, plan: Plan, progress: Progress) -> Fitted:
    """Fit the encoders on the training rows and count the rows of each partition."""
    fits: dict[Feature, _Fit] = {}
    for feature in schema.features:
        if isinstance(feature, DenseFeature):
            fits[feature] = DenseFit(feature)
        elif isinstance(feature.encoder, Buckets):
            assert not isinstance(feature, MultiValuedFeature)
            fits[feature] = BucketFit(feature)
        elif isinstance(feature.encoder, Vocabulary):
            codes = raw.codes[feature.name]
            fits[feature] = VocabularyFit(feature, feature.encoder, codes)
        else:
            fits[feature] = HashingFit(feature)
    trains = np.array([partition.split == "train" for partition in plan.partitions])
    counts = np.zeros(2 * len(plan.partitions), dtype=np.int64)
    dealer = Dealer(plan)
    done = 0
    for block in raw.spill:
        partition = dealer.deal(block.keys, block.label)
        counts += np.bincount(2 * partition + block.label.astype(np.int32), minlength=len(counts))
        chosen = np.flatnonzero(trains[partition])
        if len(chosen):
            numbers, codes_ = block.numbers, block.codes
            if len(chosen) < len(partition):
                numbers, codes_ = numbers.take(chosen, axis=1), codes_.take(chosen, axis=1)
            for feature, fitting in fits.items():
                place = raw.places[feature.name]
                fitting.update(numbers[place.rows][0] if place.numbers else codes_[place.rows])
        done += len(partition)
        progress("fit", done, raw.spill.rows)
    empty = (feature.name for feature, fitting in fits.items() if fitting.empty)
    dropped = tuple(dict.fromkeys(empty))
    for name in dropped:
        _log.warning("column %r has no value in the training rows: dropped", name)
    if all(fitting.empty for fitting in fits.values()):
        raise DatasetError("every feature column is empty in the training rows")
    dense: list[FittedDense] = []
    sparse: list[FittedSparse] = []
    tables: dict[str, NDArray[np.int32]] = {}
    for feature, fitting in fits.items():
        if fitting.empty:
            continue
        if isinstance(fitting, DenseFit):
            dense.append(fitting.fitted())
        elif isinstance(fitting, VocabularyFit):
            vocabulary, tables[feature.name] = fitting.fitted()
            sparse.append(vocabulary)
        else:
            sparse.append(fitting.fitted())
    encoders = Encoders(schema.without(dropped), tuple(dense), tuple(sparse))
    return Fitted(encoders, tables, counts.reshape(-1, 2), dropped)


@dataclass(frozen=True)
class Written:
    """What ``write`` left on disk.

    Attributes:
        splits: Split -> rows.
        partitions: Name, split, start and stop of the partitions that are not whole splits.
        unknown: Split -> feature with a vocabulary -> share of ids out of vocabulary.
    """

    splits: dict[SplitName, int]
    partitions: list[dict[str, Any]]
    unknown: dict[SplitName, dict[str, float]]


def write(raw: RawRows, plan: Plan, fitted: Fitted, folder: Path, progress: Progress) -> Written:
    """Write the arrays of all splits."""
    encoders, per_partition = fitted.encoders, fitted.counts.sum(axis=1)
    sizes = dict.fromkeys(SPLITS, 0)
    cursors: list[int] = []
    partitions: list[dict[str, Any]] = []
    for partition, count in zip(plan.partitions, per_partition.tolist(), strict=True):
        start = sizes[partition.split]
        cursors.append(start)
        sizes[partition.split] = start + count
        if partition.name != partition.split:
            place = {"name": partition.name, "split": partition.split}
            partitions.append({**place, "start": start, "stop": start + count})
    sizes = {name: count for name, count in sizes.items() if count}
    unknown = {name: np.zeros(encoders.columns, dtype=np.int64) for name in sizes}
    widths = {"dense": (len(encoders.dense),), "sparse": (encoders.columns,), "label": ()}
    with _Arrays(folder, sizes, widths) as arrays:
        dealer, done = Dealer(plan), 0
        for block in raw.spill:
            partition_of = dealer.deal(block.keys, block.label)
            dense, sparse = _encode(block, raw, fitted)
            for place in np.unique(partition_of).tolist():
                split = plan.partitions[place].split
                chosen = np.flatnonzero(partition_of == place)
                ids = sparse.take(chosen, axis=0)
                unknown[split] += (ids == UNKNOWN).sum(axis=0)
                arrays.write(split, "dense", cursors[place], dense.take(chosen, axis=0))
                arrays.write(split, "sparse", cursors[place], ids)
                arrays.write(split, "label", cursors[place], block.label.take(chosen))
                cursors[place] += len(chosen)
            done += len(partition_of)
            progress("write", done, raw.spill.rows)
    shares = {
        split: {
            sparse_field.name: float(total[sparse_field.columns].sum()) / sizes[split]
            for sparse_field, encoder in zip(encoders.fields, encoders.sparse, strict=True)
            if isinstance(encoder, FittedVocabulary)
        }
        for split, total in unknown.items()
    }
    return Written(sizes, partitions, shares)


def _encode(
    block: RawBlock, raw: RawRows, fitted: Fitted
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    encoders, count = fitted.encoders, len(block.label)
    dense = np.empty((count, len(encoders.dense)), dtype=np.float32)
    for column, number in enumerate(encoders.dense):
        place = raw.places[number.feature.name].rows
        dense[:, column] = number.encode(block.numbers[place.start])
    sparse = np.empty((count, encoders.columns), dtype=np.int32)
    for target, encoder in zip(encoders.fields, encoders.sparse, strict=True):
        place = raw.places[target.name].rows
        if isinstance(encoder, FittedBuckets):
            sparse[:, target.columns.start] = encoder.ids(block.numbers[place.start])
        elif isinstance(encoder, FittedHashing):
            sparse[:, target.columns] = block.codes[place].T
        else:
            table = fitted.tables[target.name]
            for row, column in enumerate(range(target.columns.start, target.columns.stop)):
                sparse[:, column] = table.take(block.codes[place.start + row])
    return dense, sparse


class _Arrays:
    """The ``.npy`` files of all splits, written at any row, without mapping them.

    A full disk is then an error that can be caught; in a map it would be a signal.
    """

    def __init__(
        self, folder: Path, sizes: Mapping[SplitName, int], widths: Mapping[str, tuple[int, ...]]
    ) -> None:
        self._open = contextlib.ExitStack()
        self._files: dict[tuple[SplitName, str], BufferedWriter] = {}
        self._starts: dict[tuple[SplitName, str], tuple[int, int]] = {}
        for split, size in sizes.items():
            (folder / split).mkdir()
            for name, width in widths.items():
                stream = self._open.enter_context((folder / split / f"{name}.npy").open("wb"))
                shape = (size, *width)
                header = {"descr": ARRAYS[name], "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)
                item = np.dtype(ARRAYS[name]).itemsize
                self._files[split, name] = stream
                self._starts[split, name] = (stream.tell(), item * math.prod(width))

    def write(self, split: SplitName, name: str, row: int, values: NDArray[Any]) -> None:
        if not values.size:
            return
        stream = self._files[split, name]
        start, bytes_per_row = self._starts[split, name]
        position = start + row * bytes_per_row
        if stream.tell() != position:
            stream.seek(position)
        stream.write(np.ascontiguousarray(values, dtype=ARRAYS[name]).data)

    def __enter__(self) -> "_Arrays":
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()
