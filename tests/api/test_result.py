import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest

from dagsmith.errors import ResultError
from dagsmith.result import JOINTS, read_result, validate_result, write_result

METRICS = {"auc": 0.7, "logloss": 0.43}


def document() -> dict[str, Any]:
    model = {
        "rank": 1,
        "path": "models/1",
        "architecture": {"format": "dagsmith.architecture/1", "nodes": [], "edges": []},
        "key": "ab",
        "parameters": 10.0,
        "flops": 20.0,
        "valid": METRICS,
        "test": {"auc": None, "logloss": 0.4, "reasons": {"auc": "one class"}},
        "seeds": [0],
        "runs": [{"seed": 0, "seconds": 1.5, "valid": METRICS, "test": METRICS}],
        "trial": 3,
        "supernet": {"logloss": 0.44},
        "predictor": None,
    }
    return {
        "format": "dagsmith.result/1",
        "created": "2026-01-01T00:00:00+00:00",
        "configuration": {"trials": 10, "label": None},
        "versions": {"python": "3.11"},
        "seeds": {"search": 0},
        "seconds": {"data": 1.0, "total": 1.0},
        "dataset": {
            "name": "synthetic",
            "fingerprint": "ff",
            "rows": {"train": 5},
            "dense_features": 1,
            "sparse_fields": 2,
            "bayes_logloss": None,
        },
        "space": {"name": "s", "size": 10**32, "slots": 3, "counting_rule": "product"},
        "search": {
            "sampler": "mh",
            "metric": "logloss",
            "objectives": ["logloss"],
            "complete": 10,
            "failed": 0,
            "storage": "own file",
            "study": "dagsmith",
        },
        "rank_correlation": [
            {"joint": joint, "metric": "kendall_tau", "value": 0.5, "low": 0.1, "high": 0.8, "n": 9}
            for joint in JOINTS
        ],
        "rounds": [{"round": 1, "value": None, "low": None, "high": None, "n": 1, "reason": "few"}],
        "models": [model],
        "truth": [],
        "baselines": [],
        "pareto_front": [],
    }


def changed(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    result = copy.deepcopy(document())
    place: Any = result
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return result


def test_a_document_that_keeps_the_format_passes() -> None:
    validate_result(document())


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("format",), "dagsmith.result/9", "format is 'dagsmith.result/9'; expected"),
        (("models", 0, "test", "logloss"), math.nan, r"models\[0\].test.logloss is NaN"),
        (("models", 0, "flops"), math.inf, r"models\[0\].flops is inf; expected a number"),
        (("models", 0, "flops"), True, r"models\[0\].flops is True; expected a number"),
        (("models", 0, "rank"), 2, r"ranks \[2\]; expected 1 to 1"),
        (("models", 0, "rnk"), 2, r"models\[0\].rnk is no field .* did you mean 'rank'"),
        (("configuration", "lr"), math.nan, "configuration.lr is NaN"),
        (("seconds", "data"), "1", "seconds.data is '1'; expected a number"),
        (("rank_correlation", 1, "joint"), "a-b", r"rank_correlation\[1\].joint is 'a-b'"),
        (("rank_correlation", 0, "value"), None, "value is null; expected a reason"),
        (("rank_correlation", 0, "low"), None, "expected low and high"),
        (("rank_correlation", 0, "low"), 0.9, "low 0.9 is above high 0.8"),
        (("rank_correlation",), [], "rank_correlation has no joint"),
        (("rounds", 0, "reason"), "", "expected a reason"),
        (("dataset", "rows"), [1], "dataset.rows is .*; expected an object"),
        (("search", "objectives"), "logloss", "search.objectives .* expected a list"),
    ],
)
def test_the_message_names_the_place(path: tuple[str | int, ...], value: Any, message: str) -> None:
    with pytest.raises(ResultError, match=message):
        validate_result(changed(path, value))


@pytest.mark.parametrize("key", [*document()])
def test_no_part_of_the_document_may_be_missing(key: str) -> None:
    result = document()
    del result[key]
    with pytest.raises(ResultError, match=key):
        validate_result(result)


def test_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_result(path, document())
    assert read_result(path) == document()
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_a_bad_document_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ResultError):
        write_result(tmp_path / "result.json", changed(("seconds", "data"), math.nan))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "result.json: not JSON"),
        ("[]", "a result is a JSON object"),
        (json.dumps({"format": "other"}), "result.json: format is 'other'"),
    ],
)
def test_reading_a_foreign_file_names_it(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(ResultError, match=message):
        read_result(path)


def test_reading_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"has the search finished\?"):
        read_result(tmp_path / "result.json")


def test_components_may_be_there_and_are_then_checked() -> None:
    side = {"value": 0.5, "low": 0.1, "high": 0.8, "n": 12}
    few = {"value": None, "low": None, "high": None, "n": 2, "reason": "few"}
    row = {"component": "conv", "times": 1, "metric": "kendall_tau", "having": side, "lacking": few}
    validate_result(document() | {"components": [row]})
    for wrong in (row | {"times": "one"}, row | {"lacking": side | {"low": 0.9}}):
        with pytest.raises(ResultError, match=r"components\[0\]"):
            validate_result(document() | {"components": [wrong]})
