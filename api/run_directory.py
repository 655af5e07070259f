"""The directory of a job: what was asked, and which stages are finished.

``run.json`` keeps the settings; ``stages/<stage>.json`` is written when a stage is done and holds
its output, a small JSON object. A stage is skipped exactly if that file says finished, so a job
that was killed goes on at the stage in which it died, and that stage goes on from its own
checkpoint.
"""

import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dagsmith.errors import RunError
from dagsmith.files import write_text

FORMAT = "dagsmith.run/1"
CHANGEABLE: Mapping[str, str | None] = {
    "trials": "search",
    "search_minutes": "search",
    "jobs": None,
}
"""Settings that may change as long as a stage is not finished (None: at any time)."""


class RunDirectory:
    """A directory that belongs to one job.

    Args:
        path: the directory; made if it does not exist.
        configuration: the job's settings, JSON-ready.
        defaults: what settings are that an older run knows nothing of, because they came later.

    Raises:
        RunError: the directory belongs to no job, or to one that has finished a stage with other
            settings, except for those of `CHANGEABLE`.
    """

    def __init__(
        self,
        path: str | Path,
        configuration: Mapping[str, Any],
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        self.path = Path(path)
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path} is a file; expected a directory for --out")
        record = self.path / "run.json"
        document = {"format": FORMAT, "configuration": dict(configuration)}
        text = json.dumps(document, indent=2) + "\n"
        if not record.exists():
            if self.path.is_dir() and any(self.path.iterdir()):
                raise RunError(
                    f"{self.path} is not empty and holds no run.json; give --out a new directory"
                )
            write_text(record, text)
            return
        kept = read_configuration(self.path)
        if kept == configuration:
            return
        made = {**(defaults or {}), **kept}
        leftovers: tuple[str, ...] = ()
        if self._anything_finished():
            _refuse(made, configuration, self.path, self._changeable())
        else:
            # A first try with a mistake in it: its correction may take the place.
            leftovers = ("stages", "data")
        with self.lock():
            for leftover in leftovers:
                shutil.rmtree(self.path / leftover, ignore_errors=True)
            write_text(record, text)

    def output(self, stage: str) -> dict[str, Any] | None:
        """The output of a finished stage, or None."""
        record = self._read(stage)
        return dict(record["output"]) if record and record["finished"] else None

    def seconds(self, stage: str) -> float:
        """Wall seconds that the stage has taken so far, over all starts that could tell."""
        record = self._read(stage)
        return float(record["seconds"]) if record else 0.0

    def run(self, stage: str, work: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Return the stage's output, from `work` unless the stage is finished already."""
        finished = self.output(stage)
        if finished is not None:
            return finished
        before, start = self.seconds(stage), time.monotonic()
        try:
            output = work()
        except BaseException:
            # The time is worth keeping, but not worth hiding the reason (a full disk, say).
            with suppress(OSError):
                self._write(stage, None, before + time.monotonic() - start)
            raise
        self._write(stage, output, before + time.monotonic() - start)
        return dict(output)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the directory; raise RunError if another process does. A dead one holds nothing."""
        with (self.path / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(f"another process is at work in {self.path}") from None
            yield

    def _changeable(self) -> Set[str]:
        return {key for key, stage in CHANGEABLE.items() if not stage or self.output(stage) is None}

    def _anything_finished(self) -> bool:
        stages = (file.stem for file in (self.path / "stages").glob("*.json"))
        return any(self.output(stage) is not None for stage in stages)

    def _file(self, stage: str) -> Path:
        return self.path / "stages" / f"{stage}.json"

    def _read(self, stage: str) -> dict[str, Any] | None:
        try:
            record = json.loads(self._file(stage).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except json.JSONDecodeError as error:
            raise RunError(f"{self._file(stage)}: damaged ({error}); delete it to redo") from None
        return dict(record)

    def _write(self, stage: str, output: Mapping[str, Any] | None, seconds: float) -> None:
        record = {
            "stage": stage,
            "finished": output is not None,
            "seconds": round(seconds, 3),
            "output": dict(output or {}),
        }
        write_text(self._file(stage), json.dumps(record, indent=2, allow_nan=False) + "\n")


def read_configuration(path: str | Path) -> dict[str, Any]:
    """The settings that a run directory was made with.

    Raises:
        RunError: it holds no ``run.json``, or a damaged or foreign one.
    """
    record = Path(path) / "run.json"
    try:
        document = json.loads(record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path} is no run directory: it holds no run.json") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(f"{record}: not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise RunError(f"{record}: not a run of format {FORMAT!r}")
    return dict(document["configuration"])


def _refuse(
    made: Mapping[str, Any], asked: Mapping[str, Any], path: Path, changeable: Set[str]
) -> None:
    for key in [*asked, *(key for key in made if key not in asked)]:
        if key not in changeable and made.get(key) != asked.get(key):
            raise RunError(
                f"{path} was made with {key}={_shown(made.get(key))}, not "
                f"{_shown(asked.get(key))}; use the same arguments to go on, or another --out"
            )


def _shown(value: Any) -> str:
    return "unset" if value is None else json.dumps(value)
