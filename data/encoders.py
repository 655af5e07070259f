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

from dagsmith.data import rows
from dagsmith.data.batch import Batch
from dagsmith.data.errors import DatasetError, located
from dagsmith.data.fitted import (
    UNKNOWN,
    FittedBuckets,
    FittedDense,
    FittedHashing,
    FittedSparse,
    FittedVocabulary,
)
from dagsmith.data.formats import format_named
from dagsmith.data.schema import (
    CategoricalFeature,
    Hashing,
    MultiValuedFeature,
    Schema,
)
from dagsmith.space.errors import nearest

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
                raise DatasetError(f"there is no column {name!r}; {nearest(name, frame.columns)}")
        with located(locate(0)):
            batch, problems = self._encoded(frame)
        rows.refuse(problems, locate)
        return batch

    def _encoded(self, frame: pl.DataFrame) -> tuple[Batch, list[rows.Problem | None]]:
        """Rows with all columns encoded, and what is wrong with single ones."""
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
        return Batch(dense, sparse, label), problems

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
