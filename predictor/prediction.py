"""What a predictor is, and what it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dagsmith.predictor.errors import PredictorError
from dagsmith.space import Architecture, Population, Vocabulary

Architectures = Sequence[Architecture] | Population
"""Architectures one by one, or as arrays; predictors take both, arrays are much faster."""
Quantile = Callable[[float], NDArray[np.float64]]


@dataclass(frozen=True)
class Prediction:
    """Predicted targets of a batch of architectures, in the units that were fitted.

    Args:
        mean: the prediction, ``[batch]``.
        std: disagreement of the ensemble's members, ``[batch]``; 0 where there is one member.
        samples: what each member says, ``[members, batch]``; `mean` and `std` are taken over it.
        quantile: maps a level between 0 and 1 to the calibrated quantile of each target,
            ``[batch]``, noise of the evaluations included; None if the predictor has none.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    samples: NDArray[np.float64]
    quantile: Quantile | None = field(default=None, repr=False, compare=False)

    @staticmethod
    def of(samples: NDArray[np.float64], quantile: Quantile | None = None) -> "Prediction":
        """Summarise the members' answers, ``[members, batch]``."""
        return Prediction(samples.mean(axis=0), samples.std(axis=0), samples, quantile)

    def interval(self, level: float = 0.9) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper end of the interval that holds the measured target with `level`.

        Raises:
            PredictorError: the predictor has no calibrated intervals, or a level outside (0, 1).
        """
        if not 0.0 < level < 1.0:
            raise PredictorError(f"level is {level}; expected between 0 and 1")
        if self.quantile is None:
            raise PredictorError("this predictor has no calibrated intervals; use std")
        return self.quantile(0.5 - level / 2), self.quantile(0.5 + level / 2)

    def __len__(self) -> int:
        return len(self.mean)


@runtime_checkable
class Predictor(Protocol):
    """Learns a target of architectures from a few evaluated ones, and predicts it for others.

    The story: `fit` takes architectures and one number each (log loss, accuracy, FLOPs; lower or
    higher may be better, a predictor does not care) and returns itself; `predict` answers for any
    architectures over the same component kinds, in the units of the target. Fitting again starts
    anew. `dagsmith.predictor.testing.check_predictor` holds any implementation to this.

    Raises:
        PredictorError: unusable targets, an architecture of other kinds, or `predict` before `fit`.
    """

    def fit(self, architectures: Architectures, targets: ArrayLike) -> Self:
        """Learn from ``[batch]`` architectures and their ``[batch]`` targets."""
        ...

    def predict(self, architectures: Architectures) -> Prediction:
        """Predict the target of each architecture."""
        ...


def as_population(architectures: Architectures, kinds: Vocabulary) -> Population:
    """Return the architectures as arrays over `kinds`.

    Raises:
        PredictorError: a population over other component kinds.
        ArchitectureError: an architecture with a kind or choice that `kinds` lacks.
    """
    if isinstance(architectures, Population):
        if architectures.vocabulary != kinds:
            raise PredictorError(
                f"the population is over {architectures.vocabulary}; this predictor knows {kinds}"
            )
        return architectures
    return Population.from_architectures(architectures, kinds)


def check_targets(
    population: Population, targets: ArrayLike, name: str = "targets"
) -> NDArray[np.float64]:
    """Return the targets as float64 ``[batch]``, checked to be something that can be learned.

    Raises:
        PredictorError: another number of targets than architectures, a target that is NaN or
            infinite (its row is named), or fewer than three distinct targets.
    """
    values = np.asarray(targets, np.float64)
    if values.shape != (len(population),):
        raise PredictorError(
            f"{name} have shape {values.shape}; expected [{len(population)}], one per architecture"
        )
    broken = np.flatnonzero(~np.isfinite(values))
    if broken.size:
        shown = ", ".join(map(str, broken[:8])) + (", ..." if broken.size > 8 else "")
        raise PredictorError(f"{name} are not finite in {broken.size} rows: {shown}")
    distinct = len(np.unique(values))
    if distinct < 3:
        raise PredictorError(
            f"{name} have {distinct} distinct value(s) in {len(values)} rows; expected at least 3"
        )
    return values
