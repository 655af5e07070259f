"""The first pass: every source is parsed once, into a spill of numbers and provisional codes."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagsmith.data import rows
from dagsmith.data.encoders import sparse_width
from dagsmith.data.errors import DatasetError, located
from dagsmith.data.fitted import FittedHashing
from dagsmith.data.fitting import Codes
from dagsmith.data.reading import Chunk, Source
from dagsmith.data.schema import (
    CategoricalFeature,
    DenseFeature,
    Hashing,
    MultiValuedFeature,
    Schema,
    Vocabulary,
)
from dagsmith.data.spill import RawBlock, Spill
from dagsmith.data.split_keys import key_texts
from dagsmith.data.splits import MOST_DAYS, SPLITS, ColumnSplit, SplitName, SplitRule, TimeSplit

Progress = Callable[[str, int, int | None], None]
"""Called with a stage (``read``, ``fit``, ``write``), the work done, and the work in all."""

_Checked = tuple[
    NDArray[np.float32], NDArray[np.float32], pl.Series | None, list[rows.Problem | None]
]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where the raw values of a feature lie in a raw block.

    Attributes:
        numbers: Whether among the numbers, else among the codes.
        rows: Which rows of that array.
    """

    numbers: bool
    rows: slice


@dataclass
class RawRows:
    """What ``read_rows`` leaves behind.

    Attributes:
        spill: The raw rows.
        places: Feature -> where its values lie in a raw block.
        codes: Provisional codes of the features with a vocabulary.
        keys: Names of the partition keys.
        counts: Rows without and with a click of each key, ``[keys, 2]``.
        ragged: Rows left out because of their number of columns.
        unreadable: Rows left out because of a label or a number.
    """

    spill: Spill
    places: dict[str, Place]
    codes: dict[str, Codes] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    ragged: int = 0
    unreadable: int = 0


def column_types(schema: Schema, rule: SplitRule) -> dict[str, bool]:
    """The columns to read -> whether they are numbers."""
    types = {schema.label.column: False}
    types.update({f.name: f.name in schema.numeric for f in schema.features})
    if isinstance(rule, TimeSplit | ColumnSplit):
        types.setdefault(rule.column, isinstance(rule, TimeSplit) and rule.period is not None)
    return types


def read_rows(
    sources: Mapping[SplitName, Source],
    schema: Schema,
    rule: SplitRule,
    file: Path,
    *,
    skip_bad: bool,
    progress: Progress,
) -> RawRows:
    """Read every source once into a spill.

    Args:
        sources: The source, as ``train``, and given files for the other splits.
        schema: Which columns.
        rule: Which column decides on the split, if any.
        file: Where the spill goes.
        skip_bad: Leave out rows that cannot be used, and count them, instead of raising.
        progress: Told after each chunk.

    Raises:
        DatasetError: For a row that cannot be used, or a source that has no other rows.
    """
    types = column_types(schema, rule)
    raw = _empty_rows(schema, file)
    total = sum(source.size() or 0 for source in sources.values()) or None
    before = 0
    with raw.spill, ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        reader = _ChunkReader(schema, rule, raw, pool)
        for name, source in sources.items():
            consumed, found = 0, raw.spill.rows
            for chunk in source.chunks(types, skip_bad=skip_bad):
                reader.read(chunk, SPLITS.index(name), skip_bad)
                consumed = chunk.consumed
                progress("read", before + consumed, total)
            before += consumed
            # Training rows must not stand in for a file that somebody gave.
            if raw.spill.rows == found:
                given = "" if name == "train" else f"the {name} file has "
                raise DatasetError(f"{source.title}: {given}no usable rows")
    if raw.ragged or raw.unreadable:
        _log.warning(
            "left out %d rows with a wrong number of columns and %d with an unusable value",
            raw.ragged,
            raw.unreadable,
        )
    reader.finish()
    return raw


