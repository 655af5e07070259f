"""Platt scaling: two numbers, fitted on validation rows, that make logits as sure as they may be.

A network that has passed its rows a few times is surer than it is right: its ranking is good, and
its probabilities are too near to 0 and 1, which is what an auction that multiplies them by bids
pays for. A scale and an offset of the logit, fitted where the network has not learned, mend the
most of it and leave every ranking as it was.

Source: Platt, "Probabilistic Outputs for Support Vector Machines", 1999; Guo et al., "On
Calibration of Modern Neural Networks", ICML 2017, arXiv 1706.04599.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import expit, logit

_SURE = 1e-7
"""Probabilities in float32 are not told apart beyond it."""
_FLATTEST = 1e-3
"""The least scale: what ranks at random is flattened, never turned round."""


def fit_platt(labels: ArrayLike, probabilities: ArrayLike) -> tuple[float, float]:
    """Scale a and offset b of ``sigmoid(a logit(p) + b)`` with the least cross-entropy.

    Labels are drawn in by Platt's prior, 1 / (n + 2) of n rows of a class, so that rows which are
    told apart perfectly have a finite answer.

    Args:
        labels: 0 or 1, ``[rows]``.
        probabilities: what the model answers, ``[rows]``.

    Raises:
        ValueError: no rows, or another number of labels.

    Example:
        >>> scale, _ = fit_platt([0, 1] * 500, [0.1, 0.9] * 400 + [0.9, 0.1] * 100)
        >>> round(scale, 2)  # nine of ten are said to click, and eight do
        0.63
    """
    y, p = np.asarray(labels, np.float64), np.asarray(probabilities, np.float64)
    if y.shape != p.shape or not y.size:
        raise ValueError(f"{y.size} labels for {p.size} probabilities; expected as many, above 0")
    clicks = y.sum()
    target = np.where(y > 0.5, (clicks + 1) / (clicks + 2), 1 / (len(y) - clicks + 2))
    x = logit(np.clip(p, _SURE, 1 - _SURE))

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        z = at[0] * x + at[1]
        wrong = expit(z) - target
        value = np.mean(np.logaddexp(0, z) - target * z)
        return float(value), np.array([np.mean(wrong * x), np.mean(wrong)])

    bounds = [(_FLATTEST, None), (None, None)]
    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds)
    return float(found.x[0]), float(found.x[1])
