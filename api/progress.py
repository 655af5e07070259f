"""Progress with an estimate of the time left: a bar on a terminal or in a notebook, else lines."""

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from html import escape
from importlib import import_module
from typing import Any, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bars,
)

Progress = Callable[[str, int, int | None], None]
"""What the rooms call: with a step's name, the work done, and the work in all (None: unknown)."""


class Reporter(ABC):
    """Told by a job what it does; one stage at a time.

    The story: `begin` opens a stage, `update` moves it, `end` closes it, and `say` writes a line
    beside all that. A room's function takes `told` as its ``progress``.

    Attributes:
        stage: the stage that is open.
    """

    stage = ""

    def told(self, step: str, done: int, total: int | None) -> None:
        """Move the stage, as the rooms' functions report: `step` is the note, if it says more."""
        self.update(done, total or 0, "" if step == self.stage else step)

    @abstractmethod
    def begin(self, stage: str) -> None:
        """A stage begins."""

    @abstractmethod
    def update(self, done: float, total: float, note: str = "") -> None:
        """The stage has done `done` of `total` steps; `note` is a short figure such as the loss."""

    @abstractmethod
    def end(self) -> None:
        """The stage ends, finished or not."""

    @abstractmethod
    def say(self, text: str) -> None:
        """Write a line."""


class BarReporter(Reporter):
    """A bar per stage, for a terminal."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._console = Console(file=file or sys.stderr)
        self._bar: Bars | None = None

    def begin(self, stage: str) -> None:
        """Open a bar."""
        self.stage = stage
        self._bar = Bars(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("left"),
            TextColumn("{task.fields[note]}"),
            console=self._console,
        )
        self._bar.add_task(stage, total=None, note="")
        self._bar.start()

    def update(self, done: float, total: float, note: str = "") -> None:
        """Move the bar."""
        if self._bar:
            task = self._bar.tasks[0]
            self._bar.update(task.id, completed=done, total=total, note=note)

    def end(self) -> None:
        """Leave the bar as it stands."""
        if self._bar:
            self._bar.stop()
            self._bar = None

    def say(self, text: str) -> None:
        """Write a line above the bar."""
        self._console.print(text, markup=False, highlight=False)


class LineReporter(Reporter):
    """A line now and then, for a log.

    Args:
        file: where to write; standard error if None.
        every_s: at least this many seconds between two lines of one stage.
        clock: returns seconds.
    """

    def __init__(
        self,
        file: TextIO | None = None,
        every_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file or sys.stderr
        self._every = every_s
        self._clock = clock
        self._began = self._spoke = 0.0
        self._first: float | None = None

    def begin(self, stage: str) -> None:
        """Write that the stage begins."""
        self.stage = stage
        self._began = self._spoke = self._clock()
        self._first = None
        self.say(f"{stage}: begins")

    def update(self, done: float, total: float, note: str = "") -> None:
        """Write a line if the last one is old enough."""
        now = self._clock()
        if self._first is None:
            # A resumed stage begins in the middle: its speed counts from there.
            self._first = done
        if now - self._spoke < self._every or not total:
            return
        self._spoke = now
        pace = _pace(done, total, now - self._began, done - self._first)
        self.say(f"{self.stage}: {pace}{f', {note}' if note else ''}")

    def end(self) -> None:
        """Write nothing: whoever ran the stage says how it ended."""

    def say(self, text: str) -> None:
        """Write a line."""
        print(text, file=self._file, flush=True)


class NotebookReporter(Reporter):
    """A bar per stage in the output of a notebook's cell, written over as the stage moves.

    Args:
        display: shows a bundle of MIME types and gives a handle to update it; IPython's if None.
        every_s: at least this many seconds between two updates.
        clock: returns seconds.
    """

    def __init__(
        self,
        display: Callable[..., Any] | None = None,
        every_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._display = display or import_module("IPython.display").display
        self._every, self._clock = every_s, clock
        self._handle: Any = None
        self._shown: tuple[float, float, str] = (0.0, 0.0, "")
        self._began = self._drawn = 0.0
        self._first: float | None = None

    def begin(self, stage: str) -> None:
        """Show an empty bar."""
        self.stage, self._first, self._shown = stage, None, (0.0, 0.0, "")
        self._began = self._drawn = self._clock()
        self._handle = self._display(self._bundle(), raw=True, display_id=True)

    def update(self, done: float, total: float, note: str = "") -> None:
        """Move the bar, if that was not just done."""
        if self._first is None:
            self._first = done
        self._shown = done, total, note
        if self._clock() - self._drawn >= self._every:
            self._draw()

    def end(self) -> None:
        """Leave the bar where the stage stands."""
        if self._handle:
            self._draw()
            self._handle = None

    def say(self, text: str) -> None:
        """Write a line below the bar."""
        print(text, flush=True)

    def _draw(self) -> None:
        self._drawn = self._clock()
        if self._handle:
            self._handle.update(self._bundle(), raw=True)

    def _bundle(self) -> dict[str, str]:
        done, total, note = self._shown
        spent = self._clock() - self._began
        pace = _pace(done, total, spent, done - (self._first or 0.0)) if total else "begins"
        text = f"{pace}{f', {note}' if note else ''}"
        bar = f"<progress value='{done:g}' max='{total or 1:g}'></progress>"
        html = f"<div><code>{escape(self.stage)}</code> {bar} {escape(text)}</div>"
        return {"text/plain": f"{self.stage}: {text}", "text/html": html}


class SilentReporter(Reporter):
    """Says nothing; for calls from a library."""

    def begin(self, stage: str) -> None:
        """Nothing."""

    def update(self, done: float, total: float, note: str = "") -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""


def reporter(file: TextIO | None = None) -> Reporter:
    """A bar in a notebook or if `file` (standard error by default) is a terminal, else lines."""
    if file is None and in_notebook():
        return NotebookReporter()
    return BarReporter(file) if (file or sys.stderr).isatty() else LineReporter(file)


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def _pace(done: float, total: float, spent: float, gained: float) -> str:
    """How far, since when, and how long it will take at the speed so far."""
    left = f", about {clock_text(spent * (total - done) / gained)} left" if gained > 0 else ""
    return f"{int(done)} of {total:.0f} ({done / total:.0%}), {clock_text(spent)}{left}"


def clock_text(seconds: float) -> str:
    """Seconds as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
