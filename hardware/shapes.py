"""What enters and leaves every node of a population of CTR architectures: widths, rows, vectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.hardware.cost_model import CostError
from dagsmith.space import ABSENT, Population
from dagsmith.space.ctr import KINDS, PLUS_KINDS
from dagsmith.space.pim import HARDWARE, PIM_KINDS, PLUS_PIM_KINDS

Matrix = NDArray[np.float64]
Where = NDArray[np.bool_]

ADDED_ROWS = 8
"""Rows that the dense-to-sparse merger appends."""

_SIZES = ("width", "rows", "fields")
"""The attribute that says how large a node's output is, whatever its kind calls it."""
_KNOWN = (PLUS_KINDS, KINDS, PIM_KINDS, PLUS_PIM_KINDS)
_PORTS = ("dense", "sparse", "left", "right", "base", "pooled")


@dataclass(frozen=True)
class Shapes:
    """Sizes of a population, each ``[batch, nodes]``.

    Args:
        kind: in the order of `PLUS_KINDS`, or `ABSENT`.
        values: a node's attributes by name; its size (width, rows or fields) is ``"size"``, an
            operator its position among the choices. 0 where it has none.
        entering: total width or rows that enter a port, by port (0 where nothing does).
        edges: number of edges into the dense port.
        dim: embedding dimension of what enters the sparse port; the raw one where none does.
        elements: numbers that enter the sparse port, rows times their dimension.
    """

    kind: NDArray[np.int64]
    values: dict[str, Matrix]
    entering: dict[str, Matrix]
    edges: Matrix
    dim: Matrix
    elements: Matrix

    def of(self, kind: str, operator: str | None = None) -> Where:
        """Where a kind is, or one operator of it."""
        at = self.kind == PLUS_KINDS.index[kind]
        if operator is not None:
            choices = PLUS_KINDS[kind].attributes[0].choices  # type: ignore[union-attr]
            at &= self.values["operator"] == choices.index(operator)
        return np.asarray(at)

    def any(self, kinds: Sequence[str]) -> bool:
        """Whether there is a node of one of these kinds."""
        present = np.unique(self.kind)
        return bool(np.isin([PLUS_KINDS.index[kind] for kind in kinds], present).any())


def shapes(population: Population) -> Shapes:
    """Propagate sizes from the inputs, in one pass over the node positions.

    Raises:
        CostError: a kind that is not one of the CTR kinds, named.
    """
    kind, values = _columns(population)
    bits = population.vocabulary.port_bit
    raw = np.where(kind == PLUS_KINDS.index["sparse_input"], values["dim"], 0)
    dim = np.broadcast_to(raw.max(axis=1, initial=0, keepdims=True), kind.shape).copy()
    edges, elements = np.zeros(kind.shape), np.zeros(kind.shape)
    found = Shapes(
        kind, values, {port: np.zeros(kind.shape) for port in _PORTS}, edges, dim, elements
    )
    adds = found.of("merger", "add")
    # What each node gives: a width, or rows of vectors of a dimension.
    sizes, vector = np.zeros(kind.shape), dim.copy()
    rules = _rules(found)
    mixed = bool(found.of("field_attention").any())
    for target in range(population.node_count):
        for port in _PORTS:
            sources = population.sources(target, port)
            if not sources.size:
                continue
            taken = (population.edges[:, target, sources] & bits[port]) != 0
            # A source gives either a width or rows, and every port takes what it is given.
            into = sizes[:, sources] * taken
            total = into.sum(axis=1)
            if adds[:, target].any():
                # The inputs of an addition have one shape: it enters once.
                total = np.where(adds[:, target], into.max(axis=1), total)
            found.entering[port][:, target] = total
            if port == "dense":
                edges[:, target] = taken.sum(axis=1)
            if port == "sparse":
                if mixed:
                    dims = np.where(taken, vector[:, sources], 0.0)
                    entered = taken.any(axis=1)
                    dim[:, target] = np.where(entered, dims.max(axis=1), dim[:, target])
                else:
                    dims = dim[:, target, None]  # nothing changes the vectors' dimension
                elements[:, target] = (into * dims).sum(axis=1)
        if mixed:
            vector[:, target] = dim[:, target]
        for where, gives, become, targets in rules:
            if targets[target]:
                at = where[:, target]
                given_to = vector if become else sizes
                given_to[:, target] = np.where(at, gives(target), given_to[:, target])
    return found


Rule = tuple[Where, Callable[[int], Matrix], bool, Where]
"""Which nodes, what they give by their position, whether it is the vectors' dimension, and at which
positions any row has such a node."""


def _rules(found: Shapes) -> list[Rule]:
    """What every kind gives, from what enters it."""
    size, entering = found.values["size"], found.entering
    dense, sparse = entering["dense"], entering["sparse"]

    def among(*kinds: str) -> Where:
        return np.isin(found.kind, [PLUS_KINDS.index[kind] for kind in kinds])

    def paired(target: int) -> Matrix:
        count = sparse[:, target] + found.edges[:, target]
        return np.asarray(count * (count - 1) / 2)

    sized = ("dense_input", "first_order", "dense_op", "layer", "mask_block")
    attends, added = among("field_attention"), found.of("merger", "add")
    rules: list[tuple[Where, Callable[[int], Matrix], bool]] = [
        (among(*sized, "sparse_input", "sparse_op", "cin"), lambda at: size[:, at], False),
        (among("field_gate") | found.of("merger", "fm"), lambda at: dense[:, at], False),
        (among("cross"), lambda at: entering["base"][:, at], False),
        (among("flat"), lambda at: dense[:, at] + found.elements[:, at], False),
        (among("pairs"), paired, False),
        (among("field_norm") | attends, lambda at: sparse[:, at], False),
        # An addition reads one port only, so that the other gives nothing.
        (added, lambda at: dense[:, at] + sparse[:, at], False),
        (
            found.of("merger", "dense_to_sparse"),
            lambda at: sparse[:, at] + ADDED_ROWS,
            False,
        ),
        (attends, lambda at: size[:, at] * found.values["heads"][:, at], True),
    ]
    return [(*rule, np.asarray(rule[0].any(axis=0))) for rule in rules if rule[0].any()]


def _columns(population: Population) -> tuple[NDArray[np.int64], dict[str, Matrix]]:
    """Kind in the order of `PLUS_KINDS`, and the attributes by name, each ``[batch, nodes]``."""
    vocabulary = population.vocabulary
    kind = np.full(population.kind.shape, ABSENT, np.int64)
    names = {attribute.name for known in PLUS_KINDS.kinds for attribute in known.attributes}
    values = {name: np.zeros(kind.shape) for name in ("size", *names)}
    strange = []
    for index, known in enumerate(vocabulary.kinds):
        at = population.kind == index
        if not at.any():
            continue
        if known in PLUS_PIM_KINDS.kinds and known.name in HARDWARE:
            continue  # hardware computes, but is not computed
        if all(known not in kinds.kinds for kinds in _KNOWN):
            strange.append(known.name)
            continue
        kind[at] = PLUS_KINDS.index[known.name]
        for column, attribute in enumerate(known.attributes):
            values[attribute.name][at] = population.attributes[:, :, column][at]
            if attribute.name in _SIZES:
                values["size"][at] = values[attribute.name][at]
    if strange:
        raise CostError(
            f"this cost is not defined for the kinds {', '.join(strange)}; "
            f"expected those of the CTR spaces: {', '.join(PLUS_KINDS)}"
        )
    return kind, values
