"""A small space, a table that knows the truth about it, and a predictor that fits at once."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import optuna
import pytest

from dagsmith.data.evaluations import Evaluation
from dagsmith.predictor import LinearPredictor
from dagsmith.search import Objective
from dagsmith.space import Architecture, Population, SearchSpace, Vocabulary, nasrec_small

WIDTHS = (16, 32, 64, 128)
HIDDEN = 4


class TableEvaluator:
    """Knows the quality of every architecture: a smooth function of what it is made of.

    ``logloss = 0.45 - 0.01 c . tanh(h / 6)``, where h sums a random vector for every operator, its
    width and every typed edge; equal for isomorphic architectures.
    """

    fidelity = "table"

    def __init__(self, *, fail: Iterable[int] = (), after: Callable[[int], None] | None = None):
        self.calls: list[str] = []
        self._fail, self._after = set(fail), after
        self._vectors: dict[tuple[object, ...], np.ndarray] = {}

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        return [self._one(architecture) for architecture in architectures]

    def logloss(self, architecture: Architecture) -> float:
        labels = [(node.kind, node.values.get("operator")) for node in architecture.nodes]
        hidden = np.zeros(HIDDEN)
        for node, label in zip(architecture.nodes, labels, strict=True):
            width = node.values.get("width") or node.values.get("rows") or 1
            hidden += self._vector("node", *label)
            hidden += 0.3 * np.log2(float(width)) * self._vector("width", *label)
        for edge in architecture.edges:
            hidden += self._vector(labels[edge.source], labels[edge.target], edge.port)
        return float(0.45 - 0.01 * (self._vector("out") @ np.tanh(hidden / 6)))

    def _vector(self, *label: object) -> np.ndarray:
        if label not in self._vectors:
            seed = zlib.crc32(repr(label).encode())
            self._vectors[label] = np.random.default_rng(seed).normal(size=HIDDEN)
        return self._vectors[label]

    def _one(self, architecture: Architecture) -> Evaluation:
        self.calls.append(architecture.key)
        if self._after:
            self._after(len(self.calls))
        # Whether an architecture fails is a property of it, not of when it is asked.
        if any(architecture.key.startswith(f"{digit:x}") for digit in self._fail):
            return Evaluation(architecture, {}, failure="loss became NaN", fidelity="table")
        logloss = self.logloss(architecture)
        return Evaluation(
            architecture, {"logloss": logloss, "auc": 1.2 - logloss}, fidelity="table"
        )


def small_space() -> SearchSpace:
    """Three blocks of NASRec: about 10^9 genotypes, many of them with dead genes."""
    return nasrec_small(4, 5, blocks=3, widths=WIDTHS, rows=(16, 32))


def tiny_space() -> SearchSpace:
    """One block: a few dozen architectures, so that it can be exhausted."""
    return nasrec_small(4, 5, blocks=1, widths=(16, 32), rows=(16,))


def widths_sum(population: Population) -> Mapping[str, np.ndarray]:
    """A cost that follows from the architecture: the sum of its widths and rows."""
    numbers = np.where(np.isnan(population.attributes), 0.0, population.attributes)
    return {"flops": numbers[..., 1].sum(axis=1) + 1.0}


def linear(kinds: Vocabulary, seed: int) -> LinearPredictor:
    return LinearPredictor(kinds, members=4, seed=seed)


@pytest.fixture
def space() -> SearchSpace:
    return small_space()


@pytest.fixture
def exhaustible() -> SearchSpace:
    return tiny_space()


@pytest.fixture
def evaluator() -> type[TableEvaluator]:
    return TableEvaluator


@pytest.fixture
def predictor() -> Callable[[Vocabulary, int], LinearPredictor]:
    return linear


@pytest.fixture
def costs() -> Callable[[Population], Mapping[str, np.ndarray]]:
    return widths_sum


@pytest.fixture
def logloss() -> tuple[Objective, ...]:
    return (Objective("logloss", "minimize"),)


@pytest.fixture
def logloss_flops() -> tuple[Objective, ...]:
    return (Objective("logloss", "minimize"), Objective("flops", "minimize", cost=True))


class PostgreSQL:
    """A server of our own on a free port, that can be stopped and started again."""

    def __init__(self, postgres: str, initdb: str, user: str | None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        # Not below pytest's folder, which other users may not enter.
        self._folder = tempfile.mkdtemp(prefix="dagsmith-postgres-")
        if user:
            shutil.chown(self._folder, user)
        self._postgres, self._user = postgres, user
        self.url = f"postgresql://dagsmith@127.0.0.1:{self._port}"
        options = ["-U", "dagsmith", "--auth=trust", "--encoding=UTF8", "--no-sync"]
        subprocess.run(
            [initdb, "-D", f"{self._folder}/data", *options],
            check=True,
            capture_output=True,
            user=user,
            cwd=self._folder,
        )

    def start(self) -> None:
        """Start it, and wait until it lets somebody in."""
        import psycopg

        options = ["-p", str(self._port), "-k", self._folder, "-c", "listen_addresses=127.0.0.1"]
        self._server = subprocess.Popen(
            [self._postgres, "-D", f"{self._folder}/data", *options, "-c", "fsync=off"],
            user=self._user,
            cwd=self._folder,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(600):
            try:
                psycopg.connect(f"{self.url}/postgres").close()
                break
            except psycopg.OperationalError:
                time.sleep(0.1)

    def stop(self) -> None:
        """Stop it at once, whoever is connected: its "immediate shutdown"."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(60)

    def remove(self) -> None:
        """Stop it if it runs, and forget its data."""
        self._server.terminate()
        self._server.wait(60)
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture(scope="module")
def postgres_server() -> Iterable[PostgreSQL]:
    """A PostgreSQL of our own, gone in the end."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra postgres)")
    # Debian keeps them out of the path.
    places = [os.environ.get("PATH", ""), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    path = os.pathsep.join(places)
    postgres, initdb = shutil.which("postgres", path=path), shutil.which("initdb", path=path)
    if postgres is None or initdb is None:
        pytest.skip("no PostgreSQL is installed (Debian: postgresql)")
    user = None
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root; Debian's package comes with a user for it.
        known = [entry.pw_name for entry in pwd.getpwall()]
        user = next((name for name in ("postgres", "nobody") if name in known), None)
        if user is None:
            pytest.skip("PostgreSQL does not run as root, and there is no other user for it")
    server = PostgreSQL(postgres, initdb, user)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgresql(postgres_server: PostgreSQL, request: pytest.FixtureRequest) -> str:
    """The URL of an empty database of a real PostgreSQL."""
    import psycopg

    name = f"t{zlib.crc32(request.node.name.encode())}"
    with psycopg.connect(f"{postgres_server.url}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{postgres_server.url}/{name}"


@pytest.fixture(autouse=True)
def _quiet_optuna() -> Iterable[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)
