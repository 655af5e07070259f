"""Ridge regression of several targets at once, each with the penalty of smallest left-out error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PENALTIES = tuple(10.0**power for power in range(-6, 5))
"""Candidate penalties, relative to the number of labels: the columns are standardised."""


def inverse_spread(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """One over each column's standard deviation, ``[columns]``; 0 where it never varied.

    So what never varied gets no say, now or later.
    """
    spread = columns.std(axis=0)
    return np.asarray(np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 1e-9))


@dataclass(frozen=True)
class Ridge:
    r"""Linear maps :math:`y_t = b_t + ((x - c) \odot f)\,W_t`, with squared penalties on W.

    Args:
        centre: c, ``[columns]``.
        factor: f, one over the standard deviations; 0 where a column never varied.
        slope: W, ``[columns, targets]``.
        offset: b, ``[targets]``.
        penalty: of each target, ``[targets]``.
        left_out: what a fit to all other rows says of each fitted row, ``[batch, targets]``.
    """

    centre: NDArray[np.float64]
    factor: NDArray[np.float64]
    slope: NDArray[np.float64]
    offset: NDArray[np.float64]
    penalty: NDArray[np.float64]
    left_out: NDArray[np.float64]

    @staticmethod
    def fit(
        columns: NDArray[np.float64],
        targets: NDArray[np.float64],
        weights: NDArray[np.float64] | None = None,
        penalty: NDArray[np.float64] | None = None,
    ) -> "Ridge":
        """Fit all targets by one singular value decomposition.

        Args:
            columns: ``[batch, columns]``.
            targets: ``[batch, targets]``.
            weights: how much each row counts, ``[batch]``; None is alike. The mean is what
                matters: twice the weights are the same fit.
            penalty: of each target, ``[targets]``; None takes the best of `PENALTIES` (times the
                number of rows) by the closed form of the leave-one-out error.
        """
        count = len(columns)
        weight = np.ones(count) if weights is None else weights / weights.mean()
        factor = inverse_spread(columns)
        centre = np.average(columns, axis=0, weights=weight)
        offset = np.average(targets, axis=0, weights=weight)
        root = np.sqrt(weight)[:, None]
        left, singular, right = np.linalg.svd(
            (columns - centre) * factor * root, full_matrices=False
        )
        inside = left.T @ ((targets - offset) * root)
        # The 1/n is the leverage of the offset.
        leverage, square = left**2, singular[:, None] ** 2

        def kept(penalties: NDArray[np.float64]) -> NDArray[np.float64]:
            """What a row's error has lost by the row's own pull on the fit, as a factor."""
            pull = leverage @ (square / (square + penalties)) + weight[:, None] / count
            return np.maximum(1.0 - pull, 1e-3)

        if penalty is None:
            grid = count * np.array(PENALTIES)
            errors = []
            for each in grid:
                fitted = left @ (square / (square + each) * inside)
                missed = ((targets - offset) * root - fitted) / kept(np.full(len(offset), each))
                errors.append(np.square(missed).mean(axis=0))
            penalty = grid[np.argmin(errors, axis=0)]
        slope = right.T @ (singular[:, None] / (square + penalty) * inside)
        missed = targets - offset - (columns - centre) * factor @ slope
        return Ridge(centre, factor, slope, offset, penalty, targets - missed / kept(penalty))

    def predict(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Answer for ``[batch, columns]``: ``[batch, targets]``."""
        return np.asarray(((columns - self.centre) * self.factor) @ self.slope + self.offset)
