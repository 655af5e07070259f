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
layer              ``widths -> w``
field_gate         ``c -> g``, ``g -> w``
cross              ``w -> w``, or ``w -> r`` (no bias), ``r -> w``
pairs                                                               ``n^2 E``
cin                ``N_x N_0 -> N`` (E)                             ``N_x N_0 E``
field_attention    ``E -> h a`` (N) four times, no bias             ``2 N^2 h a``
mask_block         ``f -> g``, ``g -> x``, ``x -> w``
fusion             ``w_l / h -> w_r`` (no bias)
head               ``w + N E -> 1``
=================  ===============================================  ======================

``widths`` and ``rows`` are the totals of the inputs, ``m`` is the wider of left and right.
Beside them stand the elementwise products of two activations, which the published counts leave out
and hardware has to do: ``m`` of gating, ``m`` additions of sum, ``2 N E`` of FM, a row's softmax
``2 N^2`` of attention; ``w`` of a field gate, ``2 w`` of a cross layer, ``x`` of a mask block.

``k = round(sqrt(2 w))``, so that the ``p = k (k + 1) / 2`` pairs of ``1 + k`` vectors are about as
many as the width asked for. ``~>`` is a projection that only fits sizes to each other: it is left
out where they are equal already, as in NASRec's code (without that rule the published FLOPs of
Avazu-Small are missed by 1.5 %). The narrower side of gating and sum is padded with zeros, and the
map of gating counts them (without them those of Avazu-Full are missed by 32 %).

Of the hand-made layers, ``c`` is the context of a gate and ``f`` the flat features, ``g`` the width
inside, ``x`` what is masked, ``n`` the vectors paired, ``N_x`` and ``N_0`` the rows of the layer
below and of the embeddings, and ``h`` heads of width ``a``. Kinds that are missing cost nothing.
"""

from dataclasses import dataclass

import numpy as np

from dagsmith.hardware.shapes import ADDED_ROWS, Matrix, Shapes, Where, shapes
from dagsmith.space import Population
from dagsmith.space.ctr import KINDS, PLUS_KINDS

_HAND_MADE = tuple(name for name in PLUS_KINDS if name not in KINDS)
_MAPS = 5
"""Most linear maps of one node."""


@dataclass(frozen=True)
class Workload:
    """The linear maps and activation products of a population, node by node.

    Args:
        inputs: input features of each map, ``[batch, nodes, maps]``; 0 where there is none.
        outputs: its output features, ``[batch, nodes, maps]``.
        uses: times that it is applied per sample, ``[batch, nodes, maps]``.
        biases: its biases, ``[batch, nodes, maps]``.
        products: multiply-accumulates between two activations, ``[batch, nodes]``.
        elementwise: elementwise operations between activations, ``[batch, nodes]``.
    """

    inputs: Matrix
    outputs: Matrix
    uses: Matrix
    biases: Matrix
    products: Matrix
    elementwise: Matrix


class _Collected:
    """The maps found so far; each node's next one goes into its next free column."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.maps = [np.zeros((*shape, _MAPS)) for _ in range(4)]
        self.products, self.elementwise = np.zeros(shape), np.zeros(shape)
        self.used = np.zeros(shape, np.int64)

    def add(
        self,
        where: Where,
        features: Matrix,
        into: Matrix,
        times: Matrix | float = 1.0,
        bias: bool = True,
    ) -> None:
        """A map of `features` to `into`, applied `times` per sample, where `where` holds."""
        node = np.nonzero(where)
        if not node[0].size:
            return
        at = (*node, self.used[node])
        values = (features, into, times, into if bias else 0.0)
        for array, value in zip(self.maps, values, strict=True):
            array[at] = value[node] if isinstance(value, np.ndarray) else value
        self.used[node] += 1

    def multiply(self, where: Where, count: Matrix) -> None:
        """A product of activations."""
        if where.any():
            self.products += np.where(where, count, 0.0)

    def combine(self, where: Where, count: Matrix) -> None:
        """Elementwise operations between activations."""
        if where.any():
            self.elementwise += np.where(where, count, 0.0)


