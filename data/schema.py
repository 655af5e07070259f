"""What the columns of a click log mean, and how each is to be encoded."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from dagsmith.data.errors import DatasetError
from dagsmith.space.errors import nearest

Transform = Literal["none", "log", "standardise", "log-standardise", "min-max"]
TRANSFORMS: tuple[str, ...] = get_args(Transform)


@dataclass(frozen=True)
class Vocabulary:
    """Each frequent value has its own id: 0 missing, 1 out of vocabulary, 2.. by frequency.

    Attributes:
        min_count: Training rows in which a value must occur to get its own id.
        max_size: Keep at most this many values, the most frequent ones.
    """

    min_count: int = 1
    max_size: int | None = None

    def __post_init__(self) -> None:
        if self.min_count < 1:
            raise DatasetError(f"vocabulary: min_count must be at least 1, not {self.min_count}")
        if self.max_size is not None and self.max_size < 1:
            raise DatasetError(f"vocabulary: max_size must be at least 1, not {self.max_size}")


@dataclass(frozen=True)
class Hashing:
    """A value's id is a hash of its text: 0 missing, 1..buckets. Nothing is fitted.

    Attributes:
        buckets: Number of ids beside the missing one.
        method: ``text`` hashes the UTF-8 bytes; ``hex`` reads them as a hexadecimal number
            and takes the remainder, as NASRec does for Criteo.
    """

    buckets: int = 100_000
    method: Literal["text", "hex"] = "text"

    def __post_init__(self) -> None:
        if not 1 <= self.buckets < 2**31 - 1:
            raise DatasetError(f"hashing: buckets must be in 1..2147483646, not {self.buckets}")
        if self.method not in ("text", "hex"):
            raise DatasetError(f"hashing: method must be 'text' or 'hex', not {self.method!r}")


@dataclass(frozen=True)
class Buckets:
    """A number becomes the id of its quantile interval: 0 missing, 1..bins.

    Attributes:
        bins: Number of intervals; equal quantiles are merged, so there may be fewer.
    """

    bins: int = 16

    def __post_init__(self) -> None:
        if self.bins < 2:
            raise DatasetError(f"buckets: bins must be at least 2, not {self.bins}")


@dataclass(frozen=True)
class DenseFeature:
    """A number that enters the model as a number.

    ``log`` is ``log(max(x, 0) + 1)``; ``standardise`` is ``(x - mean) / std``;
    ``log-standardise`` is the one after the other; ``min-max`` is ``(x - min) / (max - min)``
    cut to [0, 1]. Mean, std, min and max are those of the training rows.

    Attributes:
        name: Column.
        transform: One of the above, or ``none``.
        missing: The encoded value of a missing (or infinite) one.
    """

    name: str
    transform: Transform = "log"
    missing: float = 0.0

    def __post_init__(self) -> None:
        if self.transform not in TRANSFORMS:
            raise DatasetError(
                f"feature {self.name!r}: unknown transform {self.transform!r}; "
                f"{nearest(str(self.transform), TRANSFORMS)}"
            )


@dataclass(frozen=True)
class CategoricalFeature:
    """A value out of a set; one id per row.

    Attributes:
        name: Column.
        encoder: How values become ids; ``Buckets`` needs a numeric column.
    """

    name: str
    encoder: Vocabulary | Hashing | Buckets = field(default_factory=Vocabulary)


@dataclass(frozen=True)
class MultiValuedFeature:
    """Several values out of a set, such as genres; ids padded with 0 to a fixed length.

    Attributes:
        name: Column: a list, or a text with a separator.
        encoder: How values become ids.
        separator: What stands between the values of a text.
        max_length: Values kept per row, the first ones.
    """

    name: str
    encoder: Vocabulary | Hashing = field(default_factory=Vocabulary)
    separator: str = "|"
    max_length: int = 8

    def __post_init__(self) -> None:
        if self.max_length < 1:
            raise DatasetError(f"feature {self.name!r}: max_length must be at least 1")
        if not self.separator:
            raise DatasetError(f"feature {self.name!r}: the separator is empty")


Feature = DenseFeature | CategoricalFeature | MultiValuedFeature


@dataclass(frozen=True)
class Label:
    """The column to predict.

    Attributes:
        column: Its name.
        at_least: With a threshold, values from it upwards are clicks (ratings, counts);
            without, the column must hold 0 and 1.
    """

    column: str
    at_least: float | None = None


@dataclass(frozen=True)
class Schema:
    """Label and features of a click log, readable from and writable to JSON.

    A number may be two features, dense and in buckets.

    Attributes:
        label: The column to predict.
        features: Features in the order of the encoded columns.
        format: Named format whose derived columns the features use (see ``FORMATS``).
        missing: Texts that stand for a missing value, beside the empty one.

    Example:
        >>> schema = Schema(Label("click"), (DenseFeature("price"), CategoricalFeature("user")))
        >>> Schema.from_json(schema.to_json()) == schema
        True
    """

    label: Label
    features: tuple[Feature, ...]
    format: str = "table"
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ways: dict[str, list[str]] = {}
        for feature in self.features:
            if feature.name == self.label.column:
                raise DatasetError(
                    f"schema: column {feature.name!r} is both the label and a feature"
                )
            ways.setdefault(feature.name, []).append(_way(feature))
        for name, found in ways.items():
            if len(found) > 1 and sorted(found) != ["buckets", "dense"]:
                raise DatasetError(
                    f"schema: feature {name!r} is given twice, which only a number may be: dense "
                    "and in buckets"
                )

    @property
    def dense(self) -> tuple[DenseFeature, ...]:
        """The dense features, in order."""
        return tuple(f for f in self.features if isinstance(f, DenseFeature))

    @property
    def sparse(self) -> tuple[CategoricalFeature | MultiValuedFeature, ...]:
        """The categorical and multi-valued features, in order."""
        return tuple(f for f in self.features if not isinstance(f, DenseFeature))

    @property
    def numeric(self) -> frozenset[str]:
        """Names of the features that are read as numbers."""
        return frozenset(f.name for f in self.features if _way(f) != "text")

    def without(self, names: Sequence[str]) -> "Schema":
        """The same schema without some of its features."""
        kept = tuple(feature for feature in self.features if feature.name not in names)
        return dataclasses.replace(self, features=kept)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready mapping that ``from_json`` reads."""
        return {
            "format": self.format,
            "label": _mapping(self.label),
            "missing": list(self.missing),
            "features": [_feature_to_json(feature) for feature in self.features],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Schema":
        """Read what ``to_json`` wrote, or a person; an unknown key is an error.

        Raises:
            DatasetError: If a key is unknown or missing, or a value has the wrong type.
        """
        _known_keys(data, ("format", "label", "missing", "features"), "schema")
        label = data.get("label")
        if isinstance(label, str):
            label = {"column": label}
        if not isinstance(label, Mapping) or not isinstance(data.get("features"), list):
            raise DatasetError("schema: 'label' and a list of 'features' are expected")
        return cls(
            label=_build(Label, label, "schema label"),
            features=tuple(_feature_from_json(feature) for feature in data["features"]),
            format=str(data.get("format", "table")),
            missing=tuple(str(text) for text in data.get("missing", ())),
        )

    @classmethod
    def load(cls, path: str | Path) -> "Schema":
        """Read a schema from a JSON file."""
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DatasetError(f"{path}: no such schema file") from None
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise DatasetError(f"{path}: not a JSON schema: {error}") from None
        if not isinstance(data, dict):
            raise DatasetError(f"{path}: a schema is a JSON object, not {type(data).__name__}")
        try:
            return cls.from_json(data)
        except DatasetError as error:
            raise DatasetError(f"{path}: {error}") from None

    def save(self, path: str | Path) -> None:
        """Write the schema to a JSON file."""
        Path(path).write_text(json.dumps(self.to_json(), indent=2) + "\n", encoding="utf-8")


def _way(feature: Feature) -> str:
    if isinstance(feature, DenseFeature):
        return "dense"
    return "buckets" if isinstance(feature.encoder, Buckets) else "text"


ENCODERS: dict[str, type[Vocabulary] | type[Hashing] | type[Buckets]] = {
    "vocabulary": Vocabulary,
    "hashing": Hashing,
    "buckets": Buckets,
}

KINDS: dict[str, type[DenseFeature] | type[CategoricalFeature] | type[MultiValuedFeature]] = {
    "dense": DenseFeature,
    "categorical": CategoricalFeature,
    "multi-valued": MultiValuedFeature,
}

_T = TypeVar("_T")


def _mapping(item: Any) -> dict[str, Any]:
    return {f.name: getattr(item, f.name) for f in dataclasses.fields(item)}


def _feature_to_json(feature: Feature) -> dict[str, Any]:
    kind = next(name for name, cls in KINDS.items() if type(feature) is cls)
    result = {"kind": kind, **_mapping(feature)}
    if not isinstance(feature, DenseFeature):
        encoder = feature.encoder
        name = next(name for name, cls in ENCODERS.items() if type(encoder) is cls)
        result["encoder"] = {"type": name, **_mapping(encoder)}
    return result


def _feature_from_json(data: Any) -> Feature:
    if not isinstance(data, Mapping) or "name" not in data:
        raise DatasetError(f"schema: a feature needs a 'name', not {data!r}")
    values = dict(data)
    where = f"feature {values['name']!r}"
    kind = values.pop("kind", None)
    if kind not in KINDS:
        raise DatasetError(f"{where}: unknown kind {kind!r}; {nearest(str(kind), KINDS)}")
    if isinstance(values.get("encoder"), str):
        values["encoder"] = {"type": values["encoder"]}
    if "encoder" in values and kind != "dense":
        if not isinstance(values["encoder"], Mapping):
            raise DatasetError(f"{where}: an encoder is an object with a 'type'")
        encoder = dict(values["encoder"])
        name = encoder.pop("type", None)
        if name not in ENCODERS:
            raise DatasetError(f"{where}: unknown encoder {name!r}; {nearest(str(name), ENCODERS)}")
        if kind == "multi-valued" and name == "buckets":
            raise DatasetError(f"{where}: buckets are for numbers, not for multi-valued features")
        values["encoder"] = _build(ENCODERS[name], encoder, f"{where}, encoder {name!r}")
    return _build(KINDS[kind], values, where)


def _build(cls: type[_T], values: Mapping[str, Any], where: str) -> _T:
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    _known_keys(values, fields, where)
    for name, item in fields.items():
        needed = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        if needed and name not in values:
            raise DatasetError(f"{where}: key {name!r} is missing")
    for name, value in values.items():
        _check_type(value, fields[name].type, f"{where}: key {name!r}")
    return cls(**values)


def _check_type(value: Any, expected: Any, where: str) -> None:
    plain: dict[Any, tuple[type, ...]] = {
        int: (int,),
        float: (int, float),
        str: (str,),
        int | None: (int, type(None)),
        float | None: (int, float, type(None)),
    }
    types = plain.get(expected)
    if types and (not isinstance(value, types) or isinstance(value, bool)):
        wanted = " or ".join(t.__name__.replace("NoneType", "null") for t in types)
        raise DatasetError(f"{where}: expected {wanted}, not {value!r}")


def _known_keys(data: Mapping[str, Any], known: Any, where: str) -> None:
    for key in data:
        if key not in known:
            raise DatasetError(f"{where}: unknown key {key!r}; {nearest(str(key), known)}")
