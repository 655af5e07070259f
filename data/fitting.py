"""Encoders from the training rows: provisional codes first, then counts, then final ids."""

from abc import ABC, abstractmethod

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagsmith.data.fitted import (
    FIRST_VALUE,
    MISSING,
    UNKNOWN,
    FittedBuckets,
    FittedDense,
    FittedHashing,
    FittedVocabulary,
)
from dagsmith.data.schema import (
    Buckets,
    CategoricalFeature,
    DenseFeature,
    MultiValuedFeature,
    Vocabulary,
)
from dagsmith.data.spelling import plain_texts

PORTION_ROWS = 65_536
"""Values from which the statistics of a dense feature are updated at once."""

SAMPLE_ROWS = 100_000
"""Training rows from which the boundaries of buckets are taken."""


class Codes:
    """Provisional codes of a text column: 0 missing or empty, then 1, 2, ... as first seen."""

    def __init__(self) -> None:
        self._type = pl.Categorical(pl.Categories.random())
        # Polars forgets the mapping when no column uses it.
        self._anchor = pl.Series([""], dtype=pl.String).cast(self._type)
        self._size = 0
        self._texts = [pl.Series([], dtype=pl.String)]

    def of(self, texts: pl.Series) -> NDArray[np.int32]:
        """Codes of texts, new ones for new values."""
        codes = texts.cast(self._type).to_physical().cast(pl.Int32).fill_null(MISSING)
        result = codes.to_numpy()
        if result.max(initial=0) > self._size:
            found = np.flatnonzero(result > self._size)
            new, first = np.unique(result[found], return_index=True)
            # By way of a list: a slice of a text column would keep the whole chunk alive.
            self._texts.append(pl.Series(texts.gather(found[first]).to_list(), dtype=pl.String))
            self._size += len(new)
        return result

    def values(self) -> pl.Series:
        """The values in the order of their codes, from code 1."""
        return pl.concat(self._texts)


class ColumnFit(ABC):
    """What one feature learns from the training rows, block by block."""

    @abstractmethod
    def update(self, values: NDArray[np.float32] | NDArray[np.int32]) -> None:
        """Take in training rows (of a multi-valued feature: its columns)."""

    @property
    @abstractmethod
    def empty(self) -> bool:
        """Whether no training row has a value."""


class DenseFit(ColumnFit):
    """Mean, variance and range of a dense feature (Chan's parallel update).

    Values are taken in portions of fixed size, so that the last digit does not depend on the
    blocks in which they come.
    """

    def __init__(self, feature: DenseFeature) -> None:
        self._feature = feature
        self._needed = feature.transform not in ("none", "log")
        self._seen = False
        self._pending = np.empty(0, dtype=np.float32)
        self._count = 0
        self._mean = self._squares = 0.0
        self._low, self._high = np.inf, -np.inf

    def update(self, values: NDArray[np.float32] | NDArray[np.int32]) -> None:
        """Take in raw numbers."""
        present = values[~np.isnan(values)].astype(np.float32, copy=False)
        self._seen = self._seen or len(present) > 0
        if not self._needed:
            return
        self._pending = np.concatenate([self._pending, present])
        whole = len(self._pending) // PORTION_ROWS * PORTION_ROWS
        for begin in range(0, whole, PORTION_ROWS):
            self._take_in(self._pending[begin : begin + PORTION_ROWS])
        self._pending = self._pending[whole:]

    def _take_in(self, portion: NDArray[np.float32]) -> None:
        exact = FittedDense(self._feature).prepared(portion)
        mean = float(exact.mean())
        total = self._count + len(exact)
        shift = mean - self._mean
        self._squares += float(np.square(exact - mean).sum())
        self._squares += shift**2 * self._count * len(exact) / total
        self._mean += shift * len(exact) / total
        self._count = total
        self._low = min(self._low, float(exact.min()))
        self._high = max(self._high, float(exact.max()))

    @property
    def empty(self) -> bool:
        """Whether no training row has a value."""
        return not self._seen

    def fitted(self) -> FittedDense:
        """The encoder."""
        if not self._needed:
            return FittedDense(self._feature)
        if len(self._pending):
            self._take_in(self._pending)
            self._pending = self._pending[:0]
        std = float(np.sqrt(self._squares / self._count))
        # A constant column: rounding must not blow it up.
        std = std if std > 1e-7 * max(1.0, abs(self._mean)) else 1.0
        # The last digits of a sum depend on the processor.
        mean, std = float(f"{self._mean:.12g}"), float(f"{std:.12g}")
        return FittedDense(self._feature, mean, std, self._low, self._high)


