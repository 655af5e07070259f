"""A folder of predictor versions: which one is champion, where each came from, and how to go back.

.. code-block:: text

    store.json                  what the predictors of this folder predict
    champion.json               every promotion, the last one in force
    versions/000001/            predictor.safetensors, provenance.json

A version is a folder that appears when it is complete; the champion changes when one file is
renamed. So a reader needs no lock, and a process that is killed leaves the store as it was.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagsmith.data.atomic import publish, working_folder
from dagsmith.errors import StoreBusyError, StoreError
from dagsmith.files import write_text
from dagsmith.predictor import GNNPredictor, PredictorError

FORMAT = "dagsmith.predictor-store/1"
WEIGHTS, PROVENANCE = "predictor.safetensors", "provenance.json"
CONTEXT = "context"
"""Of a purpose: what was measured on, by name. Stores of earlier versions have none."""


@dataclass(frozen=True)
class Version:
    """One predictor of a store.

    Args:
        number: from 1.
        path: its folder.
        provenance: what it was made of, as JSON: trials, seeds, figures, code version, verdict.
    """

    number: int
    path: Path
    provenance: Mapping[str, Any]

    def load(self) -> GNNPredictor:
        """Read the predictor.

        Raises:
            StoreError: its file is not the one that was written.
        """
        try:
            content = (self.path / WEIGHTS).read_bytes()
        except OSError as error:
            raise StoreError(f"{self.path / WEIGHTS}: {error.strerror}") from None
        if hashlib.sha256(content).hexdigest() != self.provenance.get("sha256"):
            raise StoreError(f"{self.path / WEIGHTS}: not the file that was written")
        try:
            return GNNPredictor.load(self.path / WEIGHTS)
        except PredictorError as error:
            raise StoreError(str(error)) from None


@dataclass(frozen=True, slots=True)
class Promotion:
    """A version that became champion.

    Args:
        version: its number.
        at: when, in UTC, as ISO 8601.
        why: ``"retrain"`` or ``"rollback"``.
    """

    version: int
    at: str
    why: str


class PredictorStore:
    """Versions of one predictor, at most one of them champion.

    Reading never waits. What changes the store is done inside `lock`, by one process at a time.

    Args:
        path: the folder; it may not exist yet.

    Raises:
        StoreError: it is a file, or a folder that is no predictor store.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if self.path.exists() and not self.path.is_dir():
            raise StoreError(f"{self.path} is a file; expected a folder for --store")
        if self.path.is_dir() and not (self.path / "store.json").exists():
            others = [f.name for f in self.path.iterdir() if not f.name.startswith(".")]
            if others:
                raise StoreError(f"{self.path} is not empty and holds no store.json")

    @property
    def purpose(self) -> dict[str, Any] | None:
        """What the predictors predict (objective, direction, fidelity, context), or None if new.

        Raises:
            StoreError: ``store.json`` is damaged or foreign.
        """
        file = self.path / "store.json"
        if not file.exists():
            return None
        document = _read(file)
        if document.get("format") != FORMAT:
            raise StoreError(f"{file}: not of format {FORMAT!r}")
        if not isinstance(document.get(CONTEXT, {}), dict):
            raise StoreError(f"{file}: damaged (expected an object as {CONTEXT})")
        return {key: value for key, value in document.items() if key != "format"}

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store; a process that died holds nothing.

        Raises:
            StoreBusyError: another process holds it.
            StoreError: the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / ".lock").open("w")
        except OSError as error:
            raise StoreError(f"{error.filename}: {error.strerror}") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreBusyError(f"another process is at work in {self.path}") from None
            yield

    def check(self, purpose: Mapping[str, Any]) -> None:
        """Check that the predictors of this store predict that; a new one may predict anything.

        A store of an earlier version, without a context, may have been made in any.

        Raises:
            StoreError: it was made for something else; both are named.
        """
        for key, made, asked in _compared(self.purpose or dict(purpose), purpose):
            if made != asked:
                raise StoreError(
                    f"{self.path} was made with {key} {made!r}, not {asked!r}; use another --store"
                )

    def dedicate(self, purpose: Mapping[str, Any]) -> None:
        """Say what the predictors of this store predict, or check that it is that.

        A store without a context gets the one that is given.

        Raises:
            StoreError: it was made for something else; both are named.
        """
        self.check(purpose)
        found = self.purpose
        if found is None or (CONTEXT in purpose and CONTEXT not in found):
            document = {"format": FORMAT, **(found or {}), **purpose}
            write_text(self.path / "store.json", json.dumps(document, indent=2) + "\n")

    def versions(self, skipped: Callable[[str], None] | None = None) -> list[Version]:
        """The versions that can be read, oldest first.

        Args:
            skipped: told a line for each folder that is damaged or was not made here.
        """
        found: list[Version] = []
        folder = self.path / "versions"
        for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
            if entry.name.startswith("."):
                continue
            try:
                found.append(_version(entry))
            except StoreError as error:
                if skipped:
                    skipped(str(error))
        return found

    def promotions(self) -> list[Promotion]:
        """Who became champion, oldest first.

        Raises:
            StoreError: ``champion.json`` is damaged.
        """
        file = self.path / "champion.json"
        if not file.exists():
            return []
        try:
            rows = _read(file)["promotions"]
            return [Promotion(int(r["version"]), str(r["at"]), str(r["why"])) for r in rows]
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"{file}: damaged ({error!r})") from None

    def champion(self, skipped: Callable[[str], None] | None = None) -> Version | None:
        """The champion, or None where nothing was promoted yet.

        If its files are damaged, it is the last champion before it that is whole.

        Args:
            skipped: told a line for each champion that is damaged.
        """
        for promotion in reversed(self._in_force()):
            try:
                version = _version(self.path / "versions" / f"{promotion.version:06d}")
                version.load()
                return version
            except StoreError as error:
                if skipped:
                    skipped(str(error))
        return None

    def add(self, predictor: GNNPredictor, provenance: Mapping[str, Any]) -> Version:
        """Keep a predictor as the next version; it is not champion by that.

        To be called inside `lock`.
        """
        folder = self.path / "versions"
        folder.mkdir(parents=True, exist_ok=True)
        taken = [int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()]
        out = folder / f"{max(taken, default=0) + 1:06d}"
        for left in folder.glob(".*.partial-*"):
            # Of a process that was killed, under whatever number it had.
            shutil.rmtree(left, ignore_errors=True)
        with working_folder(out) as part:
            predictor.save(part / WEIGHTS)
            digest = hashlib.sha256((part / WEIGHTS).read_bytes()).hexdigest()
            document = {"format": FORMAT, "sha256": digest, "made": _now(), **provenance}
            text = json.dumps(document, indent=2, allow_nan=False) + "\n"
            (part / PROVENANCE).write_text(text, encoding="utf-8")
            publish(part, out)
        return _version(out)

    def promote(self, version: Version, why: str = "retrain") -> None:
        """Make a version champion. To be called inside `lock`."""
        promotions = [*self.promotions(), Promotion(version.number, _now(), why)]
        self._write_promotions(promotions)

    def rollback(self, to: int | None = None) -> Version:
        """Make an earlier version champion again.

        Args:
            to: its number; by default the champion before the present one.

        Raises:
            StoreBusyError: another process is at work in the store.
            StoreError: there is no such version, or it is damaged.
        """
        with self.lock():
            chain = self._in_force()
            if to is None:
                earlier = [p.version for p in chain[:-1]]
                if not earlier:
                    raise StoreError(f"{self.path} has no champion before the present one")
                to = earlier[-1]
            folder = self.path / "versions" / f"{to:06d}"
            if not folder.is_dir():
                numbers = ", ".join(str(v.number) for v in self.versions()) or "none"
                raise StoreError(f"{self.path} has no version {to}; it has {numbers}")
            version = _version(folder)
            version.load()
            self.promote(version, "rollback")
            return version

    def _in_force(self) -> list[Promotion]:
        """The chain of champions, each with its predecessor before it.

        Going back cuts the chain: to go back twice is to go back two champions, not forth again.
        """
        chain: list[Promotion] = []
        for promotion in self.promotions():
            places = [place for place, p in enumerate(chain) if p.version == promotion.version]
            if promotion.why == "rollback" and places:
                del chain[places[-1] :]
            chain.append(promotion)
        return chain

    def _write_promotions(self, promotions: list[Promotion]) -> None:
        rows = [{"version": p.version, "at": p.at, "why": p.why} for p in promotions]
        document = {"format": FORMAT, "promotions": rows}
        write_text(self.path / "champion.json", json.dumps(document, indent=2) + "\n")


def _version(folder: Path) -> Version:
    if not folder.name.isdigit() or not folder.is_dir():
        raise StoreError(f"{folder}: no version of a predictor store")
    provenance = _read(folder / PROVENANCE)
    if provenance.get("format") != FORMAT:
        raise StoreError(f"{folder / PROVENANCE}: not of format {FORMAT!r}")
    if not (folder / WEIGHTS).is_file():
        raise StoreError(f"{folder / WEIGHTS}: missing")
    return Version(int(folder.name), folder, provenance)


def _compared(found: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """What is asked for, by name, as found and as asked; of a context what either side says."""
    for key, value in asked.items():
        if key != CONTEXT:
            yield key, found.get(key), value
        elif CONTEXT in found:
            made = found[CONTEXT]
            for name in dict.fromkeys([*made, *value]):
                nothing = "nothing recorded"
                yield name, made.get(name, nothing), value.get(name, nothing)


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"{file}: {error.strerror}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise StoreError(f"{file}: damaged ({error})") from None
    if not isinstance(document, dict):
        raise StoreError(f"{file}: damaged (expected an object)")
    return document


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
