"""How wide an interval must be: measured on labels that a member of the ensemble never saw."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

_ENOUGH = 20
"""Residuals from which their own quantiles are taken; with fewer, a normal distribution's."""


@dataclass(frozen=True)
class Calibration:
    r"""Turns the members' answers into predictive quantiles, all on the learning scale.

    The spread of an architecture is :math:`s^2 = b + V`, where V is the variance of the members'
    answers and b what else there is: noise of the evaluations and what all members miss alike.
    Quantiles are :math:`\bar m + q s` with q a conformal quantile of the residuals of labels that
    a member left out, each divided by its own spread (cross-conformal prediction: Vovk, 2015,
    arXiv 1208.0806; normalised residuals: Papadopoulos et al., 2008).

    Args:
        noise: b, at least 0.
        residuals: absolute residuals over spreads, ascending, ``[labels]``.
    """

    noise: float
    residuals: NDArray[np.float64]

    @staticmethod
    def fit(
        scores: NDArray[np.float64],
        samples: NDArray[np.float64],
        left_out_by: NDArray[np.int64],
    ) -> "Calibration":
        """Learn from the training labels.

        Args:
            scores: the labels, ``[batch]``.
            samples: all members' answers for them, ``[members, batch]``.
            left_out_by: the member that did not see the label, ``[batch]``; -1 if all did.
        """
        rows = np.flatnonzero(left_out_by >= 0)
        if not rows.size:
            return Calibration(1.0, np.zeros(0))
        errors = scores[rows] - samples[left_out_by[rows], rows]
        variance = samples[:, rows].var(axis=0)
        # One member errs by more than the mean of all; its own part of the variance is taken off.
        members = len(samples)
        surplus = variance.mean() * members / max(1, members - 1)
        square = max(float((errors**2).mean()), 1e-12)
        shrunk = errors * np.sqrt(max(0.25, 1.0 - (1 - 1 / members) * surplus / square))
        noise = max(float((shrunk**2).mean() - variance.mean() / members), 0.05 * square)
        spread = np.sqrt(noise + variance)
        return Calibration(noise, np.sort(np.abs(shrunk) / spread))

    def quantile(self, samples: NDArray[np.float64], level: float) -> NDArray[np.float64]:
        """The quantile of each architecture's score, ``[batch]``.

        Args:
            samples: members' answers, ``[members, batch]``.
            level: between 0 and 1.
        """
        spread = np.sqrt(self.noise + samples.var(axis=0))
        reach = np.abs(2.0 * level - 1.0)
        count = len(self.residuals)
        if count < _ENOUGH:
            factor = float(norm.ppf(0.5 + reach / 2.0))
        else:
            # Conformal: the quantile of n residuals and one more that is not known.
            factor = float(np.quantile(self.residuals, min(1.0, reach * (1.0 + 1.0 / count))))
        return np.asarray(samples.mean(axis=0) + np.sign(level - 0.5) * factor * spread)
