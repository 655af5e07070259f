"""Storages that are a file: one that is moved away is lost, and is not made anew.

A file that is open can be moved, and what is written goes with it; the next one to open the name
would find an empty study there. So the file is looked at before each use. Put back, it goes on.
"""

import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages.journal import JournalFileBackend
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DisconnectionError

_INODE = "dagsmith.inode"


def watch_sqlite(engine: Engine, file: Path) -> None:
    """Let `engine` use the file that lies there, and no connection to one that was moved away.

    Connections get a write-ahead log and ``synchronous=NORMAL``.
    """

    def before(*_: Any) -> None:
        if not file.exists():
            # SQLite would make an empty one.
            raise sqlite3.OperationalError(_gone(file))

    def connected(connection: Any, entry: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        entry.info[_INODE] = _inode(file)

    def taken(_: Any, entry: Any, __: Any) -> None:
        if entry.info[_INODE] != _inode(file):
            # It is closed, which writes its log into the file that was moved, and opened anew.
            raise DisconnectionError(_gone(file))

    event.listen(engine, "do_connect", before)
    event.listen(engine, "connect", connected)
    event.listen(engine, "checkout", taken)


class WatchedJournal(JournalFileBackend):
    """A journal of Optuna in the file that lay there when it was opened.

    Args:
        file: made if it is not there.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(str(file))
        self._file, self._opened = file, _inode(file)

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """Read, or raise StorageInternalError if the file is gone."""
        self._look()
        yield from super().read_logs(log_number_from)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append, or raise StorageInternalError if the file is gone."""
        self._look()
        super().append_logs(logs)

    def _look(self) -> None:
        if _inode(self._file) != self._opened:
            raise StorageInternalError(_gone(self._file))


def _inode(file: Path) -> int | None:
    try:
        return file.stat().st_ino
    except FileNotFoundError:
        return None


def _gone(file: Path) -> str:
    return f"the file {file} was moved away or replaced"
