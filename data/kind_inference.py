"""Guessing the component kinds of graphs that come without a declaration of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from dagsmith.space import (
    Architecture,
    ArchitectureError,
    Attribute,
    Categorical,
    ComponentKind,
    Flag,
    Number,
    Value,
    Vocabulary,
)

LOG_RATIO = 10.0
"""Numbers above 0 of which the largest is this many times the smallest count by their ratio."""


def infer_kinds(
    architectures: Sequence[Architecture], locate: Callable[[int], str] | None = None
) -> Vocabulary:
    """The component kinds that these architectures use.

    Texts become a choice among those seen, true and false a flag, numbers a number: on a log
    scale where all are above 0 and the largest is at least ten times the smallest. Everything is
    sorted by name, so that the order of the architectures does not matter. Another sample of the
    same graphs may show other choices: declare the kinds where that matters.

    Args:
        architectures: The graphs.
        locate: Position -> where that graph stands, for messages.

    Raises:
        ArchitectureError: If nodes of one kind have different attributes, or an attribute is a
            text here and a number there; both places are named. For an attribute called ``kind``
            or ``name``, and more than 16 ports.

    Example:
        >>> from dagsmith.space import Node
        >>> nets = [Architecture((Node.of("fc", width=width),), ()) for width in (16, 512)]
        >>> infer_kinds(nets)["fc"].attributes
        (Number(name='width', scale='log'),)
    """
    place = locate or (lambda row: f"architecture {row}")
    found: dict[str, _Seen] = {}
    for row, architecture in enumerate(architectures):
        for node in architecture.nodes:
            names = tuple(name for name, _ in node.attributes)
            seen = found.setdefault(node.kind, _Seen(row, names))
            if names != seen.names:
                raise ArchitectureError(
                    f"{place(row)}: a node of kind {node.kind!r} has {_listed(names)}; "
                    f"in {place(seen.row)} it has {_listed(seen.names)}"
                )
            for name, value in node.attributes:
                form = _form(value)
                known, where = seen.forms.setdefault(name, (form, row))
                if form != known:
                    raise ArchitectureError(
                        f"{place(row)}: attribute {name!r} of kind {node.kind!r} is {value!r}; "
                        f"in {place(where)} it is a {known}"
                    )
                seen.values.setdefault(name, set()).add(value)
        for edge in architecture.edges:
            found[architecture.nodes[edge.target].kind].ports.add(edge.port)
    kinds: list[ComponentKind] = []
    for name in sorted(found):
        try:
            kinds.append(found[name].kind(name))
        except ArchitectureError as error:
            raise ArchitectureError(f"{place(found[name].row)}: {error}") from None
    try:
        return Vocabulary(tuple(kinds))
    except ArchitectureError as error:
        raise ArchitectureError(f"{place(0)} and others: {error}") from None


@dataclass
class _Seen:
    """What was seen of one kind so far; ``row`` and the rows of ``forms`` are where first."""

    row: int
    names: tuple[str, ...]
    forms: dict[str, tuple[str, int]] = field(default_factory=dict)
    values: dict[str, set[Value]] = field(default_factory=dict)
    ports: set[str] = field(default_factory=set)

    def kind(self, name: str) -> ComponentKind:
        attributes = tuple(self._attribute(attribute) for attribute in self.names)
        return ComponentKind(name, attributes, tuple(sorted(self.ports)))

    def _attribute(self, name: str) -> Attribute:
        form, values = self.forms[name][0], self.values[name]
        if form == "text":
            return Categorical(name, tuple(sorted(str(value) for value in values)))
        if form == "flag":
            return Flag(name)
        numbers = np.array([float(value) for value in values])
        ratio_counts = numbers.min() > 0 and numbers.max() >= LOG_RATIO * numbers.min()
        return Number(name, "log" if ratio_counts else "linear")


def _form(value: Value) -> str:
    if isinstance(value, bool):
        return "flag"
    return "text" if isinstance(value, str) else "number"


def _listed(names: Sequence[str]) -> str:
    return f"the attributes {', '.join(names)}" if names else "no attributes"
