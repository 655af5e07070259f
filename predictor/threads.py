"""Parallel work in large pieces: one thread for each, instead of all threads for each operation."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

import torch

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_lock = Lock()
_inside = 0
_threads = 1


@contextmanager
def one_thread() -> Iterator[int]:
    """Run torch operations on the calling thread alone; gives the number of threads allowed.

    The operations of a predictor are too small to be shared between threads: with other work on
    the machine the threads spend their time waiting for each other. On one thread the sums also
    come out the same on every machine. torch's number of threads is one for the whole process;
    it is restored when the last of several concurrent uses ends.
    """
    global _inside, _threads
    with _lock:
        if not _inside:
            _threads = torch.get_num_threads()
        _inside += 1
        torch.set_num_threads(1)
    try:
        yield _threads
    finally:
        with _lock:
            _inside -= 1
            torch.set_num_threads(_threads if not _inside else 1)


def for_each(work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> list[Result]:
    """Apply `work` to every piece, on as many threads as torch may use; results keep the order."""
    with one_thread() as threads:
        if threads == 1 or len(pieces) < 2:
            return [work(piece) for piece in pieces]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(work, pieces))
