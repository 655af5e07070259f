"""Component kinds as JSON-ready documents, and the kinds of several spaces as one vocabulary."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dagsmith.space.component import (
    Attribute,
    Categorical,
    ComponentKind,
    Flag,
    Number,
    Vocabulary,
)
from dagsmith.space.errors import ArchitectureError


def kinds_to_list(kinds: Vocabulary) -> list[dict[str, Any]]:
    """The kinds, in order, as JSON-ready documents that `kinds_from_list` reads."""
    return [
        {
            "name": kind.name,
            "attributes": [{"type": type(a).__name__} | asdict(a) for a in kind.attributes],
            "ports": list(kind.ports),
        }
        for kind in kinds.kinds
    ]


def kinds_from_list(documents: Sequence[Mapping[str, Any]]) -> Vocabulary:
    """Read what `kinds_to_list` gave.

    Raises:
        ArchitectureError: something else.
    """
    try:
        return Vocabulary(
            tuple(
                ComponentKind(
                    document["name"],
                    tuple(_attribute(entry) for entry in document["attributes"]),
                    tuple(document["ports"]),
                )
                for document in documents
            )
        )
    except (KeyError, TypeError) as error:
        raise ArchitectureError(f"damaged list of component kinds: {error!r}") from None


def merge_kinds(vocabularies: Iterable[Vocabulary]) -> Vocabulary:
    """One vocabulary for architectures of several spaces.

    A kind of the same name has the same attributes and ports in all of them; only the choices of
    an attribute may differ, and are joined.

    Raises:
        ArchitectureError: a kind with other attributes or ports than its namesake.
    """
    merged: dict[str, ComponentKind] = {}
    for vocabulary in vocabularies:
        for kind in vocabulary.kinds:
            known = merged.get(kind.name)
            merged[kind.name] = kind if known is None else _joined(known, kind)
    return Vocabulary(tuple(merged.values()))


def _joined(first: ComponentKind, second: ComponentKind) -> ComponentKind:
    names = [[a.name for a in kind.attributes] for kind in (first, second)]
    if names[0] != names[1] or first.ports != second.ports:
        raise ArchitectureError(
            f"kind {first.name!r} has attributes {names[0]} and ports {list(first.ports)} in one "
            f"space, {names[1]} and {list(second.ports)} in another; they are not the same kind"
        )
    attributes: list[Attribute] = []
    for one, other in zip(first.attributes, second.attributes, strict=True):
        if isinstance(one, Categorical) and isinstance(other, Categorical):
            choices = tuple(dict.fromkeys(one.choices + other.choices))
            attributes.append(Categorical(one.name, choices))
        elif one == other:
            attributes.append(one)
        else:
            raise ArchitectureError(
                f"attribute {one.name!r} of kind {first.name!r} is {one} in one space, {other} in "
                "another; they are not the same kind"
            )
    return ComponentKind(first.name, tuple(attributes), first.ports)


def _attribute(document: Mapping[str, Any]) -> Attribute:
    if document["type"] == "Categorical":
        return Categorical(document["name"], tuple(document["choices"]))
    if document["type"] == "Number":
        return Number(document["name"], document["scale"])
    if document["type"] == "Flag":
        return Flag(document["name"])
    raise ArchitectureError(f"unknown attribute type {document['type']!r}")
