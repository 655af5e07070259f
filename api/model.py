"""A model that a search has kept: from Python, or over a file.

It may be several networks, of one architecture trained with different seeds; it then answers with
the mean of their probabilities.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagsmith.data import Batch, Encoders
from dagsmith.data.serving import EncodedReader
from dagsmith.errors import ModelError
from dagsmith.files import write_text
from dagsmith.metrics import documented
from dagsmith.network import WEIGHTS, load_network, probabilities
from dagsmith.space import Architecture
from dagsmith.supernet.metrics import click_metrics
from dagsmith.supernet.network import Network

FORMAT = "dagsmith.model/1"


class Model:
    """A trained model with the encoders of its data: raw columns in, probabilities out.

    Args:
        architecture: what it is.
        networks: its trained networks: one, or the members of an ensemble.
        encoders: fitted on the training rows.
        document: ``model.json``: figures, recipe, versions.

    Example:
        >>> model = load_model("runs/synthetic/models/1")  # doctest: +SKIP
        >>> model.predict({"d0": [1.5], "c0": [7], ...})  # doctest: +SKIP
        array([0.2134])
    """

    def __init__(
        self,
        architecture: Architecture,
        networks: Sequence[Network],
        encoders: Encoders,
        document: Mapping[str, Any],
    ) -> None:
        self.architecture = architecture
        self.networks = tuple(networks)
        self.encoders = encoders
        self.document = document

    def predict(self, rows: pl.DataFrame | Mapping[str, Any]) -> NDArray[np.float64]:
        """The probability of a click for each row, ``[rows]``.

        An unknown category takes the out-of-vocabulary id, a missing value the missing one;
        columns that the model does not know are ignored, also the label.

        Args:
            rows: a frame, or columns by name.

        Raises:
            ModelError: columns of different lengths.
            DatasetError: a column is missing, or a value is not of its kind.
        """
        if not isinstance(rows, pl.DataFrame):
            try:
                rows = pl.DataFrame(dict(rows))
            except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
                raise ModelError(f"these columns make no table: {error}") from None
        return self.score(self.encoders.encode(rows))

    def score(self, batch: Batch) -> NDArray[np.float64]:
        """The probability of a click for each encoded row, ``[rows]``."""
        each = [probabilities(network, batch) for network in self.networks]
        return each[0] if len(each) == 1 else np.asarray(np.mean(each, axis=0))

    def __repr__(self) -> str:
        seeds = self.document.get("seeds", [self.document.get("seed")])
        named = f"seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else f"seed {seeds[0]}"
        return f"Model({self.document.get('key', '')[:12]}, {named})"


def load_model(path: str | Path) -> Model:
    """Load a model directory, such as ``DIR/models/1``.

    Raises:
        ModelError: no such directory, or one that is foreign or damaged.
        DatasetError: its encoders are damaged.
        ArchitectureError: its architecture is damaged.
    """
    path = Path(path)
    document = _read_document(path)
    text = _read(path / "architecture.json")
    architecture = Architecture.from_json(text)
    encoders = Encoders.load(path / "encoders")
    files = [path / _weights(member) for member in range(document.get("members", 1))]
    networks = [load_network(file, architecture, encoders) for file in files]
    return Model(architecture, networks, encoders, document)


def write_model(
    path: str | Path,
    architecture: Architecture,
    trained: Sequence[Path],
    encoders: str | Path,
    document: Mapping[str, Any],
) -> None:
    """Write a model directory; it appears under its name when it is complete.

    Args:
        path: the directory, replaced if it exists.
        architecture: what was trained.
        trained: folders with trained weights; several are the members of an ensemble.
        encoders: folder of the fitted encoders.
        document: figures, recipe and versions, JSON-ready.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    write_text(unfinished / "architecture.json", architecture.to_json() + "\n")
    for member, folder in enumerate(trained):
        shutil.copyfile(folder / WEIGHTS, unfinished / _weights(member))
    shutil.copytree(encoders, unfinished / "encoders")
    members = {"members": len(trained)} if len(trained) > 1 else {}
    text = json.dumps({"format": FORMAT, **members, **document}, indent=2, allow_nan=False)
    write_text(unfinished / "model.json", text + "\n")
    if path.exists():
        shutil.rmtree(path)
    unfinished.rename(path)


def evaluate(
    path: str | Path, file: str | Path, *, predictions: str | Path | None = None
) -> dict[str, Any]:
    """Score a file of rows, whatever its size.

    Args:
        path: a model directory.
        file: CSV, TSV or parquet with the columns that the model was trained on.
        predictions: where to write the probabilities, one row per row, as parquet.

    Returns:
        ``rows``, ``unknown`` (values out of vocabulary, by field), and, where the file has the
        label, ``auc`` and ``logloss`` (null with a reason where they are undefined).

    Raises:
        ModelError: the model or the file cannot be used.
        DatasetError: a column is missing, or a row cannot be read.
    """
    model = load_model(path)
    reader = EncodedReader(model.encoders, str(file))
    labels, scores = [], []
    for batch in reader:
        scores.append(model.score(batch))
        labels.append(batch.label)
    if not scores:
        raise ModelError(f"{file} has no rows")
    label, probability = np.concatenate(labels), np.concatenate(scores)
    result: dict[str, Any] = {"rows": len(label), "unknown": dict(reader.unknown)}
    if reader.labelled:
        result |= documented(click_metrics(label, probability))
    if predictions is not None:
        _write_predictions(Path(predictions), probability)
    return result


def _weights(member: int) -> str:
    """File of a member's weights; that of the first is a single model's."""
    path = Path(WEIGHTS)
    return f"{path.stem}-{member + 1}{path.suffix}" if member else WEIGHTS


def _write_predictions(path: Path, probability: NDArray[np.float64]) -> None:
    unfinished = path.with_name(f".{path.name}.part")
    pl.DataFrame({"probability": probability}).write_parquet(unfinished)
    unfinished.replace(path)


def _read_document(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise ModelError(f"{path}: no such model directory; expected one such as DIR/models/1")
    try:
        document = json.loads(_read(path / "model.json"))
    except json.JSONDecodeError as error:
        raise ModelError(f"{path / 'model.json'}: not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ModelError(f"{path / 'model.json'}: not a model of format {FORMAT!r}")
    return document


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ModelError(f"{path}: missing; {path.parent} is no model directory") from None
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: damaged: {error}") from None