def workload(population: Population) -> Workload:
    """List the linear maps of every node of `population`.

    Raises:
        CostError: a kind that is not one of the CTR kinds, named.
    """
    found = shapes(population)
    work = _Collected(found.kind.shape)
    _nasrec(found, work)
    if found.any(_HAND_MADE):
        _hand_made(found, work)
    sums = found.entering["dense"] + found.elements + found.entering["pooled"]
    work.add(found.of("head"), sums, np.ones(sums.shape))
    inputs, outputs, uses, biases = work.maps
    return Workload(inputs, outputs, uses, biases, work.products, work.elementwise)


def _nasrec(found: Shapes, work: _Collected) -> None:
    """The operators and mergers of NASRec."""
    size, dim = found.values["size"], found.dim
    dense, sparse = found.entering["dense"], found.entering["sparse"]
    work.add(found.of("dense_op", "fc"), dense, size)

    cross = found.of("dense_op", "dot_product")
    k = np.asarray(np.rint(np.sqrt(2 * size)), np.float64)
    pairs = k * (k + 1) / 2
    work.add(cross & (dense != dim), dense, dim)
    work.add(cross & (sparse != k), sparse, k, dim)
    work.add(cross & (pairs != size), pairs, size)
    work.multiply(cross, (k + 1) ** 2 * dim)

    gating, total = found.of("dense_op", "gating"), found.of("dense_op", "sum")
    wider = np.maximum(found.entering["left"], found.entering["right"])
    work.add(gating, wider, wider)
    work.combine(gating | total, wider)
    work.add((gating | total) & (wider != size), wider, size)

    attention = found.of("sparse_op", "attention")
    work.add(found.of("sparse_op", "efc") | attention, sparse, size, dim)
    work.add(attention, dim, 3 * dim, size)
    for _ in ("attention output", "first feed-forward", "second feed-forward"):
        work.add(attention, dim, dim, size)
    work.multiply(attention, 2 * size**2 * dim)
    work.combine(attention, 2 * size**2)

    fm = found.of("merger", "fm")
    work.add(fm & (dim != dense), dim, dense)
    work.combine(fm, 2 * sparse * dim)
    to_sparse = found.of("merger", "dense_to_sparse")
    work.add(to_sparse & (dense != ADDED_ROWS * dim), dense, ADDED_ROWS * dim)


def _hand_made(found: Shapes, work: _Collected) -> None:
    """The layers of hand-made models."""
    size, dim, values = found.values["size"], found.dim, found.values
    dense, sparse, base = (found.entering[port] for port in ("dense", "sparse", "base"))
    work.add(found.of("layer"), dense, size)

    gate = found.of("field_gate")
    work.add(gate, np.where(values["context"] > 0, dim, dense), size)
    work.add(gate, size, dense)
    work.combine(gate, dense)

    cross, rank = found.of("cross"), values["rank"]
    work.add(cross & (rank == 0), base, base)
    work.add(cross & (rank > 0), base, rank, bias=False)
    work.add(cross & (rank > 0), rank, base)
    work.combine(cross, 2 * base)
    work.combine(found.of("fm_logit"), 2 * sparse * dim)

    work.multiply(found.of("pairs"), (sparse + found.edges) ** 2 * dim)

    cin = found.of("cin")
    work.add(cin, sparse * base, size, dim)
    work.multiply(cin, sparse * base * dim)

    attention = found.of("field_attention")
    inner = size * values["heads"]
    for _ in ("query", "key", "value", "residual"):
        work.add(attention, dim, inner, sparse, bias=False)
    work.multiply(attention, 2 * sparse**2 * inner)
    work.combine(attention, 2 * sparse**2 * values["heads"])

    mask, hidden = found.of("mask_block"), values["hidden"]
    work.add(mask, base, hidden)
    work.add(mask, hidden, dense)
    work.add(mask, dense, size)
    work.combine(mask, dense)

    fusion, heads = found.of("fusion"), np.maximum(values["heads"], 1)
    left, right = (np.ceil(found.entering[side] / heads) for side in ("left", "right"))
    work.add(fusion, left, heads * right, bias=False)
