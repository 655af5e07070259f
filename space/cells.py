"""Cells as typed graphs: the component kinds and array operations that cell spaces share.

A cell has an input, operations on nodes, and an output. Spaces name the same operation alike, so
that what a predictor learned of ``conv3x3`` in one space is of use in another.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dagsmith.space.component import Categorical, ComponentKind, Vocabulary
from dagsmith.space.population import ABSENT, Population

CELL_OPERATIONS = ("conv1x1", "conv3x3", "max_pool3x3", "avg_pool3x3", "skip", "none")
"""What a `cell_op` does with the sum of its inputs; ``none`` gives zeros."""

INPUT = ComponentKind("input", (), ())
CELL_OP = ComponentKind("cell_op", (Categorical("op", CELL_OPERATIONS),))
OUTPUT = ComponentKind("output")
CELL_KINDS = Vocabulary((INPUT, CELL_OP, OUTPUT))

Adjacency = NDArray[np.bool_]
"""``[batch, target, source]``: which position reads which."""


def upper_pairs(nodes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Source and target of every possible edge of a DAG of `nodes`, row by row, ``[pairs]``."""
    source, target = np.triu_indices(nodes, k=1)
    return source.astype(np.int64), target.astype(np.int64)


def reached(reads: Adjacency) -> NDArray[np.bool_]:
    """Positions that the first position reaches, itself included, ``[batch, nodes]``.

    Args:
        reads: positions in topological order.
    """
    found = np.zeros(reads.shape[:2], bool)
    found[:, 0] = True
    for target in range(1, reads.shape[1]):
        found[:, target] = (reads[:, target, :target] & found[:, :target]).any(axis=1)
    return found


def reaching(reads: Adjacency) -> NDArray[np.bool_]:
    """Positions that reach the last position, itself included, ``[batch, nodes]``.

    Args:
        reads: positions in topological order.
    """
    found = np.zeros(reads.shape[:2], bool)
    found[:, -1] = True
    for source in range(reads.shape[1] - 2, -1, -1):
        after = slice(source + 1, None)
        found[:, source] = (reads[:, after, source] & found[:, after]).any(axis=1)
    return found


def cells(
    operation: NDArray[np.int16],
    reads: Adjacency,
    used: NDArray[np.bool_],
    names: Sequence[str],
) -> Population:
    """Cells as a population: the first position is the input, the last the output.

    Args:
        operation: index into `CELL_OPERATIONS`, ``[batch, nodes]``; the ends' are not looked at.
        reads: positions in topological order.
        used: which positions to keep, ``[batch, nodes]``; edges of all others are dropped.
        names: name of each position.
    """
    kind = np.where(used, np.int16(CELL_KINDS.index["cell_op"]), np.int16(ABSENT))
    kind[used[:, 0], 0] = CELL_KINDS.index["input"]
    kind[used[:, -1], -1] = CELL_KINDS.index["output"]
    attributes = operation.astype(np.float32)[:, :, None]
    attributes[kind != CELL_KINDS.index["cell_op"]] = np.nan
    edges = (reads & used[:, :, None] & used[:, None, :]).astype(np.uint16)
    return Population(CELL_KINDS, kind, attributes, edges, tuple(names))
