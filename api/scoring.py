"""Ranking a file of architectures with a stored predictor."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dagsmith.data.errors import DatasetError
from dagsmith.data.table_lines import records
from dagsmith.errors import StoreError
from dagsmith.predictor import PredictorError
from dagsmith.predictor_store import PredictorStore, Version
from dagsmith.space import Architecture, ArchitectureError, Population, Vocabulary


def score_file(
    file: str | Path,
    store: PredictorStore | str | Path,
    *,
    version: int | None = None,
    top: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Rank the architectures of a file, best first.

    Args:
        file: JSON lines, plain, ``.gz`` or ``.zst``: an architecture each, or an object that holds
            one under ``"architecture"``.
        store: of `retrain`.
        version: which one; the champion, if None.
        top: only the best so many.

    Yields:
        ``{rank, line, mean, std, low, high}``: the line in the file, the prediction in the
        objective's units, and its interval of 90 %.

    Raises:
        StoreError: a store without a champion, or without that version.
        DatasetError: a line that is no architecture, or has kinds that were not learned.
        PredictorError: `top` below 1.
    """
    if top is not None and top < 1:
        raise PredictorError(f"top is {top}; expected at least 1")
    if not isinstance(store, PredictorStore):
        store = PredictorStore(store)
    predictor = _chosen(store, version).load()
    lines, population = read_architectures(Path(file), predictor.kinds)
    prediction = predictor.predict(population)
    low, high = prediction.interval(0.9)
    larger = (store.purpose or {}).get("direction") == "maximize"
    order = np.argsort(-prediction.mean if larger else prediction.mean, kind="stable")
    for rank, row in enumerate(order[:top].tolist()):
        yield {
            "rank": rank + 1,
            "line": lines[row],
            "mean": float(prediction.mean[row]),
            "std": float(prediction.std[row]),
            "low": float(low[row]),
            "high": float(high[row]),
        }


def read_architectures(file: Path, kinds: Vocabulary) -> tuple[list[int], Population]:
    """Read a file of architectures, and the line on which each stands.

    Raises:
        DatasetError: no such file, an empty one, or a line that is no architecture over `kinds`.
    """
    if not file.is_file():
        raise DatasetError(f"{file}: no such file")
    architectures: list[Architecture] = []
    lines: list[int] = []
    for place, record in records([file]):
        try:
            document = json.loads(record)
            if isinstance(document, dict) and "architecture" in document:
                document = document["architecture"]
            architecture = Architecture.from_dict(document)
            architecture.validate(kinds)
        except (ArchitectureError, ValueError, RecursionError) as error:
            raise DatasetError(f"{place}: {error}") from None
        architectures.append(architecture)
        lines.append(int(place.rpartition(" ")[2]))
    if not architectures:
        raise DatasetError(f"{file}: the file has no lines")
    return lines, Population.from_architectures(architectures, kinds)


def _chosen(store: PredictorStore, number: int | None) -> Version:
    if number is None:
        champion = store.champion()
        if champion is None:
            raise StoreError(f"{store.path} has no champion; run dagsmith predictor retrain first")
        return champion
    found = {version.number: version for version in store.versions()}
    if number not in found:
        numbers = ", ".join(map(str, found)) or "none"
        raise StoreError(f"{store.path} has no version {number}; it has {numbers}")
    return found[number]
