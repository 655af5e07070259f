"""What enters and leaves every node of a population of CTR architectures: widths, rows, vectors."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.hardware.cost_model import CostError
from dagsmith.space import ABSENT, Population
from dagsmith.space.ctr import KINDS, PLUS_KINDS
from dagsmith.space.pim import HARDWARE, PIM_KINDS

Matrix = NDArray[np.float64]
Where = NDArray[np.bool_]

ADDED_ROWS = 8
"""Rows that the dense-to-sparse merger appends."""

_SIZES = ("width", "rows", "fields")
"""The attribute that says how large a node's output is, whatever its kind calls it."""
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
    for target in range(population.node_count):
        incoming = population.edges[:, target, :target]
        used = int(np.bitwise_or.reduce(incoming, axis=None)) if incoming.size else 0
        for port in _PORTS:
            if not used & bits.get(port, 0):
                continue
            taken = (incoming & bits[port]) != 0
            # A source gives either a width or rows, and every port takes what it is given.
            into = np.where(taken, sizes[:, :target], 0.0)
            # The inputs of an addition have one shape: it enters once.
            once = into.max(axis=1, initial=0)
            found.entering[port][:, target] = np.where(adds[:, target], once, into.sum(axis=1))
            if port == "dense":
                edges[:, target] = taken.sum(axis=1)
            if port == "sparse":
                dims = np.where(taken, vector[:, :target], 0.0)
                dim[:, target] = np.where(
                    taken.any(axis=1), dims.max(axis=1, initial=0), dim[:, target]
                )
                elements[:, target] = (into * dims).sum(axis=1)
        vector[:, target] = dim[:, target]
        for where, gives, become in rules:
            at = where[:, target]
            if at.any():
                (vector if become else sizes)[at, target] = gives(target)[at]
    return found


Rule = tuple[Where, Callable[[int], Matrix], bool]
"""Which nodes, what they give by their position, and whether it is the vectors' dimension."""


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
    return [
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
        if known in PIM_KINDS.kinds and known.name in HARDWARE:
            continue  # hardware computes, but is not computed
        if known not in (*PLUS_KINDS.kinds, *KINDS.kinds, *PIM_KINDS.kinds):
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
