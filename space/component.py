"""Component kinds: what a node can be, and how each of its attributes is measured.

The parts of an architecture differ in kind, and each kind is encoded by what it is
(the heterogeneous encoding of PIDS, arXiv 2211.15759): a choice becomes an embedding,
a number a continuous feature on its own scale, a flag a bit.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dagsmith.space.errors import ArchitectureError, nearest

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Categorical:
    """An attribute with a fixed list of unordered choices."""

    name: str
    choices: tuple[str, ...]

    def encode(self, value: Value) -> float:
        """Return the index of `value` among the choices."""
        if value not in self.choices:
            raise ArchitectureError(
                f"attribute {self.name!r} has no choice {value!r}; "
                f"{nearest(str(value), self.choices)}"
            )
        return float(self.choices.index(str(value)))

    def decode(self, code: float) -> Value:
        """Return the choice with index `code`."""
        return self.choices[int(code)]


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric attribute; `scale` tells the predictor on which scale its differences count."""

    name: str
    scale: Literal["linear", "log"] = "linear"

    def encode(self, value: Value) -> float:
        """Return `value` itself, checked to be finite (and positive on a log scale)."""
        if isinstance(value, str | bool) or not math.isfinite(value):
            raise ArchitectureError(f"attribute {self.name!r} is {value!r}; expected a number")
        if self.scale == "log" and value <= 0:
            raise ArchitectureError(
                f"attribute {self.name!r} is {value!r}; a log scale expects a number above 0"
            )
        return float(value)

    def decode(self, code: float) -> Value:
        """Return the number, as an int where it is one.

        Populations store float32, so 0.1 comes back as 0.10000000149: the shortest decimal that
        float32 stands for is meant. Numbers of up to 7 significant digits survive.
        """
        return int(code) if float(code).is_integer() else float(str(np.float32(code)))


@dataclass(frozen=True, slots=True)
class Flag:
    """An attribute that is on or off."""

    name: str

    def encode(self, value: Value) -> float:
        """Return 1.0 for on and 0.0 for off."""
        if not isinstance(value, bool):
            raise ArchitectureError(f"attribute {self.name!r} is {value!r}; expected true or false")
        return float(value)

    def decode(self, code: float) -> Value:
        """Return the flag as a bool."""
        return bool(code)


Attribute = Categorical | Number | Flag


@dataclass(frozen=True, slots=True)
class ComponentKind:
    """A named kind of node.

    Args:
        name: the kind's name, such as ``"dense_op"``.
        attributes: its attributes, in the order in which populations store them.
        ports: names of the inputs that an edge into this kind may take.
    """

    name: str
    attributes: tuple[Attribute, ...] = ()
    ports: tuple[str, ...] = ("in",)

    def __post_init__(self) -> None:
        names = [attribute.name for attribute in self.attributes]
        for name in names:
            if name in ("kind", "name") or names.count(name) > 1:
                raise ArchitectureError(
                    f"kind {self.name!r} cannot have the attribute {name!r}: names are unique, "
                    "and 'kind' and 'name' say what a node is"
                )

    def encode(self, values: Mapping[str, Value]) -> list[float]:
        """Return the values as numbers, in order; raise ArchitectureError if one is off."""
        names = [attribute.name for attribute in self.attributes]
        for name in values:
            if name not in names:
                raise ArchitectureError(
                    f"kind {self.name!r} has no attribute {name!r}; {nearest(name, names)}"
                )
        for name in names:
            if name not in values:
                raise ArchitectureError(f"kind {self.name!r} is missing its attribute {name!r}")
        return [attribute.encode(values[attribute.name]) for attribute in self.attributes]


class Vocabulary(Mapping[str, ComponentKind]):
    """The component kinds of a search space, by name, with their order fixed.

    Populations store a kind as its position here, and a port as a bit: bit i is `ports[i]`.
    """

    def __init__(self, kinds: tuple[ComponentKind, ...]) -> None:
        self.kinds = kinds
        self.index = {kind.name: position for position, kind in enumerate(kinds)}
        if len(self.index) != len(kinds):
            raise ArchitectureError("two component kinds have the same name")
        self.ports = tuple(dict.fromkeys(port for kind in kinds for port in kind.ports))
        if len(self.ports) > 16:
            raise ArchitectureError(f"{len(self.ports)} distinct ports; at most 16 are supported")
        self.port_bit = {port: 1 << bit for bit, port in enumerate(self.ports)}
        self.attribute_count = max((len(kind.attributes) for kind in kinds), default=0)

    def __getitem__(self, name: str) -> ComponentKind:
        try:
            return self.kinds[self.index[name]]
        except KeyError:
            raise ArchitectureError(
                f"unknown component kind {name!r}; {nearest(name, self.index)}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.index)

    def __len__(self) -> int:
        return len(self.kinds)

    def __contains__(self, name: object) -> bool:
        return name in self.index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.kinds == other.kinds

    def __hash__(self) -> int:
        return hash(self.kinds)

    def __repr__(self) -> str:
        return f"Vocabulary({', '.join(self.index)})"