class _ChunkReader:
    """Turns chunks into raw blocks of one spill."""

    def __init__(
        self, schema: Schema, rule: SplitRule, raw: RawRows, pool: ThreadPoolExecutor
    ) -> None:
        self._pool = pool
        self._schema = schema
        self._rule = rule
        self._raw = raw
        self._keys = Codes()
        self._columns = max((p.rows.stop for p in raw.places.values() if not p.numbers), default=0)

    def read(self, chunk: Chunk, source_key: int, skip_bad: bool) -> None:
        """Check a chunk, leave out or refuse what cannot be used, and spill the rest."""
        self._raw.ragged += chunk.refused
        frame = chunk.frame
        with located(chunk.locate(0)):
            numbers, label, keys, problems = self._checked(frame)
        kept = rows.usable(problems)
        if kept is not None:
            if not skip_bad:
                rows.refuse(problems, chunk.locate)
            self._raw.unreadable += int((~kept).sum())
            frame = frame.filter(pl.Series(kept))
            numbers, label, keys, _ = self._checked(frame)
        if keys is None:
            key_ids = np.full(len(frame), source_key, dtype=np.int32)
        else:
            key_ids = self._keys.of(keys) - 1
        with located(chunk.locate(0)):
            codes = self._codes(frame)
        block = RawBlock(key_ids, label, numbers, codes)
        self._count(block)
        self._refuse_too_many_days()
        self._raw.spill.write(block)

    def _refuse_too_many_days(self) -> None:
        """Before a time stamp per row has become a partition per row."""
        rule = self._rule
        if isinstance(rule, TimeSplit) and len(self._raw.counts) > MOST_DAYS:
            raise DatasetError(
                f"split: column {rule.column!r} has more than {MOST_DAYS:,} different values;"
                f" give a {'longer ' if rule.period else ''}period that makes days of them,"
                " such as 86400 for seconds"
            )

    def finish(self) -> None:
        """Name the keys."""
        by_column = isinstance(self._rule, TimeSplit | ColumnSplit)
        self._raw.keys = self._keys.values().to_list() if by_column else list(SPLITS)
        absent = len(self._raw.keys) - len(self._raw.counts)
        self._raw.counts = np.pad(self._raw.counts, ((0, absent), (0, 0)))

    def _checked(self, frame: pl.DataFrame) -> _Checked:
        """Numbers, labels and partition keys of a chunk, and the rows where they fail."""
        schema = self._schema
        label, problem = rows.label_values(frame[schema.label.column], schema.label)
        problems = [problem]
        numbers = np.empty((len(schema.numeric), len(frame)), dtype=np.float32)
        for name in schema.numeric:
            values, problem = rows.numbers(frame[name], schema.missing)
            numbers[self._raw.places[name].rows] = values
            problems.append(problem)
        keys: pl.Series | None = None
        if isinstance(self._rule, TimeSplit | ColumnSplit):
            keys, problem = key_texts(frame[self._rule.column], self._rule)
            problems.append(problem)
        return numbers, label, keys, problems

    def _codes(self, frame: pl.DataFrame) -> NDArray[np.int32]:
        """Provisional codes, or ids where nothing is fitted, of the texts of a chunk."""
        codes = np.empty((self._columns, len(frame)), dtype=np.int32)

        def fill(feature: CategoricalFeature | MultiValuedFeature) -> None:
            place = self._raw.places[feature.name]
            encode: Callable[[pl.Series], NDArray[np.int32]]
            if isinstance(feature.encoder, Hashing):
                encode = FittedHashing(feature).ids
            else:
                encode = self._raw.codes[feature.name].of
            column = frame[feature.name]
            if isinstance(feature, MultiValuedFeature):
                found = rows.tokens(column, feature, self._schema.missing)
                ids = encode(found.values)
                codes[place.rows] = found.padded(ids, len(frame), feature.max_length)
            else:
                codes[place.rows] = encode(rows.texts(column, self._schema.missing))

        texts = [f for f in self._schema.sparse if not self._raw.places[f.name].numbers]
        # Columns are independent, and Polars works outside the interpreter's lock.
        for _ in self._pool.map(fill, texts):
            pass
        return codes

    def _count(self, block: RawBlock) -> None:
        size = max(len(self._raw.counts), int(block.keys.max(initial=-1)) + 1)
        pairs = 2 * block.keys + block.label.astype(np.int32)
        found = np.bincount(pairs, minlength=2 * size).reshape(-1, 2)
        found[: len(self._raw.counts)] += self._raw.counts
        self._raw.counts = found


def _empty_rows(schema: Schema, file: Path) -> RawRows:
    places: dict[str, Place] = {}
    codes: dict[str, Codes] = {}
    numbers = columns = 0
    for feature in schema.features:
        if feature.name in schema.numeric:
            if feature.name in places:
                continue
            places[feature.name] = Place(True, slice(numbers, numbers + 1))
            numbers += 1
            continue
        assert not isinstance(feature, DenseFeature)
        width = sparse_width(feature)
        places[feature.name] = Place(False, slice(columns, columns + width))
        columns += width
        if isinstance(feature.encoder, Vocabulary):
            codes[feature.name] = Codes()
    return RawRows(Spill(file, numbers, columns), places, codes)
