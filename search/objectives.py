"""What a search optimizes: a metric or a cost, and in which direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from optuna.study import StudyDirection

from dagsmith.search.errors import SearchError
from dagsmith.space.errors import nearest

Direction = Literal["minimize", "maximize"]

METRICS: dict[str, Direction] = {
    "logloss": "minimize",
    "normalised_entropy": "minimize",
    "loss": "minimize",
    "error": "minimize",
    "auc": "maximize",
    "gauc": "maximize",
    "accuracy": "maximize",
    "cpu_latency_ns": "minimize",
}
"""Qualities that are known by name; they must be measured."""

COSTS: dict[str, Direction] = {
    "flops": "minimize",
    "activations": "minimize",
    "parameters": "minimize",
    "bytes": "minimize",
    "latency_ns": "minimize",
    "interval_ns": "minimize",
    "energy_pj": "minimize",
    "area_mm2": "minimize",
    "power_mw": "minimize",
    "crossbars": "minimize",
    "programming_pj": "minimize",
}
"""Costs that are known by name; they follow from the architecture alone."""


@dataclass(frozen=True, slots=True)
class Objective:
    """One value of a trial.

    Args:
        name: the metric or cost, as evaluations call it.
        direction: which way is better.
        cost: whether it follows from the architecture alone, so that nobody needs to predict it.
    """

    name: str
    direction: Direction
    cost: bool = False

    @property
    def sign(self) -> float:
        """Factor that makes higher better: 1 to maximize, -1 to minimize."""
        return 1.0 if self.direction == "maximize" else -1.0

    def __str__(self) -> str:
        return f"{self.name}:{self.direction}"


def parse_objectives(text: str) -> tuple[Objective, ...]:
    """Read ``"logloss,flops"``: names with a known direction, or ``"name:maximize"`` for any other.

    Raises:
        SearchError: no objective, one twice, an unknown name or direction.

    Example:
        >>> [str(objective) for objective in parse_objectives("auc,score:maximize")]
        ['auc:maximize', 'score:maximize']
    """
    objectives = tuple(_parse(part.strip()) for part in text.split(",") if part.strip())
    if not objectives:
        raise SearchError(f"no objective in {text!r}; expected names such as 'logloss,flops'")
    names = [objective.name for objective in objectives]
    for name in names:
        if names.count(name) > 1:
            raise SearchError(f"objective {name!r} is given twice")
    return objectives


def _parse(text: str) -> Objective:
    name, _, direction = text.partition(":")
    known = METRICS | COSTS
    if not direction and name not in known:
        raise SearchError(
            f"unknown objective {name!r}; {nearest(name, known)}, or say '{name}:minimize'"
        )
    if direction and direction not in ("minimize", "maximize"):
        raise SearchError(
            f"objective {name!r} has direction {direction!r}; expected minimize or maximize"
        )
    chosen: Direction = known[name] if not direction else _direction(direction)
    return Objective(name, chosen, name in COSTS)


def _direction(text: str) -> Direction:
    return "maximize" if text == "maximize" else "minimize"


def signs(directions: Sequence[StudyDirection]) -> NDArray[np.float64]:
    """Factors that make higher better, ``[objectives]``."""
    return np.array([1.0 if d == StudyDirection.MAXIMIZE else -1.0 for d in directions])
