"""A folder that appears under its name when it is complete, and not before."""

import contextlib
import errno
import glob
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dagsmith.data.errors import DatasetError

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Let one process at a time prepare this folder; the others wait, then find it done."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    _make_folder(out.parent)
    path = out.parent / f".{out.name}.lock"
    while True:
        stream = path.open("w")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("waiting for another process that prepares %s", out)
            fcntl.flock(stream, fcntl.LOCK_EX)
        # Whoever held it may have removed the file; a lock on a removed file locks nobody out.
        if path.exists() and os.path.samestat(path.stat(), os.fstat(stream.fileno())):
            break
        stream.close()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        stream.close()


@contextlib.contextmanager
def working_folder(out: Path) -> Iterator[Path]:
    """A folder beside ``out``, gone in the end; what killed processes left goes first."""
    prefix = f".{out.name}.partial-"
    for left in out.parent.glob(f"{glob.escape(prefix)}*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=out.parent))
    try:
        yield folder
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DatasetError(
                f"no space left on the disk of {out.parent} while preparing {out.name}:"
                " about 320 bytes per row of 40 columns are needed; nothing was kept"
            ) from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be made: {error.strerror}") from None


def publish(folder: Path, out: Path) -> None:
    """Make everything in a working folder durable, and give it its name."""
    for file in (*folder.rglob("*.*"), folder):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    folder.chmod(0o755)
    if out.exists():
        old = folder.with_name(folder.name + "-old")
        out.rename(old)
        folder.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    else:
        folder.rename(out)
