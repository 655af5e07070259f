"""Fitted features: each turns one raw column into numbers or ids."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagsmith.data.hashing import stable_hash
from dagsmith.data.schema import CategoricalFeature, DenseFeature, Hashing, MultiValuedFeature
from dagsmith.data.spelling import plain_texts

MISSING, UNKNOWN, FIRST_VALUE = 0, 1, 2
"""Ids of a vocabulary: missing (or padding), out of vocabulary, the most frequent value."""

FORGOTTEN_TEXTS = 1_000_000
"""Texts out of vocabulary after which their memory is given back."""


@dataclass(frozen=True)
class FittedDense:
    """A dense feature with the statistics of the training rows, after the logarithm if any.

    Attributes:
        feature: What was fitted.
        mean: Of the rows with a value; likewise the others.
        std: Population standard deviation.
        low: Smallest value.
        high: Largest value.
    """

    feature: DenseFeature
    mean: float = 0.0
    std: float = 1.0
    low: float = 0.0
    high: float = 1.0

    @property
    def logarithmic(self) -> bool:
        """Whether the logarithm is taken first."""
        return self.feature.transform in ("log", "log-standardise")

    def prepared(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """The values of which the statistics are: logarithms, or the values themselves.

        In double precision: the last digit of a single precision logarithm depends on the
        processor, and with it the fingerprint would.
        """
        exact = values.astype(np.float64)
        return np.log1p(np.maximum(exact, 0)) if self.logarithmic else exact

    def encode(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encode raw values, NaN where missing."""
        result = self.prepared(values)
        if self.feature.transform in ("standardise", "log-standardise"):
            result = (result - self.mean) / (self.std or 1.0)
        elif self.feature.transform == "min-max":
            result = np.clip((result - self.low) / ((self.high - self.low) or 1.0), 0, 1)
        result[np.isnan(values)] = self.feature.missing
        return result.astype(np.float32)


@dataclass(frozen=True, eq=False)
class FittedVocabulary:
    """The values of a categorical feature that have their own id.

    Attributes:
        feature: What was fitted.
        values: Texts, the most frequent first; the first has the id 2.
        counts: Training rows with each value.
    """

    feature: CategoricalFeature | MultiValuedFeature
    values: pl.Series
    counts: pl.Series

    @property
    def cardinality(self) -> int:
        """Number of ids, the missing and the unknown one included."""
        return len(self.values) + FIRST_VALUE

    @cached_property
    def _index(self) -> "_Index":
        return _Index(self.values)

    def ids(self, column: pl.Series) -> NDArray[np.int32]:
        """Ids of texts, null being missing."""
        return self._index.places(column)

    def __reduce__(self) -> tuple[Any, ...]:
        return FittedVocabulary, (self.feature, self.values, self.counts)


class _Index:
    """A hash table from the values of a vocabulary to their ids, built once.

    Polars keeps one behind its categorical types; that of an Enum would be built anew at every
    use. It also remembers texts that are not in the vocabulary, so it starts afresh when these
    have become many.
    """

    def __init__(self, values: pl.Series) -> None:
        self._values = values
        self._start()

    def places(self, column: pl.Series) -> NDArray[np.int32]:
        kind = self._anchor.dtype
        codes = column.cast(kind).to_physical().cast(pl.Int32).fill_null(-FIRST_VALUE).to_numpy()
        if codes.max(initial=0) > len(self._values) + FORGOTTEN_TEXTS:
            self._start()
        ids = codes + FIRST_VALUE
        unknown = codes >= len(self._values)
        if unknown.any():
            ids[unknown] = UNKNOWN
            self._look_again(column.filter(pl.Series(unknown)), unknown, ids)
        return ids

    def _look_again(
        self, texts: pl.Series, unknown: NDArray[np.bool_], ids: NDArray[np.int32]
    ) -> None:
        """Ids of texts that the vocabulary spells otherwise."""
        plain = plain_texts(texts)
        changed = (plain != texts).to_numpy()
        if changed.any():
            codes = plain.filter(pl.Series(changed)).cast(self._anchor.dtype).to_physical()
            found = codes.cast(pl.Int32).to_numpy() + FIRST_VALUE
            places = np.flatnonzero(unknown)[changed]
            ids[places] = np.where(found < len(self._values) + FIRST_VALUE, found, UNKNOWN)

    def _start(self) -> None:
        # The mapping lives as long as a column that uses it.
        self._anchor = self._values.cast(pl.Categorical(pl.Categories.random()))


@dataclass(frozen=True)
class FittedHashing:
    """A categorical feature whose ids are hashes.

    Attributes:
        feature: With its ``Hashing`` encoder.
    """

    feature: CategoricalFeature | MultiValuedFeature

    @property
    def encoder(self) -> Hashing:
        """The feature's encoder."""
        assert isinstance(self.feature.encoder, Hashing)
        return self.feature.encoder

    @property
    def cardinality(self) -> int:
        """Number of ids, the missing one included."""
        return self.encoder.buckets + 1

    def ids(self, column: pl.Series) -> NDArray[np.int32]:
        """Ids of texts, null being missing."""
        result = np.zeros(len(column), dtype=np.int32)
        filled = column.is_not_null()
        present = plain_texts(column.drop_nulls())
        if len(present):
            result[filled.to_numpy()] = self._buckets(present) + 1
        return result

    def _buckets(self, present: pl.Series) -> NDArray[np.int32]:
        buckets = np.uint64(self.encoder.buckets)
        hashes = stable_hash(present)
        if self.encoder.method == "hex":
            read = present.str.to_integer(base=16, strict=False)
            values = read.fill_null(0).to_numpy().astype(np.int64)
            places = np.mod(values, np.int64(buckets)).astype(np.uint64)
            # What is not hexadecimal falls back to its hash.
            return np.where(read.is_null().to_numpy(), hashes % buckets, places).astype(np.int32)
        return (hashes % buckets).astype(np.int32)


@dataclass(frozen=True, eq=False)
class FittedBuckets:
    """A number as the id of its interval.

    Attributes:
        feature: With its ``Buckets`` encoder.
        boundaries: Inner boundaries, ascending, float32 ``[intervals - 1]``.
    """

    feature: CategoricalFeature
    boundaries: NDArray[np.float32]

    @property
    def cardinality(self) -> int:
        """Number of ids, the missing one included."""
        return len(self.boundaries) + 2

    def ids(self, values: NDArray[np.float32]) -> NDArray[np.int32]:
        """Ids of numbers, NaN being missing."""
        places = np.searchsorted(self.boundaries, values, side="right").astype(np.int32) + 1
        return np.where(np.isnan(values), np.int32(MISSING), places).astype(np.int32)


FittedSparse = FittedVocabulary | FittedHashing | FittedBuckets
