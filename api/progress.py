"""Progress with an estimate of the time left: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TextIO

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
        spent = now - self._began
        gained = done - self._first
        left = f", about {_clock_text(spent * (total - done) / gained)} left" if gained > 0 else ""
        note = f", {note}" if note else ""
        self.say(
            f"{self.stage}: {int(done)} of {total:.0f} ({done / total:.0%}), "
            f"{_clock_text(spent)}{left}{note}"
        )

    def end(self) -> None:
        """Write nothing: whoever ran the stage says how it ended."""

    def say(self, text: str) -> None:
        """Write a line."""
        print(text, file=self._file, flush=True)


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
    """A bar if `file` (standard error by default) is a terminal, lines otherwise."""
    return BarReporter(file) if (file or sys.stderr).isatty() else LineReporter(file)


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
