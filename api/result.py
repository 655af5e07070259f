"""The result document: its format, and the check that a document keeps it.

`docs/result.md` explains every field to a reader. Numbers are finite or null; where a number that
one would expect is null, a ``reason`` stands beside it.
"""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dagsmith.errors import ResultError
from dagsmith.files import write_text
from dagsmith.space.errors import nearest

FORMAT = "dagsmith.result/1"
JOINTS = ("predictor-supernet", "supernet-scratch", "predictor-scratch")

Check = Callable[[Any, str], None]
"""Raises ResultError, naming the place, for a value that does not fit."""


def validate_result(document: Any) -> None:
    """Check a result document, as ``json.load`` reads it.

    Raises:
        ResultError: the first place that does not fit, such as
            ``models[0].test.logloss is NaN; expected a number``.

    Example:
        >>> validate_result({"format": "else"})
        Traceback (most recent call last):
        dagsmith.errors.ResultError: format is 'else'; expected 'dagsmith.result/1'
    """
    if not isinstance(document, Mapping):
        raise ResultError(f"a result is a JSON object, not {type(document).__name__}")
    _exactly(FORMAT)(document.get("format"), "format")
    _RESULT(document, "")
    for index, row in enumerate(document["rank_correlation"]):
        _check_correlation(row, f"rank_correlation[{index}]")
    for index, row in enumerate(document["rounds"]):
        _check_correlation(row, f"rounds[{index}]")
    for index, row in enumerate(document.get("components", [])):
        for side in ("having", "lacking"):
            _check_correlation(row[side], f"components[{index}].{side}")
    ranks = [model["rank"] for model in document["models"]]
    if ranks != list(range(1, len(ranks) + 1)):
        raise ResultError(f"models have ranks {ranks}; expected 1 to {len(ranks)} in order")
    missing = set(JOINTS) - {row["joint"] for row in document["rank_correlation"]}
    if missing:
        raise ResultError(f"rank_correlation has no joint {min(missing)!r}")


