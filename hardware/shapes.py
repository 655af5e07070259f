"""What enters and leaves every node of a population of CTR architectures: widths, rows, vectors."""

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
    adds, fm = found.of("merger", "add"), found.of("merger", "fm")
    to_sparse = found.of("merger", "dense_to_sparse")
    # What each node gives: a width, or rows of vectors of a dimension.
    width, rows, vector = np.zeros(kind.shape), np.zeros(kind.shape), dim.copy()
    for target in range(population.node_count):
        reads = {
            port: (population.edges[:, target, :target] & bits.get(port, 0)) != 0 for port in _PORTS
        }
        for port, taken in reads.items():
            # A source gives either a width or rows, and every port takes what it is given.
            into = np.where(taken, (width + rows)[:, :target], 0.0)
            # The inputs of an addition have one shape: it enters once.
            once = into.max(axis=1, initial=0)
            found.entering[port][:, target] = np.where(adds[:, target], once, into.sum(axis=1))
        edges[:, target] = reads["dense"].sum(axis=1)
        into = np.where(reads["sparse"], vector[:, :target], 0.0)
        dim[:, target] = np.where(
            reads["sparse"].any(axis=1), into.max(axis=1, initial=0), dim[:, target]
        )
        elements[:, target] = (into * rows[:, :target]).sum(axis=1)
        mergers = adds[:, target], fm[:, target], to_sparse[:, target]
        width[:, target], rows[:, target], vector[:, target] = _given(found, target, mergers)
    return found


def _given(
    found: Shapes, target: int, mergers: tuple[Where, Where, Where]
) -> tuple[Matrix, Matrix, Matrix]:
    """What the nodes at one position give, from what enters them: width, rows, their dimension."""
    size = found.values["size"][:, target]
    dense, sparse = found.entering["dense"][:, target], found.entering["sparse"][:, target]
    count = sparse + found.edges[:, target]
    added, fm, to_sparse = mergers

    def among(*kinds: str) -> Where:
        codes = [PLUS_KINDS.index[kind] for kind in kinds]
        return np.asarray(np.isin(found.kind[:, target], codes))

    width = np.select(
        [
            among("dense_input", "first_order", "dense_op", "layer", "mask_block"),
            among("field_gate") | fm | added,
            among("cross"),
            among("flat"),
            among("pairs"),
        ],
        [
            size,
            dense,
            found.entering["base"][:, target],
            dense + found.elements[:, target],
            count * (count - 1) / 2,
        ],
    )
    rows = np.select(
        [
            among("sparse_input", "sparse_op", "cin"),
            among("field_norm", "field_attention") | added,
            to_sparse,
        ],
        [size, sparse, sparse + ADDED_ROWS],
    )
    attends = among("field_attention")
    vector = np.where(attends, size * found.values["heads"][:, target], found.dim[:, target])
    return width, rows, vector


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
