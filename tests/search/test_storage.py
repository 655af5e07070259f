from pathlib import Path

import optuna
import pytest
import sqlalchemy

from dagsmith.search import StudyError, open_storage
from dagsmith.search.storage import storage_name


def pragma(storage: optuna.storages.RDBStorage, name: str) -> object:
    with storage.engine.connect() as connection:
        return connection.execute(sqlalchemy.text(f"PRAGMA {name}")).scalar()


def test_a_path_is_an_sqlite_file_with_a_write_ahead_log(tmp_path: Path) -> None:
    storage = open_storage(tmp_path / "study.db")
    assert isinstance(storage, optuna.storages.RDBStorage)
    assert pragma(storage, "journal_mode") == "wal"
    assert pragma(storage, "synchronous") == 1
    assert storage.get_heartbeat_interval()
    assert (tmp_path / "study.db").exists()


def test_an_open_storage_is_taken_as_it_is() -> None:
    storage = optuna.storages.InMemoryStorage()
    assert open_storage(storage) is storage


def _without(module: str) -> ImportError:
    error = ImportError("Failed to import DB access module")
    error.__cause__ = ModuleNotFoundError(f"No module named {module!r}", name=module)
    return error


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("psycopg", r"needs psycopg; pip install 'dagsmith\[postgres\]'"),
        ("MySQLdb", "needs MySQLdb, which is not installed"),
    ],
)
def test_a_missing_driver_is_named(
    module: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise _without(module)

    monkeypatch.setattr("dagsmith.search.storage.RDBStorage", refuse)
    with pytest.raises(StudyError, match=message):
        open_storage("postgresql://localhost/x")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:////no/such/folder/study.db", "folder /no/such/folder does not exist"),
        ("nosuchdatabase://localhost/x", "cannot open storage nosuchdatabase"),
        ("://", "is no URL"),
    ],
)
def test_an_unreachable_storage_is_one_clear_line(url: str, message: str) -> None:
    with pytest.raises(StudyError, match=message) as error:
        open_storage(url)
    assert "\n" not in str(error.value)


def test_passwords_are_not_shown() -> None:
    with pytest.raises(StudyError) as error:
        open_storage("nosuchdatabase://user:topsecret@localhost/x")
    assert "topsecret" not in str(error.value)
    assert storage_name("postgresql://user:topsecret@host/x") == "postgresql://user:***@host/x"
    for plain in ("runs/study.db", "journal:///study.log", "sqlite:///study.db", "://"):
        assert storage_name(plain) == plain


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("these are not the bytes of a database" * 100)
    with pytest.raises(StudyError, match="file is not a database"):
        open_storage(tmp_path / "study.db")
