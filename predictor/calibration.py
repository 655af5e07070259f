"""How wide an interval must be: measured on labels that some members of the ensemble never saw."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

_LEAST, _SHARE = 50, 5
"""Labels left out by some member: these many, or this part (1/5) of all, whichever is more."""
_ENOUGH = 20
"""Residuals from which their own quantiles are taken; with fewer, a normal distribution's."""


def leave_out(members: int, count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which member does not learn which label, ``[members, count]``.

    Each of the labels that are left out at all is left out by two members: what they differ by
    tells how much of an error is a member's own, and what the mean of all members does not have.
    Of two members, one learns each label; a member that is alone learns them all.
    """
    mask = np.zeros((members, count), bool)
    rows = rng.permutation(count)[: max(_LEAST, count // _SHARE)]
    turn = np.arange(len(rows))
    if members >= 2:
        mask[turn % members, rows] = True
    if members >= 3:
        step = 1 + turn // members % (members - 1)
        mask[(turn + step) % members, rows] = True
    return mask


@dataclass(frozen=True)
class Calibration:
    r"""Turns the members' answers into predictive quantiles, all on the learning scale.

    The spread of an architecture is :math:`s^2 = b + V / M`, where V is the variance of the M
    members' answers for it and b what all of them miss: noise of the evaluations, and bias. A
    quantile is :math:`\bar m + q s`, with q a conformal quantile of the residuals of labels that
    were left out (cross-conformal prediction: Vovk, 2015, arXiv 1208.0806).

    Args:
        noise: b, at least 0.
        residuals: absolute residuals over their root mean square, ascending, ``[labels]``.
    """

    noise: float
    residuals: NDArray[np.float64]

    @staticmethod
    def fit(
        scores: NDArray[np.float64],
        samples: NDArray[np.float64],
        left_out: NDArray[np.bool_],
    ) -> "Calibration":
        """Learn from the training labels.

        Args:
            scores: the labels, ``[batch]``.
            samples: all members' answers for them, ``[members, batch]``.
            left_out: as of `leave_out`.
        """
        rows = left_out.any(axis=0)
        if not rows.any():
            return Calibration(1.0, np.zeros(0))
        members, strangers = len(samples), left_out[:, rows]
        answers = np.where(strangers, samples[:, rows], np.nan)
        errors = scores[rows] - np.nanmean(answers, axis=0)
        square = max(float((errors**2).mean()), 1e-12)
        among = int(strangers.sum(axis=0)[0])
        variance = float(np.nanvar(answers, axis=0, ddof=1).mean()) if among > 1 else 0.0
        # The mean of all members has less of their variance in it than the mean of two.
        error = max(square - variance * (1 / among - 1 / members), square / 4)
        noise = max(error - variance / members, error / 10)
        return Calibration(noise, np.sort(np.abs(errors)) / np.sqrt(square))

    def quantile(self, samples: NDArray[np.float64], level: float) -> NDArray[np.float64]:
        """The quantile of each architecture's score, ``[batch]``.

        Args:
            samples: members' answers, ``[members, batch]``.
            level: between 0 and 1.
        """
        members = len(samples)
        variance = samples.var(axis=0, ddof=1) if members > 1 else np.zeros(samples.shape[1])
        spread = np.sqrt(self.noise + variance / members)
        return np.asarray(samples.mean(axis=0) + self.reach(level) * spread)

    def reach(self, level: float) -> float:
        """q, how many spreads a quantile lies from the mean; below 0 for those below the median."""
        inside = abs(2.0 * level - 1.0)
        count = len(self.residuals)
        if count < _ENOUGH:
            factor = float(norm.ppf(0.5 + inside / 2.0))
        else:
            # Conformal: the quantile of n residuals and one more that is not known.
            factor = float(np.quantile(self.residuals, min(1.0, inside * (1.0 + 1.0 / count))))
        return float(np.sign(level - 0.5)) * factor