def read_result(path: str | Path) -> dict[str, Any]:
    """Read and check a result file; raise ResultError naming the file."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ResultError(f"{path}: no such file; has the search finished?") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ResultError(f"{path}: not JSON: {error}") from None
    try:
        validate_result(document)
    except ResultError as error:
        raise ResultError(f"{path}: {error}") from None
    return dict(document)


def write_result(path: str | Path, document: Mapping[str, Any]) -> None:
    """Check a result and write it, under a temporary name first."""
    validate_result(document)
    write_text(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def _check_correlation(row: Mapping[str, Any], place: str) -> None:
    if row["value"] is None:
        if not row.get("reason"):
            raise ResultError(f"{place}.value is null; expected a reason beside it")
        return
    if row["low"] is None or row["high"] is None:
        raise ResultError(f"{place} has a value; expected low and high beside it")
    # A percentile interval of a small sample may lie beside the value, but never upside down.
    if row["low"] > row["high"]:
        raise ResultError(f"{place}: low {row['low']} is above high {row['high']}")


def _fail(value: Any, place: str, expected: str) -> None:
    shown = "NaN" if isinstance(value, float) and math.isnan(value) else repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    raise ResultError(f"{place or 'the document'} is {shown}; expected {expected}")


def _text(value: Any, place: str) -> None:
    if not isinstance(value, str):
        _fail(value, place, "a text")


def _whole(value: Any, place: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        _fail(value, place, "a whole number")


def _flag(value: Any, place: str) -> None:
    if not isinstance(value, bool):
        _fail(value, place, "true or false")


def _number(value: Any, place: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        _fail(value, place, "a number")


def _anything(value: Any, place: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        _fail(value, place, "a finite value")


def _exactly(*allowed: str) -> Check:
    def check(value: Any, place: str) -> None:
        if value not in allowed:
            _fail(value, place, " or ".join(map(repr, allowed)))

    return check


def _or_null(check: Check) -> Check:
    def either(value: Any, place: str) -> None:
        if value is not None:
            check(value, place)

    return either


def _list(check: Check) -> Check:
    def each(value: Any, place: str) -> None:
        if not isinstance(value, list):
            _fail(value, place, "a list")
        for index, item in enumerate(value):
            check(item, f"{place}[{index}]")

    return each


def _map(check: Check) -> Check:
    def each(value: Any, place: str) -> None:
        if not isinstance(value, Mapping):
            _fail(value, place, "an object")
        for key, item in value.items():
            check(item, f"{place}.{key}")

    return each


def _object(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    fields = {**required, **optional}

    def check(value: Any, place: str) -> None:
        if not isinstance(value, Mapping):
            _fail(value, place, "an object")
        at = f"{place}." if place else ""
        for key in value:
            if key not in fields:
                raise ResultError(f"{at}{key} is no field of a result; {nearest(key, fields)}")
        for key in required:
            if key not in value:
                raise ResultError(f"{at}{key} is missing")
        for key, item in value.items():
            fields[key](item, f"{at}{key}")

    return check


_METRICS = _object(
    {"auc": _or_null(_number), "logloss": _or_null(_number)}, {"reasons": _map(_text)}
)
_PREDICTION = _object({"mean": _number, "std": _or_null(_number)}, {})
_RUN = _object(
    {"seed": _whole, "seconds": _number, "valid": _METRICS, "test": _METRICS},
    # Added later.
    {"epochs": _whole, "best_epoch": _whole, "rows_per_second": _number},
)
_ENSEMBLE = _object({"valid": _METRICS, "test": _METRICS}, {})
_TRAINED: dict[str, Check] = {
    "key": _text,
    "parameters": _number,
    "flops": _number,
    "valid": _METRICS,
    "test": _METRICS,
    "seeds": _list(_whole),
    "runs": _list(_RUN),
}
_JOINED: dict[str, Check] = {"ensemble": _ENSEMBLE}
"""Fields of a trained model that only some results have."""
_OPINIONS: dict[str, Check] = {
    "supernet": _or_null(_map(_number)),
    "predictor": _or_null(_PREDICTION),
}
_SEARCHED: dict[str, Check] = {"architecture": _map(_anything), "trial": _whole, **_OPINIONS}
_HEAT = _object({"epochs": _whole, "valid": _METRICS}, {})
_WAY = _object(
    {"valid": _METRICS, "test": _METRICS, "seeds": _list(_whole), "runs": _list(_RUN)}, {}
)
_ADDED: dict[str, Check] = {
    "finalist": _flag,
    "name": _text,
    "heat": _or_null(_HEAT),
    "distilled": _flag,
    "ways": _map(_WAY),
    **_JOINED,
}
"""Fields of a searched model that results of earlier versions lack."""
_INTERVAL: dict[str, Check] = {
    "value": _or_null(_number),
    "low": _or_null(_number),
    "high": _or_null(_number),
    "n": _whole,
}
_SIDE = _object(_INTERVAL, {"reason": _text})
_COMPONENT = _object(
    {"component": _text, "times": _whole, "metric": _text, "having": _SIDE, "lacking": _SIDE}, {}
)
_HARDWARE = _object(
    {
        "rank": _whole,
        "knobs": _map(_anything),
        "costs": _map(_number),
        "crossbars_per_tile": _number,
        "technology": _text,
        "nodes": _list(
            _object(
                {
                    "name": _text,
                    "operator": _text,
                    "mapping": _map(_anything),
                    "crossbars": _number,
                    "cells": _number,
                    "latency_ns": _number,
                    "energy_pj": _map(_number),
                    "area_mm2": _map(_number),
                },
                {},
            )
        ),
    },
    {},
)
_TEACHER = _object({"share": _number, "members": _whole, "valid": _METRICS, "test": _METRICS}, {})
_RESULT = _object(
    {
        "format": _exactly(FORMAT),
        "created": _text,
        "configuration": _map(_anything),
        "versions": _map(_text),
        "seeds": _map(_anything),
        "seconds": _map(_number),
        "dataset": _object(
            {
                "name": _text,
                "fingerprint": _text,
                "rows": _map(_whole),
                "dense_features": _whole,
                "sparse_fields": _whole,
                "bayes_logloss": _or_null(_number),
            },
            {},
        ),
        "space": _object(
            {"name": _text, "size": _number, "slots": _whole, "counting_rule": _text}, {}
        ),
        "search": _object(
            {
                "sampler": _text,
                "metric": _text,
                "objectives": _list(_text),
                "complete": _whole,
                "failed": _whole,
                "storage": _text,
                "study": _text,
            },
            # Added later; without the first, it was a supernet.
            {"evaluator": _text, "limits": _map(_number), "learned_before": _list(_text)},
        ),
        "rank_correlation": _list(
            _object({"joint": _exactly(*JOINTS), "metric": _text, **_INTERVAL}, {"reason": _text})
        ),
        "rounds": _list(_object({"round": _whole, **_INTERVAL}, {"reason": _text})),
        "models": _list(_object({"rank": _whole, "path": _text, **_TRAINED, **_SEARCHED}, _ADDED)),
        "truth": _list(_object({**_TRAINED, **_SEARCHED}, _ADDED)),
        "baselines": _list(_object({"name": _text, **_TRAINED}, _JOINED)),
        "pareto_front": _list(
            _object(
                {
                    "key": _text,
                    "flops": _number,
                    "parameters": _number,
                    "trial": _whole,
                    **_OPINIONS,
                    "scratch": _or_null(_METRICS),
                },
                {},
            )
        ),
    },
    # Added later; a result without it is still one of this format.
    {"components": _list(_COMPONENT), "hardware": _list(_HARDWARE), "teacher": _TEACHER},
)
