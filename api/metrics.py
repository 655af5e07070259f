"""The metrics of a click model as the documents have them: a number, or null and the reason."""

from collections.abc import Mapping
from typing import Any

_UNDEFINED = "all rows have the same label, so AUC is undefined"


def documented(metrics: Mapping[str, float]) -> dict[str, Any]:
    """``{auc, logloss}`` of what `dagsmith.supernet.metrics.click_metrics` measured.

    With labels of one class it gives no AUC; then it is null here, and ``reasons`` says so.
    """
    result: dict[str, Any] = {"auc": metrics.get("auc"), "logloss": metrics["logloss"]}
    if result["auc"] is None:
        result["reasons"] = {"auc": _UNDEFINED}
    return result
