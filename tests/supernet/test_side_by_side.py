import time
from pathlib import Path

import joblib
import pytest

from dagsmith.supernet.side_by_side import side_by_side


def wait_for(file: Path | None) -> str:
    """Return when the file is there; give up after a minute."""
    for _ in range(600):
        if file is None or file.exists():
            return "waited" if file else "quick"
        time.sleep(0.1)
    return "gave up"


def test_what_ends_first_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "heard"
    calls = [joblib.delayed(wait_for)(each) for each in (file, None)]
    found = []
    for result in side_by_side(calls, 2):
        # The other one ends only if this one was heard of before.
        file.touch()
        found.append(result)
    assert found == ["quick", "waited"]


def test_one_at_a_time_is_done_here_and_no_sooner_than_asked_for() -> None:
    done: list[int] = []
    results = side_by_side([joblib.delayed(done.append)(number) for number in range(3)], 1)
    next(results)
    assert done == [0]
    results.close()


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_a_backend_that_gives_all_at_the_end_does(backend: str) -> None:
    with joblib.parallel_config(backend=backend):
        assert sorted(side_by_side([joblib.delayed(abs)(-n) for n in range(4)], 2)) == [0, 1, 2, 3]


def test_closed_early_it_warns_of_nothing(tmp_path: Path) -> None:
    calls = [joblib.delayed(wait_for)(each) for each in (None, tmp_path / "never")]
    results = side_by_side(calls, 2)
    assert next(results) == "quick"
    results.close()
