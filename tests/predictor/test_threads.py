from threading import Thread

import pytest
import torch

from dagsmith.predictor.threads import for_each, one_thread


def test_one_thread_inside_and_restored_outside() -> None:
    torch.set_num_threads(3)
    with one_thread() as allowed:
        assert (allowed, torch.get_num_threads()) == (3, 1)
        with one_thread() as nested:
            assert (nested, torch.get_num_threads()) == (3, 1)
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


def test_restored_after_an_error() -> None:
    torch.set_num_threads(2)
    with pytest.raises(ZeroDivisionError):
        for_each(lambda piece: 1 // piece, [1, 0])
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_keep_their_order(threads: int) -> None:
    torch.set_num_threads(threads)
    assert for_each(lambda piece: piece**2, range(20)) == [piece**2 for piece in range(20)]


def test_workers_run_single_threaded() -> None:
    torch.set_num_threads(2)
    assert set(for_each(lambda _: torch.get_num_threads(), range(8))) == {1}


def test_uses_from_other_threads_do_not_stick() -> None:
    torch.set_num_threads(2)
    with one_thread():
        other = Thread(target=lambda: for_each(abs, range(4)))
        other.start()
        other.join()
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