class BucketFit(ColumnFit):
    """Quantiles of a number from a sample of the training rows of fixed size."""

    def __init__(self, feature: CategoricalFeature) -> None:
        self._feature = feature
        self._rng = np.random.default_rng(0)
        self._values = np.empty(0, dtype=np.float32)
        self._priorities = np.empty(0)

    def update(self, values: NDArray[np.float32] | NDArray[np.int32]) -> None:
        """Take in raw numbers; the sample is the rows with the smallest random priorities."""
        present = values[~np.isnan(values)].astype(np.float32)
        self._values = np.concatenate([self._values, present])
        self._priorities = np.concatenate([self._priorities, self._rng.random(len(present))])
        if len(self._values) > SAMPLE_ROWS:
            kept = np.argpartition(self._priorities, SAMPLE_ROWS)[:SAMPLE_ROWS]
            self._values, self._priorities = self._values[kept], self._priorities[kept]

    @property
    def empty(self) -> bool:
        """Whether no training row has a value."""
        return not len(self._values)

    def fitted(self) -> FittedBuckets:
        """The encoder."""
        encoder = self._feature.encoder
        assert isinstance(encoder, Buckets)
        boundaries = _boundaries(self._values, encoder.bins)
        return FittedBuckets(self._feature, boundaries.astype(np.float32))


def _boundaries(values: NDArray[np.float32], bins: int) -> NDArray[np.float32]:
    """Inner boundaries of about `bins` intervals; each begins at its boundary.

    A value that fills an interval alone, such as the 0 of most amounts, has one to itself; what is
    left of the intervals divides the other values equally.
    """
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= bins:
        return distinct[1:]
    full = counts * bins >= len(values)
    rest = np.repeat(distinct[~full], counts[~full])
    parts = max(1, bins - 2 * int(full.sum()))
    quantiles = np.quantile(rest, np.linspace(0, 1, parts + 1)[1:-1], method="nearest")
    after = np.append(distinct[1:], distinct[-1])[full]
    found = np.unique(np.concatenate([quantiles, distinct[full], after]))
    # A boundary at the smallest value would leave the first interval empty.
    boundaries: NDArray[np.float32] = found[found > distinct[0]]
    return boundaries


class VocabularyFit(ColumnFit):
    """How often each value occurs in the training rows."""

    def __init__(
        self, feature: CategoricalFeature | MultiValuedFeature, encoder: Vocabulary, codes: Codes
    ) -> None:
        self._feature = feature
        self._encoder = encoder
        self._values = codes.values()
        self._counts = np.zeros(len(self._values) + 1, dtype=np.int64)

    def update(self, values: NDArray[np.float32] | NDArray[np.int32]) -> None:
        """Take in provisional codes."""
        np.add.at(self._counts, values.ravel().astype(np.int32, copy=False), 1)

    @property
    def empty(self) -> bool:
        """Whether no training row has a value."""
        return not self._counts[1:].any()

    def fitted(self) -> tuple[FittedVocabulary, NDArray[np.int32]]:
        """The encoder, and the table from provisional codes to its ids."""
        spelled = pl.DataFrame({"value": plain_texts(self._values), "count": self._counts[1:]})
        kept = (
            spelled.group_by("value")
            .agg(pl.col("count").sum())
            .filter(pl.col("count") >= self._encoder.min_count)
            .sort("count", "value", descending=[True, False])
        )
        if self._encoder.max_size is not None:
            kept = kept.head(self._encoder.max_size)
        numbered = kept.select("value").with_row_index("id", offset=FIRST_VALUE)
        found = spelled.join(numbered, on="value", how="left", maintain_order="left")["id"]
        ids = np.full(len(self._counts), MISSING, dtype=np.int32)
        ids[1:] = found.fill_null(UNKNOWN).to_numpy()
        return FittedVocabulary(self._feature, kept["value"], kept["count"]), ids


class HashingFit(ColumnFit):
    """Nothing to learn, but whether there is a value at all."""

    def __init__(self, feature: CategoricalFeature | MultiValuedFeature) -> None:
        self._feature = feature
        self._seen = False

    def update(self, values: NDArray[np.float32] | NDArray[np.int32]) -> None:
        """Take in ids."""
        self._seen = self._seen or bool(np.any(values))

    @property
    def empty(self) -> bool:
        """Whether no training row has a value."""
        return not self._seen

    def fitted(self) -> FittedHashing:
        """The encoder."""
        return FittedHashing(self._feature)
