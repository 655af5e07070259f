import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from dagsmith.progress import BarReporter, LineReporter, NotebookReporter, reporter


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def lines(*steps: tuple[float, int], every: float = 10.0) -> list[str]:
    """The log of a stage whose steps are (seconds, done)."""
    file, clock = io.StringIO(), Clock()
    told = LineReporter(file, every, clock)
    told.begin("search")
    for now, done in steps:
        clock.now = now
        told.update(done, 100)
    return file.getvalue().splitlines()


def test_a_line_only_now_and_then() -> None:
    assert lines((1, 1), (5, 2), (11, 20), (12, 21), (20.5, 40)) == [
        "search: begins",
        "search: 20 of 100 (20%), 0:11, about 0:46 left",
    ]


def test_a_resumed_stage_does_not_count_what_was_done_before() -> None:
    assert lines((0, 80), (10, 90))[-1] == "search: 90 of 100 (90%), 0:10, about 0:10 left"


def test_no_estimate_before_anything_is_done() -> None:
    assert lines((0, 50), (3700, 50))[-1] == "search: 50 of 100 (50%), 1:01:40"


def test_a_log_has_no_carriage_returns_and_few_lines() -> None:
    file, clock = io.StringIO(), Clock()
    told = LineReporter(file, 10.0, clock)
    told.begin("supernet")
    for step in range(1000):
        clock.now = 0.1 * step
        told.update(step, 1000, "loss 0.4")
    told.end()
    assert not set("\r\x1b") & set(file.getvalue())
    assert len(file.getvalue().splitlines()) == 10


class Cell:
    """The output of a notebook's cell: what is displayed, and how often it was written over."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []
        self.updates = 0

    def display(self, bundle: dict[str, str], *, raw: bool, display_id: bool) -> "Cell":
        assert raw
        assert display_id
        self.shown.append(bundle)
        return self

    def update(self, bundle: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.shown[-1] = bundle
        self.updates += 1


def test_a_notebook_has_one_bar_per_stage() -> None:
    cell, clock = Cell(), Clock()
    told = NotebookReporter(cell.display, 0.5, clock)
    for stage in ("supernet", "search"):
        told.begin(stage)
        for step in range(100):
            clock.now += 0.1
            told.told("<loss>", step + 1, 100)
        told.end()
        told.update(3, 100)
    assert len(cell.shown) == 2
    assert cell.updates <= 42
    first, last = cell.shown
    assert first["text/plain"].startswith("supernet: 100 of 100 (100%), 0:10")
    assert "value='100' max='100'" in last["text/html"]
    assert "&lt;loss&gt;" in last["text/html"]


def test_a_notebook_is_known_by_its_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def within(shell: Any) -> None:
        ipython = SimpleNamespace(get_ipython=lambda: shell, display=lambda *a, **k: None)
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        monkeypatch.setitem(sys.modules, "IPython.display", ipython)

    kernel = type("ZMQInteractiveShell", (), {})()
    within(kernel)
    assert isinstance(reporter(), NotebookReporter)
    assert isinstance(reporter(io.StringIO()), LineReporter)
    for other in (None, type("TerminalInteractiveShell", (), {})()):
        within(other)
        assert not isinstance(reporter(), NotebookReporter)


def test_a_file_is_no_terminal() -> None:
    assert isinstance(reporter(io.StringIO()), LineReporter)


def test_the_note_does_not_repeat_the_stage() -> None:
    file, clock = io.StringIO(), Clock()
    told = LineReporter(file, 10.0, clock)
    told.begin("data")
    for clock.now, step in ((11.0, "data"), (22.0, "fit")):
        told.told(step, 1, 2)
    assert [line.rpartition(", ")[2] for line in file.getvalue().splitlines()[1:]] == [
        "0:11",
        "fit",
    ]


def test_a_bar_shows_count_and_note() -> None:
    file = io.StringIO()
    told = BarReporter(file)
    told.begin("supernet")
    told.told("loss 0.44", 3, 10)
    told.say("a [line] between")
    told.end()
    told.update(4, 10)
    assert "a [line] between" in file.getvalue()
    assert "3/10" in file.getvalue()
    assert "loss 0.44" in file.getvalue()
