from pathlib import Path

import numpy as np

from dagsmith.data.spill import RawBlock, Spill


def test_blocks_come_back_as_often_as_needed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    blocks = [
        RawBlock(
            rng.integers(0, 3, rows).astype(np.int32),
            rng.integers(0, 2, rows).astype(np.float32),
            rng.random((2, rows)).astype(np.float32),
            rng.integers(0, 9, (3, rows)).astype(np.int32),
        )
        for rows in (5, 0, 1)
    ]
    spill = Spill(tmp_path / "spill.bin", numbers=2, columns=3)
    with spill:
        for block in blocks:
            spill.write(block)
    assert spill.rows == 6
    for _ in range(2):
        for written, read in zip(blocks, spill, strict=True):
            np.testing.assert_array_equal(read.keys, written.keys)
            np.testing.assert_array_equal(read.label, written.label)
            np.testing.assert_array_equal(read.numbers, written.numbers)
            np.testing.assert_array_equal(read.codes, written.codes)


def test_a_spill_may_have_no_numbers(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill.bin", numbers=0, columns=1)
    with spill:
        spill.write(
            RawBlock(
                np.zeros(2, np.int32),
                np.ones(2, np.float32),
                np.empty((0, 2), np.float32),
                np.array([[7, 8]], np.int32),
            )
        )
    (block,) = list(spill)
    assert block.numbers.shape == (0, 2)
    assert block.codes.tolist() == [[7, 8]]
