import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.data import batch
from dagsmith.data.batch import BLOCK_ROWS, batch_rows
from dagsmith.data.store import Split


def split_of(rows: int) -> Split:
    numbers = np.arange(rows)
    return Split(
        numbers[:, None].astype(np.float32),
        np.stack([numbers, numbers + 1], axis=1).astype(np.int32),
        (numbers % 2).astype(np.float32),
    )


def order(split: Split, size: int, **options: int | bool) -> list[int]:
    batches = split.batches(size, **options)  # type: ignore[arg-type]
    return [row for part in batches for row in part.sparse[:, 0].tolist()]


@given(
    rows=st.integers(1, 700),
    size=st.integers(1, 90),
    start=st.integers(0, 9),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
)
def test_a_resumed_epoch_is_the_end_of_the_whole_one(
    rows: int, size: int, start: int, shuffle: bool, drop_last: bool
) -> None:
    split = split_of(rows)
    whole = order(split, size, shuffle=shuffle, drop_last=drop_last, seed=3, epoch=1)
    rest = order(split, size, shuffle=shuffle, drop_last=drop_last, seed=3, epoch=1, start=start)
    assert rest == whole[start * size :]
    assert len(set(whole)) == len(whole) == (rows - rows % size if drop_last else rows)


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 5000])
def test_windows_of_blocks_visit_every_row_once(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "WINDOW_BLOCKS", 3)
    split = split_of(rows)
    whole = order(split, 100, shuffle=True, seed=1)
    assert sorted(whole) == list(range(rows))
    for start in range(-(-rows // 100)):
        assert order(split, 100, shuffle=True, seed=1, start=start) == whole[100 * start :]


def test_a_window_reads_few_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "WINDOW_BLOCKS", 2)
    rows = 20 * BLOCK_ROWS
    first = order(split_of(rows), 2 * BLOCK_ROWS, shuffle=True, drop_last=True)[: 2 * BLOCK_ROWS]
    assert len({row // BLOCK_ROWS for row in first}) == 2


def test_the_order_depends_on_seed_and_epoch_only() -> None:
    split = split_of(1000)
    same = order(split, 64, shuffle=True, seed=1, epoch=2)
    assert same == order(split, 37, shuffle=True, seed=1, epoch=2)
    assert same != order(split, 64, shuffle=True, seed=1, epoch=3)
    assert same != order(split, 64, shuffle=True, seed=2, epoch=2)
    assert order(split, 64) == list(range(1000))


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_shuffling_moves_rows_far(seed: int) -> None:
    rows = np.array(order(split_of(2000), 500, shuffle=True, seed=seed))
    assert abs(np.corrcoef(rows, np.arange(2000))[0, 1]) < 0.15


def test_batches_own_their_arrays() -> None:
    split = split_of(10)
    for part in (next(split.batches(4)), next(split.batches(4, shuffle=True))):
        part.dense[:] = -1
        part.sparse[:] = -1
        part.label[:] = -1
    assert split.dense.min() == 0
    assert split.sparse.min() == 0
    assert split.label.min() == 0


def test_take_keeps_the_order_asked_for() -> None:
    taken = split_of(10).take(np.array([7, 0, 7]))
    assert taken.sparse.tolist() == [[7, 8], [0, 1], [7, 8]]
    assert len(taken) == 3


def test_impossible_sizes_are_refused() -> None:
    options = {"shuffle": False, "seed": 0, "epoch": 0, "drop_last": False}
    with pytest.raises(ValueError, match="batch_size must be at least 1, not 0"):
        next(batch_rows(3, 0, start=0, **options))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="start must be at least 0, not -1"):
        next(batch_rows(3, 1, start=-1, **options))  # type: ignore[arg-type]
