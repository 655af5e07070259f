"""Evaluations: what is known of an architecture after something looked at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from dagsmith.space import Architecture


@dataclass(frozen=True)
class Evaluation:
    """One architecture, evaluated once.

    Args:
        architecture: what was evaluated.
        metrics: quality by name, such as ``{"logloss": 0.44, "auc": 0.81}``.
        costs: cost by name, such as ``{"flops": 2.2e6}``.
        fidelity: how it was evaluated: ``"supernet"``, ``"scratch"``, ``"table"``, ...
        seed: the seed of the evaluation.
        seconds: wall time that it took.
        failure: empty, or why there are no metrics (a loss that became NaN, say).
    """

    architecture: Architecture
    metrics: Mapping[str, float]
    costs: Mapping[str, float] = field(default_factory=dict)
    fidelity: str = ""
    seed: int = 0
    seconds: float = 0.0
    failure: str = ""


@runtime_checkable
class Evaluator(Protocol):
    """Anything that turns architectures into evaluations: a supernet, a table, a user's function.

    `evaluate` returns one `Evaluation` per architecture, in their order. An architecture that
    cannot be evaluated gets an evaluation with its `failure` and no metrics; the others go on.
    """

    fidelity: str

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """Evaluate each architecture."""
        ...
