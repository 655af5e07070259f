"""Raw rows on disk between the reading of the source and the writing of the store."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RawBlock:
    """Some rows as they were read, column by column.

    Attributes:
        keys: What decides on the partition, int32 ``[rows]``.
        label: 0 or 1, float32 ``[rows]``.
        numbers: Raw numbers, NaN where missing, float32 ``[numbers, rows]``.
        codes: Provisional codes of texts, 0 where missing, int32 ``[columns, rows]``.
    """

    keys: NDArray[np.int32]
    label: NDArray[np.float32]
    numbers: NDArray[np.float32]
    codes: NDArray[np.int32]


class Spill:
    """A file of raw blocks, written once and read in the same order as often as needed.

    Args:
        file: Where it lies.
        numbers: Number columns per row.
        columns: Code columns per row.
    """

    def __init__(self, file: Path, numbers: int, columns: int) -> None:
        self._file = file
        self._numbers = numbers
        self._columns = columns
        self._sizes: list[int] = []
        self._stream = file.open("wb")

    @property
    def rows(self) -> int:
        """Rows written."""
        return sum(self._sizes)

    def write(self, block: RawBlock) -> None:
        """Append a block."""
        self._sizes.append(len(block.label))
        for array in (block.keys, block.label, block.numbers, block.codes):
            self._stream.write(np.ascontiguousarray(array).data)

    def __enter__(self) -> "Spill":
        return self

    def __exit__(self, *exception: object) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[RawBlock]:
        with self._file.open("rb") as stream:

            def read(count: int, dtype: type[np.generic]) -> NDArray[np.generic]:
                return np.fromfile(stream, dtype=dtype, count=count)

            for rows in self._sizes:
                keys = read(rows, np.int32).view(np.int32)
                label = read(rows, np.float32).view(np.float32)
                numbers = read(rows * self._numbers, np.float32).view(np.float32)
                codes = read(rows * self._columns, np.int32).view(np.int32)
                yield RawBlock(
                    keys,
                    label,
                    numbers.reshape(self._numbers, rows),
                    codes.reshape(self._columns, rows),
                )
