"""The storage of a study: an SQLite file that is cheap per trial, or any of Optuna's."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from dagsmith.search.errors import StudyError
from dagsmith.search.quiet import quiet
from dagsmith.search.storage_file import WatchedJournal, watch_sqlite
from dagsmith.space.errors import nearest

HEARTBEAT_SECONDS = 60
GRACE_SECONDS = 240
JOURNAL = "journal:///"
"""Begins the URL of an Optuna journal: a file that processes of one machine append to."""


def open_storage(storage: str | Path | BaseStorage, *, create: bool = True) -> BaseStorage:
    """Open a storage by URL (``sqlite``, ``journal``, ``postgresql``), by file, or as it is.

    A path without ``://`` is an SQLite file; ``journal:///FILE`` is a journal of Optuna. SQLite
    runs with a write-ahead log and ``synchronous=NORMAL``: a crash of the process loses nothing, a
    power cut at most the last trials, and a transaction costs a fraction. Heartbeats are on, so
    that the trials of a process that died are found.

    Args:
        storage: where, or an open one.
        create: make a file that is not there; those who only read want to be told instead.

    Raises:
        StudyError: a storage that cannot be reached or read, in one line without its password.
    """
    if isinstance(storage, BaseStorage):
        return storage
    text = os.fspath(storage)
    if text.startswith(JOURNAL):
        return _open_journal(Path(text.removeprefix(JOURNAL)), create)
    url = text if "://" in text else f"sqlite:///{Path(text)}"
    try:
        shown = make_url(url).render_as_string(hide_password=True)
        sqlite = make_url(url).get_backend_name() == "sqlite"
        file = Path(make_url(url).database or "")
    except ArgumentError:
        raise StudyError(
            f"storage {text!r} is no URL; expected a file, sqlite:///FILE or "
            "postgresql://USER@HOST/DATABASE"
        ) from None
    if sqlite:
        _check_file(file, shown, create)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            opened = RDBStorage(
                url,
                engine_kwargs={"connect_args": {"timeout": 60}} if sqlite else None,
                heartbeat_interval=HEARTBEAT_SECONDS,
                grace_period=GRACE_SECONDS,
            )
    except ImportError as error:
        raise StudyError(f"cannot open storage {shown}: {_missing(error)}") from None
    except (SQLAlchemyError, RuntimeError, OSError) as error:
        raise StudyError(f"cannot open storage {shown}: {_reason(error)}") from None
    if sqlite and file.name not in ("", ":memory:"):
        watch_sqlite(opened.engine, file)
        # Connections opened so far are not tuned yet.
        opened.engine.dispose()
    return opened


def _check_file(file: Path, shown: str | Path, create: bool) -> None:
    if not file.parent.is_dir():
        raise StudyError(f"cannot open storage {shown}: folder {file.parent} does not exist")
    if not create and not file.is_file():
        raise StudyError(f"cannot open storage {shown}: there is no such file")


def _open_journal(file: Path, create: bool) -> BaseStorage:
    _check_file(file, file, create)
    try:
        return JournalStorage(WatchedJournal(file))
    except (OSError, ValueError, KeyError) as error:
        raise StudyError(f"cannot open storage {file}: {_reason(error)}") from None


def storage_name(storage: str | Path) -> str:
    """What to call a storage in a message: its file or URL, without a password."""
    text = os.fspath(storage)
    if "://" not in text or text.startswith(JOURNAL):
        return text
    try:
        return make_url(text).render_as_string(hide_password=True)
    except ArgumentError:
        return text


def open_studies(storage: BaseStorage, names: Sequence[str]) -> list[optuna.Study]:
    """Load studies by name.

    Raises:
        StudyError: a name that the storage does not have.
    """
    with quiet("optuna"):
        known = optuna.study.get_all_study_names(storage)
        for name in names:
            if name not in known:
                raise StudyError(f"the storage has no study {name!r}; {nearest(name, known)}")
        return [
            optuna.load_study(study_name=name, storage=storage) for name in dict.fromkeys(names)
        ]


def _reason(error: BaseException) -> str:
    """The first line of the innermost error: what the database said, without the SQL."""
    original = getattr(error, "orig", None) or error
    lines = [line.strip() for line in str(original).splitlines() if line.strip()]
    return lines[0] if lines else type(original).__name__


def _missing(error: ImportError) -> str:
    """Which driver is not installed; Optuna's own message does not name it."""
    cause = error.__cause__
    name = cause.name if isinstance(cause, ImportError) else None
    if name == "psycopg":
        return "it needs psycopg; pip install 'dagsmith[postgres]'"
    return f"it needs {name}, which is not installed" if name else _reason(error)
