"""A model that a search has kept: from Python, or over a file."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagsmith.data import Encoders
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
        network: its trained network.
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
        network: Network,
        encoders: Encoders,
        document: Mapping[str, Any],
    ) -> None:
        self.architecture = architecture
        self.network = network
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
        return probabilities(self.network, self.encoders.encode(rows))

    def __repr__(self) -> str:
        return f"Model({self.document.get('key', '')[:12]}, seed {self.document.get('seed')})"


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
    network = load_network(path / WEIGHTS, architecture, encoders)
    return Model(architecture, network, encoders, document)


def write_model(
    path: str | Path,
    architecture: Architecture,
    trained: str | Path,
    encoders: str | Path,
    document: Mapping[str, Any],
) -> None:
    """Write a model directory; it appears under its name when it is complete.

    Args:
        path: the directory, replaced if it exists.
        architecture: what was trained.
        trained: folder with the trained weights.
        encoders: folder of the fitted encoders.
        document: figures, recipe and versions, JSON-ready.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    write_text(unfinished / "architecture.json", architecture.to_json() + "\n")
    shutil.copyfile(Path(trained) / WEIGHTS, unfinished / WEIGHTS)
    shutil.copytree(encoders, unfinished / "encoders")
    text = json.dumps({"format": FORMAT, **document}, indent=2, allow_nan=False)
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
        scores.append(probabilities(model.network, batch))
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
