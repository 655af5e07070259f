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

_LARGEST = 1e100
"""Size from which a target's square, or a sum of them, is infinite."""


@dataclass(frozen=True)
class Prediction:
    """Predicted targets of a batch of architectures, in the units that were fitted.

    Where several targets were fitted, ``[batch]`` is ``[batch, targets]`` everywhere, and `target`
    takes one of them.

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

    def target(self, index: int) -> "Prediction":
        """One of several targets, by its column.

        Raises:
            PredictorError: only one target was fitted, or there is no such column.
        """
        if self.mean.ndim != 2 or not 0 <= index < self.mean.shape[1]:
            raise PredictorError(
                f"there is no target {index} in a prediction of shape {self.mean.shape}; "
                "expected the column of one of several targets"
            )
        quantile = self.quantile
        return Prediction(
            self.mean[:, index],
            self.std[:, index],
            self.samples[..., index],
            None if quantile is None else lambda level: quantile(level)[:, index],
        )

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
        PredictorError: a population over other component kinds, or something else than
            architectures.
        ArchitectureError: an architecture with a kind or choice that `kinds` lacks.
    """
    if isinstance(architectures, Population):
        if architectures.vocabulary != kinds:
            raise PredictorError(
                f"the population is over {architectures.vocabulary}; this predictor knows {kinds}"
            )
        return architectures
    if isinstance(architectures, Architecture):
        raise PredictorError("got a single architecture; expected a sequence: [architecture]")
    for row, each in enumerate(architectures):
        if not isinstance(each, Architecture):
            raise PredictorError(
                f"row {row} of the architectures is of type {type(each).__name__}; expected "
                "Architecture, or a Population (genotypes become one by space.decode_many)"
            )
    return Population.from_architectures(architectures, kinds)


def as_numbers(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return real numbers as float64, of any shape; None is NaN.

    Raises:
        PredictorError: texts, complex numbers, or rows of different lengths.
    """
    try:
        found = np.asarray(values)
        if not np.iscomplexobj(found):
            return np.asarray(found, np.float64)
        reason = "they are complex"
    except (TypeError, ValueError) as error:
        reason = str(error)
    raise PredictorError(f"{name} are no real numbers: {reason}")


def check_targets(
    population: Population, targets: ArrayLike, name: str = "targets"
) -> NDArray[np.float64]:
    """Return the targets as float64 ``[batch]``, checked to be something that can be learned.

    Raises:
        PredictorError: no numbers, another number of targets than architectures, a target that is
            NaN or infinite (its row is named) or beyond 1e100, or fewer than three distinct ones.
    """
    values = as_numbers(targets, name)
    if values.shape != (len(population),):
        raise PredictorError(
            f"{name} have shape {values.shape}; expected [{len(population)}], one per architecture"
        )
    broken = np.flatnonzero(~np.isfinite(values))
    if broken.size:
        shown = ", ".join(map(str, broken[:8])) + (", ..." if broken.size > 8 else "")
        raise PredictorError(f"{name} are not finite in {broken.size} rows: {shown}")
    if values.size and np.abs(values).max() > _LARGEST:
        row = int(np.argmax(np.abs(values)))
        raise PredictorError(f"{name} have {values[row]:g} in row {row}; expected below 1e100")
    distinct = len(np.unique(values))
    if distinct < 3:
        raise PredictorError(
            f"{name} have {distinct} distinct value(s) in {len(values)} rows; expected at least 3"
        )
    return values


def check_columns(population: Population, targets: ArrayLike) -> NDArray[np.float64]:
    """Return one or several targets as ``[batch, targets]``, each checked by `check_targets`.

    Raises:
        PredictorError: see `check_targets`; of several targets, the column is named. Also for no
            column at all.
    """
    values = as_numbers(targets, "targets")
    if values.ndim != 2:
        return check_targets(population, values)[:, None]
    if not values.shape[1]:
        raise PredictorError("targets have no column; expected at least one")
    return np.stack(
        [
            check_targets(population, column, f"targets[:, {index}]")
            for index, column in enumerate(values.T)
        ],
        axis=1,
    )
