"""Rows on their way into a model, and the order in which they come."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS = 256
"""Rows that stay neighbours on disk: the unit that a shuffle moves."""

WINDOW_BLOCKS = 4096
"""Blocks mixed row by row with each other: 1,048,576 rows, 8 MiB of row numbers."""


@dataclass(frozen=True)
class Batch:
    """Rows of a data set as arrays that the receiver owns.

    With ``B`` rows, ``D`` dense features and ``C`` columns of categorical ids:

    Attributes:
        dense: Encoded dense features, float32 ``[B, D]``.
        sparse: Ids local to their field, int32 ``[B, C]``.
        label: 0 or 1, float32 ``[B]``; NaN where the source had no label.
    """

    dense: NDArray[np.float32]
    sparse: NDArray[np.int32]
    label: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.label)


def shuffled_windows(
    rows: int, seed: int, epoch: int, first_row: int
) -> Iterator[NDArray[np.intp]]:
    """Row numbers of one epoch in shuffled order, window by window.

    Blocks of ``BLOCK_ROWS`` neighbouring rows are permuted over the whole split, then the
    rows of every ``WINDOW_BLOCKS`` consecutive blocks are permuted among themselves. A split
    of up to a million rows is one window, hence permuted uniformly; a larger one costs
    8 MiB, and a table larger than memory is still read in runs of neighbouring rows.
    The order depends on ``(rows, seed, epoch)`` only.

    Args:
        rows: Number of rows of the split.
        seed: Seed of the run.
        epoch: Which pass over the data.
        first_row: Position in the shuffled order to start from.

    Yields:
        Row numbers, from position ``first_row`` to the end.
    """
    blocks = np.random.default_rng([seed, epoch]).permutation(-(-rows // BLOCK_ROWS))
    position = 0
    for window, begin in enumerate(range(0, len(blocks), WINDOW_BLOCKS)):
        chosen = blocks[begin : begin + WINDOW_BLOCKS]
        order = (chosen[:, None] * BLOCK_ROWS + np.arange(BLOCK_ROWS)).ravel()
        order = order[order < rows]
        end = position + len(order)
        if end > first_row:
            np.random.default_rng([seed, epoch, window]).shuffle(order)
            yield order[max(0, first_row - position) :]
        position = end


def batch_rows(
    rows: int,
    batch_size: int,
    *,
    shuffle: bool,
    seed: int,
    epoch: int,
    start: int,
    drop_last: bool,
) -> Iterator[slice | NDArray[np.intp]]:
    """Rows of each batch of an epoch, as a slice (in order) or as row numbers (shuffled).

    Args:
        rows: Number of rows of the split.
        batch_size: Rows per batch.
        shuffle: Whether to permute.
        seed: Seed of the permutation.
        epoch: Which pass over the data; each has its own permutation.
        start: Number of the first batch: a resumed epoch continues where it stopped.
        drop_last: Leave out a last batch that is not full.

    Yields:
        One selection of rows per batch.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    if start < 0:
        raise ValueError(f"start must be at least 0, not {start}")
    stop = rows - rows % batch_size if drop_last else rows
    if not shuffle:
        for begin in range(start * batch_size, stop, batch_size):
            yield slice(begin, min(begin + batch_size, stop))
        return
    left = stop - start * batch_size
    carried = np.empty(0, dtype=np.intp)
    for window in shuffled_windows(rows, seed, epoch, start * batch_size):
        order = np.concatenate([carried, window]) if len(carried) else window
        full = min(len(order), left) // batch_size * batch_size
        for begin in range(0, full, batch_size):
            yield order[begin : begin + batch_size]
        left -= full
        carried = order[full:]
    if left > 0:
        yield carried[:left]
