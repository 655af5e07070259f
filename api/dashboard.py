"""``dagsmith dashboard``: the installed optuna-dashboard on the study of a search."""

import errno
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from optuna.artifacts import FileSystemArtifactStore
from optuna.storages import BaseStorage

from dagsmith.arguments import Parser
from dagsmith.errors import RunError
from dagsmith.job import PICTURES
from dagsmith.run_directory import read_configuration
from dagsmith.search.errors import SearchError
from dagsmith.search.storage import open_storage
from dagsmith.search.study_pages import dashboard_installed, writable_folder

HOST, PORT = "127.0.0.1", 8080


class _Server(ThreadingMixIn, WSGIServer):
    """One thread per request: a browser asks for many things at once."""

    daemon_threads = True
    # Otherwise two servers may share a port, and a page comes from either.
    allow_reuse_port = False


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: a page asks again every few seconds."""


def dashboard_command(words: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    parser = Parser(
        "dagsmith dashboard", "Open optuna-dashboard on the study of a search, running or finished."
    )
    add: Callable[..., Any] = parser.add_argument
    add("directory", nargs="?", metavar="DIR", help="directory of a run")
    add("--storage", metavar="URL", help="Optuna storage, instead of a run")
    add("--artifacts", metavar="DIR", help="folder of the drawings; of a run, DIR/pictures")
    add("--host", default=HOST, help="address to listen on; the default is this machine alone")
    add("--port", type=int, default=PORT, help="port to listen on")
    values = parser.parse(words)
    if (values.directory is None) == (values.storage is None):
        parser.error("expected the directory of a run, or --storage URL")
    storage, artifacts = _places(values.directory, values.storage, values.artifacts)
    with serve_dashboard(storage, artifacts, values.host, values.port) as server:
        print(f"http://{values.host}:{server.server_port}/ (Ctrl-C ends it)", file=sys.stderr)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


def serve_dashboard(
    storage: str | Path | BaseStorage,
    artifacts: str | Path | None = None,
    host: str = HOST,
    port: int = PORT,
) -> WSGIServer:
    """A server of optuna-dashboard, bound to its port; ``serve_forever`` runs it.

    Args:
        storage: see `open_storage`; a file must be there.
        artifacts: folder of drawings; it is made if it is not there.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.

    Raises:
        SearchError: optuna-dashboard is not installed, or `artifacts` cannot be written.
        StudyError: the storage cannot be opened.
        RunError: the port is in use, or not for this user.
    """
    if not dashboard_installed():
        raise SearchError("optuna-dashboard is not installed; pip install 'dagsmith[dashboard]'")
    if not 0 <= port <= 65535:
        raise RunError(f"port is {port}; expected 0 to 65535")
    store = None
    if artifacts is not None:
        store = FileSystemArtifactStore(str(writable_folder(artifacts)))
    opened = open_storage(storage, create=False)
    application = import_module("optuna_dashboard").wsgi(opened, artifact_store=store)
    try:
        return make_server(host, port, application, _Server, _Quiet)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise RunError(f"port {port} is in use; choose another --port") from None
        raise RunError(f"cannot listen on {host}, port {port}: {error.strerror}") from None


def _places(
    directory: str | None, storage: str | None, artifacts: str | None
) -> tuple[str | Path, str | Path | None]:
    """Storage and folder of drawings of a run, or those given."""
    if directory is None:
        return str(storage), artifacts
    settings = read_configuration(directory)
    run = Path(directory)
    file = run / "study.db"
    if settings.get("storage") is None and not file.exists():
        raise RunError(f"{directory}: the search has not begun yet; there is no study to show")
    return settings.get("storage") or file, artifacts or run / PICTURES
