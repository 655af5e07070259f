"""How the features of an inferred schema, or of a named format, are encoded."""

from dataclasses import dataclass
from typing import Literal

from dagsmith.data.errors import DatasetError
from dagsmith.data.schema import (
    Buckets,
    CategoricalFeature,
    DenseFeature,
    Hashing,
    MultiValuedFeature,
    Transform,
    Vocabulary,
)

Numbers = Literal["dense", "buckets", "both"]
NUMBERS: tuple[Numbers, ...] = ("dense", "buckets", "both")


@dataclass(frozen=True)
class Encoding:
    """Encoders for the features of an inferred schema or a named format.

    Attributes:
        categorical: ``vocabulary`` or ``hashing``.
        min_count: Of a vocabulary.
        max_size: Of a vocabulary.
        buckets: Of hashing, per field.
        transform: Of the dense features; None is ``log`` in a named format, and what makes an
            inferred column less skewed, ``standardise`` or ``log-standardise``.
        numbers: What an inferred number is: a dense feature, a categorical one by ``Buckets``, or
            both.
        bins: Of these buckets.
        max_length: Of multi-valued features; None takes it from the sample.
    """

    categorical: Literal["vocabulary", "hashing"] = "vocabulary"
    min_count: int = 1
    max_size: int | None = None
    buckets: int = 100_000
    transform: Transform | None = None
    numbers: Numbers = "dense"
    bins: int = 128
    max_length: int | None = None

    def __post_init__(self) -> None:
        if self.categorical not in ("vocabulary", "hashing"):
            raise DatasetError(
                f"encoding: categorical must be 'vocabulary' or 'hashing', not {self.categorical!r}"
            )
        if self.numbers not in NUMBERS:
            raise DatasetError(f"encoding: numbers is {self.numbers!r}; expected one of {NUMBERS}")
        self.encoder()
        self.dense("")
        Buckets(self.bins)

    def encoder(self) -> Vocabulary | Hashing:
        """The encoder of a categorical feature."""
        if self.categorical == "hashing":
            return Hashing(self.buckets)
        return Vocabulary(self.min_count, self.max_size)

    def dense(self, name: str) -> DenseFeature:
        """A dense feature of a named format."""
        return DenseFeature(name, self.transform or "log")

    def single(self, name: str) -> CategoricalFeature:
        """A categorical feature with one value."""
        return CategoricalFeature(name, self.encoder())

    def multiple(self, name: str, separator: str, max_length: int = 8) -> MultiValuedFeature:
        """A multi-valued feature; ``max_length`` is what the sample suggests."""
        return MultiValuedFeature(name, self.encoder(), separator, self.max_length or max_length)
