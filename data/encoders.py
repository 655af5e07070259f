"""Fitted encoders: what turns raw columns into the numbers and ids that a model takes."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagsmith.data import rows
from dagsmith.data.batch import Batch
from dagsmith.data.errors import DatasetError, nearest
from dagsmith.data.formats import format_named
from dagsmith.data.hashing import stable_hash
from dagsmith.data.schema import (
    CategoricalFeature,
    DenseFeature,
    Hashing,
    MultiValuedFeature,
    Schema,
)

MISSING, UNKNOWN, FIRST_VALUE = 0, 1, 2
"""Ids of a vocabulary: missing (or padding), out of vocabulary, the most frequent value."""

FORMAT_VERSION = 1
_KIND = "dagsmith-encoders"


@dataclass(frozen=True)
class SparseField:
    """A categorical or multi-valued feature as a model sees it.

    Attributes:
        name: Of the feature.
        cardinality: Rows of its embedding table; ids are 0..cardinality-1.
        columns: Its columns of the sparse matrix: one, or ``max_length`` padded with id 0.
        multivalued: Whether there are several values per row.
    """

    name: str
    cardinality: int
    columns: slice
    multivalued: bool


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

    def prepared(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The values of which the statistics are: logarithms, or the values themselves."""
        return np.log1p(np.maximum(values, 0)) if self.logarithmic else values

    def encode(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encode raw values, NaN where missing."""
        result = self.prepared(values)
        if self.feature.transform in ("standardise", "log-standardise"):
            result = (result - np.float32(self.mean)) / np.float32(self.std or 1.0)
        elif self.feature.transform == "min-max":
            span = np.float32((self.high - self.low) or 1.0)
            result = np.clip((result - np.float32(self.low)) / span, 0, 1)
        absent = np.isnan(values)
        return np.where(absent, np.float32(self.feature.missing), result).astype(np.float32)


@dataclass(frozen=True)
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
    def _index(self) -> pl.Enum:
        return pl.Enum(self.values)

    def ids(self, column: pl.Series) -> NDArray[np.int32]:
        """Ids of texts, null being missing."""
        if not len(self.values):
            return np.where(column.is_null().to_numpy(), MISSING, UNKNOWN).astype(np.int32)
        codes = column.cast(self._index, strict=False).to_physical().cast(pl.Int32)
        ids = codes.to_frame("id").select(
            pl.when(pl.lit(column).is_null())
            .then(MISSING)
            .otherwise((pl.col("id") + FIRST_VALUE).fill_null(UNKNOWN))
            .cast(pl.Int32)
        )
        return ids.to_series().to_numpy()


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
        present = column.drop_nulls()
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


@dataclass(frozen=True)
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


def sparse_width(feature: CategoricalFeature | MultiValuedFeature) -> int:
    """Columns of the sparse matrix that a feature takes."""
    return feature.max_length if isinstance(feature, MultiValuedFeature) else 1


class Encoders:
    """Everything needed to encode new rows as the training rows were.

    Args:
        schema: Label and features.
        dense: Fitted dense features, in the schema's order.
        sparse: Fitted categorical and multi-valued features, in the schema's order.

    Example:
        >>> import polars as pl
        >>> schema = Schema.from_json(
        ...     {
        ...         "label": "click",
        ...         "features": [{"kind": "categorical", "name": "user"}],
        ...     }
        ... )
        >>> users = FittedVocabulary(schema.sparse[0], pl.Series(["b", "a"]), pl.Series([2, 1]))
        >>> Encoders(schema, (), (users,)).encode(pl.DataFrame({"user": ["a", "x", None]})).sparse
        array([[3],
               [1],
               [0]], dtype=int32)
    """

    def __init__(
        self, schema: Schema, dense: tuple[FittedDense, ...], sparse: tuple[FittedSparse, ...]
    ) -> None:
        self.schema = schema
        self.dense = dense
        self.sparse = sparse
        self.format = format_named(schema.format)

    @cached_property
    def fields(self) -> tuple[SparseField, ...]:
        """The sparse fields, in the order of their columns."""
        result, begin = [], 0
        for fitted in self.sparse:
            end = begin + sparse_width(fitted.feature)
            multivalued = isinstance(fitted.feature, MultiValuedFeature)
            field = SparseField(
                fitted.feature.name, fitted.cardinality, slice(begin, end), multivalued
            )
            result.append(field)
            begin = end
        return tuple(result)

    @property
    def dense_features(self) -> tuple[str, ...]:
        """Names of the dense columns."""
        return tuple(fitted.feature.name for fitted in self.dense)

    @property
    def columns(self) -> int:
        """Columns of the sparse matrix."""
        return self.fields[-1].columns.stop if self.fields else 0

    def types(self) -> dict[str, bool]:
        """The feature columns -> whether they are numbers."""
        return {f.name: f.name in self.schema.numeric for f in self.schema.features}

    def encode(
        self, frame: pl.DataFrame, *, locate: Callable[[int], str] = lambda row: f"row {row + 1}"
    ) -> Batch:
        """Encode rows; an unknown category gets the id 1, a missing one 0.

        Args:
            frame: The schema's columns; others are ignored, the label may be absent.
            locate: Row -> its place, for messages.

        Returns:
            The encoded rows; labels are NaN if the frame has none.

        Raises:
            DatasetError: If a column is missing, or a value is not of its kind.
        """
        frame = self.format.derive(frame)
        for name in self.types():
            if name not in frame.columns:
                raise DatasetError(f"there is no column {name!r}{nearest(name, frame.columns)}")
        problems: list[rows.Problem | None] = []
        count, missing = len(frame), self.schema.missing
        label = np.full(count, np.nan, dtype=np.float32)
        if self.schema.label.column in frame.columns:
            label, problem = rows.label_values(frame[self.schema.label.column], self.schema.label)
            problems.append(problem)
        dense = np.empty((count, len(self.dense)), dtype=np.float32)
        for place, fitted in enumerate(self.dense):
            values, problem = rows.numbers(frame[fitted.feature.name], missing)
            problems.append(problem)
            dense[:, place] = fitted.encode(values)
        sparse = np.empty((count, self.columns), dtype=np.int32)
        for field, encoder in zip(self.fields, self.sparse, strict=True):
            column, feature = frame[field.name], encoder.feature
            if isinstance(encoder, FittedBuckets):
                values, problem = rows.numbers(column, missing)
                problems.append(problem)
                sparse[:, field.columns.start] = encoder.ids(values)
            elif isinstance(feature, MultiValuedFeature):
                found = rows.tokens(column, feature, missing)
                ids = encoder.ids(found.values)
                sparse[:, field.columns] = found.padded(ids, count, feature.max_length).T
            else:
                sparse[:, field.columns.start] = encoder.ids(rows.texts(column, missing))
        rows.refuse(problems, locate)
        return Batch(dense, sparse, label)

    def unknown(self, batch: Batch) -> dict[str, int]:
        """How often each vocabulary had to use its out-of-vocabulary id."""
        return {
            field.name: int(np.count_nonzero(batch.sparse[:, field.columns] == UNKNOWN))
            for field, fitted in zip(self.fields, self.sparse, strict=True)
            if isinstance(fitted, FittedVocabulary)
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the schema and everything fitted."""
        digest = hashlib.sha256(json.dumps(self._to_json(), sort_keys=True).encode())
        for fitted in self.sparse:
            if isinstance(fitted, FittedVocabulary):
                for part in fitted.values.to_frame("v").iter_slices(1_000_000):
                    digest.update(str(part["v"].str.join("\0").item()).encode())
                digest.update(b"\1")
        return digest.hexdigest()

    def save(self, folder: str | Path) -> None:
        """Write ``encoders.json`` and ``vocabulary.parquet`` into a folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        vocabularies = [
            pl.DataFrame({"value": fitted.values, "count": fitted.counts}).with_columns(
                place=pl.lit(place, dtype=pl.Int32), count=pl.col("count").cast(pl.Int64)
            )
            for place, fitted in enumerate(self.sparse)
            if isinstance(fitted, FittedVocabulary)
        ]
        empty = pl.DataFrame(schema={"value": pl.String, "count": pl.Int64, "place": pl.Int32})
        pl.concat([empty, *vocabularies]).write_parquet(folder / "vocabulary.parquet")
        text = json.dumps(self._to_json(), indent=2)
        (folder / "encoders.json").write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> "Encoders":
        """Read what ``save`` wrote.

        Raises:
            DatasetError: If the folder holds no encoders, damaged ones, or a newer version's.
        """
        folder = Path(folder)
        try:
            data = json.loads((folder / "encoders.json").read_text(encoding="utf-8"))
            table = pl.read_parquet(folder / "vocabulary.parquet")
        except FileNotFoundError as error:
            raise DatasetError(
                f"{folder}: no encoders here ({error.filename} is missing)"
            ) from None
        except (ValueError, OSError, pl.exceptions.PolarsError) as error:
            raise DatasetError(
                f"{folder}: damaged encoders: {str(error).splitlines()[0]}"
            ) from None
        if not isinstance(data, dict) or data.get("kind") != _KIND:
            raise DatasetError(f"{folder / 'encoders.json'}: not written by dagsmith")
        if int(data.get("version", 0)) > FORMAT_VERSION:
            raise DatasetError(
                f"{folder / 'encoders.json'}: format {data['version']} is of a newer dagsmith;"
                f" this one reads up to {FORMAT_VERSION}"
            )
        try:
            return cls._from_json(data, table)
        except (KeyError, TypeError, AttributeError) as error:
            raise DatasetError(f"{folder / 'encoders.json'}: damaged: {error!r}") from None

    def _to_json(self) -> dict[str, Any]:
        states: list[dict[str, Any]] = []
        for fitted in self.sparse:
            state: dict[str, Any] = {"cardinality": fitted.cardinality}
            if isinstance(fitted, FittedBuckets):
                state["boundaries"] = [float(value) for value in fitted.boundaries]
            states.append(state)
        dense = [{"mean": f.mean, "std": f.std, "low": f.low, "high": f.high} for f in self.dense]
        return {
            "kind": _KIND,
            "version": FORMAT_VERSION,
            "schema": self.schema.to_json(),
            "dense": dense,
            "sparse": states,
        }

    @classmethod
    def _from_json(cls, data: Mapping[str, Any], table: pl.DataFrame) -> "Encoders":
        schema = Schema.from_json(data["schema"])
        dense = tuple(
            FittedDense(feature, **state)
            for feature, state in zip(schema.dense, data["dense"], strict=True)
        )
        parts = {
            int(key[0]): part
            for key, part in table.partition_by("place", as_dict=True, maintain_order=True).items()
        }
        sparse: list[FittedSparse] = []
        for place, (feature, state) in enumerate(zip(schema.sparse, data["sparse"], strict=True)):
            if isinstance(feature.encoder, Hashing):
                sparse.append(FittedHashing(feature))
            elif "boundaries" in state:
                assert isinstance(feature, CategoricalFeature)
                boundaries = np.array(state["boundaries"], dtype=np.float32)
                sparse.append(FittedBuckets(feature, boundaries))
            else:
                part = parts.get(place, table.clear())
                sparse.append(FittedVocabulary(feature, part["value"], part["count"]))
            if sparse[-1].cardinality != state["cardinality"]:
                raise DatasetError(
                    f"feature {feature.name!r}: {sparse[-1].cardinality} ids where"
                    f" {state['cardinality']} are expected: the vocabulary is damaged"
                )
        return cls(schema, dense, tuple(sparse))
