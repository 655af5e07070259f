"""What the report needs to know of the trials of a study."""

import math
from collections.abc import Mapping, Sequence
from typing import TypedDict


class TrialRecord(TypedDict):
    """What the report needs to know of one trial of the study.

    Attributes:
        number: its place in the order of proposals, from 0.
        state: ``"complete"``, or ``"failed"`` when it has no metrics.
        round: the round of the search loop that proposed it.
        key: canonical key of the architecture.
        metrics: what the evaluator measured, by name.
        costs: ``parameters`` and ``flops`` (multiply-accumulates per row), where known.
        predicted_mean: the predictor's value *before* the evaluation, or None without a predictor.
        predicted_std: its standard deviation, or None.
        fidelity: what measured it, such as ``"supernet"`` or ``"table"``; may be empty.
        elapsed_s: wall seconds from the start of the search to the end of the trial.
    """

    number: int
    state: str
    round: int
    key: str
    metrics: Mapping[str, float]
    costs: Mapping[str, float]
    predicted_mean: float | None
    predicted_std: float | None
    fidelity: str
    elapsed_s: float


def measured(trials: Sequence[TrialRecord], metric: str) -> list[TrialRecord]:
    """The trials that have a finite value of `metric`."""
    return [
        t
        for t in trials
        if t["state"] == "complete" and math.isfinite(t["metrics"].get(metric, math.nan))
    ]


def fidelity_of(trials: Sequence[TrialRecord]) -> str:
    """What measured all of the trials; ``"measured"`` where that is not one thing, or unknown."""
    found = {t["fidelity"] for t in trials}
    return found.pop() or "measured" if len(found) == 1 else "measured"
