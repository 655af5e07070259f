"""A hash of texts that is the same in every process, version and machine."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

_BASE = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def stable_hash(texts: pl.Series) -> NDArray[np.uint64]:
    """Hash the UTF-8 bytes ``b_0 .. b_(n-1)`` of every text to 64 bits.

    ``mix(n + sum_i (b_i + 1) * BASE**(i + 1) mod 2**64)`` with splitmix64's finaliser as
    ``mix``: a polynomial hash, because it is a few array operations for a whole column.

    Args:
        texts: Strings without null, ``[n]``.

    Returns:
        Hashes, ``[n]``.
    """
    lengths = texts.str.len_bytes().to_numpy().astype(np.int64)
    sums = np.zeros(len(texts), dtype=np.uint64)
    longest = int(lengths.max(initial=0))
    if longest:
        joined = str(texts.str.join("").item()).encode()
        values = np.frombuffer(joined, dtype=np.uint8).astype(np.uint64) + np.uint64(1)
        powers = _powers(longest)
        if int(lengths.min()) == longest:
            sums = (values.reshape(len(texts), longest) * powers).sum(axis=1, dtype=np.uint64)
        else:
            filled = lengths > 0
            sizes = lengths[filled]
            starts = np.cumsum(sizes) - sizes
            values *= powers[np.arange(len(values)) - np.repeat(starts, sizes)]
            sums[filled] = np.add.reduceat(values, starts)
    return _mix(sums + lengths.astype(np.uint64))


def _powers(count: int) -> NDArray[np.uint64]:
    powers = [1]
    for _ in range(count):
        powers.append(powers[-1] * _BASE & _MASK)
    return np.array(powers[1:], dtype=np.uint64)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
