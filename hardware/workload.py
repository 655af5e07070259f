"""The linear algebra inside a CTR architecture: which matrices are applied, and how often.

Every cost of the CTR kinds (`dagsmith.space.ctr`) follows from this list: FLOPs, parameters,
and what a hardware mapper has to place. Letters: ``N`` rows of a sparse tensor, ``E`` the embedding
dimension, ``w`` a dense width.

=================  ===============================================  ======================
component          linear maps, ``inputs -> outputs`` (uses)        products of activations
=================  ===============================================  ======================
fc                 ``widths -> w``
dot_product        ``widths ~> E``, ``rows ~> k`` (E), ``p ~> w``   ``(k + 1)^2 E``
gating             ``m -> m``, ``m ~> w``
sum                ``m ~> w``
efc                ``rows -> N`` (E)
attention          ``rows -> N`` (E), ``E -> 3E`` (N), ``E -> E``   ``2 N^2 E``
                   (N) three times
fm                 ``E ~> w``
dense_to_sparse    ``w ~> 8E``
head               ``w + N E -> 1``
=================  ===============================================  ======================

``widths`` and ``rows`` are the totals of the inputs, ``m`` is the wider of left and right.
Beside them stand the elementwise products of two activations, which the published counts leave out
and hardware has to do: ``m`` of gating, ``m`` additions of sum, ``2 N E`` of FM, a row's softmax
``2 N^2`` of attention.

``k = round(sqrt(2 w))``, so that the ``p = k (k + 1) / 2`` pairs of ``1 + k`` vectors are about as
many as the width asked for. ``~>`` is a projection that only fits sizes to each other: it is left
out where they are equal already, as in NASRec's code (without that rule the published FLOPs of
Avazu-Small are missed by 1.5 %). The narrower side of gating and sum is padded with zeros, and the
map of gating counts them (without them those of Avazu-Full are missed by 32 %).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.hardware.cost_model import CostError
from dagsmith.space import ABSENT, Population
from dagsmith.space.ctr import DENSE_OPERATORS, KINDS, MERGERS, SPARSE_OPERATORS
from dagsmith.space.pim import PIM_KINDS

Matrix = NDArray[np.float64]

ADDED_ROWS = 8
"""Rows that the dense-to-sparse merger appends."""


@dataclass(frozen=True)
class Workload:
    """The linear maps and activation products of a population, node by node.

    Args:
        inputs: input features of each map, ``[batch, nodes, maps]``; 0 where there is none.
        outputs: its output features, ``[batch, nodes, maps]``.
        uses: times that it is applied per sample, ``[batch, nodes, maps]``.
        products: multiply-accumulates between two activations, ``[batch, nodes]``.
        elementwise: elementwise operations between activations, ``[batch, nodes]``.
    """

    inputs: Matrix
    outputs: Matrix
    uses: Matrix
    products: Matrix
    elementwise: Matrix


@dataclass(frozen=True)
class _Shapes:
    """What enters each node, ``[batch, nodes]``: total widths and rows by port."""

    dense: Matrix
    sparse: Matrix
    left: Matrix
    right: Matrix


def workload(population: Population) -> Workload:
    """List the linear maps of every node of `population`.

    One pass over the node positions in topological order propagates widths and rows; everything
    else is elementwise.

    Raises:
        CostError: a kind that is not one of the CTR kinds, named.
    """
    kind, code, size = _columns(population)
    is_input = kind == KINDS.index["sparse_input"]
    dim = np.where(is_input, population.attributes[:, :, 1] if is_input.any() else 0, 0)
    dim = np.broadcast_to(dim.max(axis=1, initial=0, keepdims=True), kind.shape)
    shapes = _propagate(population, kind, code, size)

    inputs = np.zeros((*kind.shape, 5))
    outputs, uses = np.zeros_like(inputs), np.zeros_like(inputs)
    products, elementwise = np.zeros(kind.shape), np.zeros(kind.shape)
    used = np.zeros(kind.shape, np.int64)

    def add(
        where: NDArray[np.bool_], features: Matrix, into: Matrix, times: Matrix | float = 1.0
    ) -> None:
        at = (*np.nonzero(where), used[where])
        inputs[at], outputs[at] = features[where], into[where]
        uses[at] = np.broadcast_to(times, kind.shape)[where]
        used[where] += 1

    def of(name: str, operators: tuple[str, ...], operator: str) -> NDArray[np.bool_]:
        return np.asarray((kind == KINDS.index[name]) & (code == operators.index(operator)))

    fc = of("dense_op", DENSE_OPERATORS, "fc")
    add(fc, shapes.dense, size)

    cross = of("dense_op", DENSE_OPERATORS, "dot_product")
    k = np.asarray(np.rint(np.sqrt(2 * size)), np.float64)
    pairs = k * (k + 1) / 2
    add(cross & (shapes.dense != dim), shapes.dense, dim)
    add(cross & (shapes.sparse != k), shapes.sparse, k, dim)
    add(cross & (pairs != size), pairs, size)
    products[cross] = ((k + 1) ** 2 * dim)[cross]

    gating, total = (
        of("dense_op", DENSE_OPERATORS, "gating"),
        of("dense_op", DENSE_OPERATORS, "sum"),
    )
    wider = np.maximum(shapes.left, shapes.right)
    add(gating, wider, wider)
    elementwise[gating | total] = wider[gating | total]
    add((gating | total) & (wider != size), wider, size)

    efc = of("sparse_op", SPARSE_OPERATORS, "efc")
    attention = of("sparse_op", SPARSE_OPERATORS, "attention")
    add(efc | attention, shapes.sparse, size, dim)
    add(attention, dim, 3 * dim, size)
    for _ in ("attention output", "first feed-forward", "second feed-forward"):
        add(attention, dim, dim, size)
    products[attention] = (2 * size**2 * dim)[attention]
    elementwise[attention] = (2 * size**2)[attention]

    fm = of("merger", MERGERS, "fm")
    add(fm & (dim != shapes.dense), dim, shapes.dense)
    elementwise[fm] = (2 * shapes.sparse * dim)[fm]
    to_sparse = of("merger", MERGERS, "dense_to_sparse")
    add(to_sparse & (shapes.dense != ADDED_ROWS * dim), shapes.dense, ADDED_ROWS * dim)
    head = kind == KINDS.index["head"]
    add(head, shapes.dense + shapes.sparse * dim, np.ones(kind.shape))
    return Workload(inputs, outputs, uses, products, elementwise)


def _columns(population: Population) -> tuple[NDArray[np.int64], NDArray[np.int64], Matrix]:
    """Kind in the order of `KINDS`, operator code, and width or rows, each ``[batch, nodes]``."""
    vocabulary = population.vocabulary
    kind = np.full(population.kind.shape, ABSENT, np.int64)
    code, size = np.zeros(kind.shape, np.int64), np.zeros(kind.shape)
    strange = []
    for index, known in enumerate(vocabulary.kinds):
        at = population.kind == index
        if not at.any():
            continue
        if known in PIM_KINDS.kinds and known.name not in KINDS:
            continue  # hardware computes, but is not computed
        if known not in KINDS.kinds and known not in PIM_KINDS.kinds:
            strange.append(known.name)
            continue
        kind[at] = KINDS.index[known.name]
        for column, attribute in enumerate(known.attributes):
            values = population.attributes[:, :, column][at]
            if attribute.name == "operator":
                code[at] = values.astype(np.int64)
            elif attribute.name != "dim":
                size[at] = values
    if strange:
        raise CostError(
            f"this cost is not defined for the kinds {', '.join(strange)}; "
            f"expected those of the CTR spaces: {', '.join(KINDS)}"
        )
    return kind, code, size


def _propagate(
    population: Population, kind: NDArray[np.int64], code: NDArray[np.int64], size: Matrix
) -> _Shapes:
    """Sum up what enters each node, in topological order."""
    bits = population.vocabulary.port_bit
    merger = kind == KINDS.index["merger"]
    is_fm = merger & (code == MERGERS.index("fm"))
    adds = merger & (code == MERGERS.index("add"))
    to_sparse = merger & (code == MERGERS.index("dense_to_sparse"))
    dense_kinds = (KINDS.index["dense_input"], KINDS.index["dense_op"])
    sparse_kinds = (KINDS.index["sparse_input"], KINDS.index["sparse_op"])
    # What each node gives; those of inputs and operators are their attributes.
    width = np.where(np.isin(kind, dense_kinds), size, 0.0)
    rows = np.where(np.isin(kind, sparse_kinds), size, 0.0)
    entering = {port: np.zeros(kind.shape) for port in ("dense", "sparse", "left", "right")}
    for target in range(population.node_count):
        row_edges = population.edges[:, target, :target]
        if not row_edges.any():
            continue
        for port, given in (("dense", width), ("sparse", rows), ("left", width), ("right", width)):
            if port not in bits:
                continue
            taken = np.where(row_edges & bits[port], given[:, :target], 0.0)
            entering[port][:, target] = taken.sum(axis=1)
            if adds[:, target].any():
                # The inputs of an addition have one shape: it enters once.
                here = adds[:, target]
                entering[port][here, target] = taken[here].max(axis=1, initial=0)
        here = is_fm[:, target] | adds[:, target]
        width[here, target] = entering["dense"][here, target]
        here = to_sparse[:, target] | adds[:, target]
        extra = np.where(to_sparse[:, target], ADDED_ROWS, 0)
        rows[here, target] = (entering["sparse"][:, target] + extra)[here]
    return _Shapes(**entering)
