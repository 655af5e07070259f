"""Acquisition functions: how much the evaluation of an architecture promises, from its prediction.

They work on the `Prediction` of any predictor. Larger values are evaluated sooner, whichever way
the target is better. Shapes: ``[batch]`` candidates, or ``[picks, batch]`` where every pick of a
batch values them differently.
"""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.prediction import Prediction
from dagsmith.space.errors import nearest

Acquisition = Literal["mean", "uncertainty", "ucb", "ei", "thompson"]
ACQUISITIONS: tuple[Acquisition, ...] = get_args(Acquisition)
Values = NDArray[np.float64]

_LEAST_STD = 1e-9
"""In units of the predictions' range: below it a ratio to the std would overflow."""


def expected_improvement(
    prediction: Prediction, best: float, *, larger_is_better: bool = False
) -> Values:
    r"""By how much an architecture is expected to beat `best`, ``[batch]``.

    .. math:: EI = \sigma\,(\varphi(z) + z\,\Phi(z)), \qquad z = (\mu - best) / \sigma

    for a normal prediction, written for larger is better; where the std is 0 it is the predicted
    gain, or 0. Jones, Schonlau and Welch, "Efficient Global Optimization of Expensive Black-Box
    Functions", 1998.

    Args:
        prediction: of the candidates.
        best: the best target so far.
        larger_is_better: whether the best has the largest target.

    Example:
        >>> certain = Prediction.of(np.array([[1.0, 3.0]]))
        >>> expected_improvement(certain, 2.0, larger_is_better=True).tolist()
        [0.0, 1.0]
    """
    gain, std = _gain(prediction, best, larger_is_better), prediction.std
    z = np.divide(gain, std, out=np.zeros_like(gain), where=std > 0)
    value: Values = np.where(std > 0, std * np.exp(_log_h(z)), np.maximum(gain, 0.0))
    return value


def log_expected_improvement(
    prediction: Prediction, best: float, *, larger_is_better: bool = False
) -> Values:
    """The logarithm of `expected_improvement`, which also ranks what has almost none.

    Far below the best, the improvement itself underflows to 0 and most candidates tie. Ament et
    al., "Unexpected Improvements to Expected Improvement for Bayesian Optimization", NeurIPS 2023,
    arXiv 2310.20708. Where the std is 0, the value is the limit for a very small one.
    """
    gain = _gain(prediction, best, larger_is_better)
    scale = float(np.ptp(gain)) if len(gain) else 0.0
    std = np.maximum(prediction.std, _LEAST_STD * (scale or 1.0))
    value: Values = np.log(std) + _log_h(gain / std)
    return value


def upper_confidence_bound(
    prediction: Prediction, beta: float = 1.0, *, larger_is_better: bool = False
) -> Values:
    r"""The optimistic prediction :math:`\pm\mu + \beta\sigma`, ``[batch]``.

    The sign makes larger better. Srinivas, Krause, Kakade and Seeger, "Gaussian Process
    Optimization in the Bandit Setting", ICML 2010, arXiv 0912.3995 (their beta is squared).
    """
    return _signed(prediction.mean, larger_is_better) + beta * prediction.std


def thompson_samples(
    prediction: Prediction,
    picks: int,
    rng: np.random.Generator,
    *,
    larger_is_better: bool = False,
) -> Values:
    """What one member of the ensemble says, drawn anew for every pick, ``[picks, batch]``.

    Members are drawn without repetition until all had their turn, so that a batch hears as many of
    them as it can. Thompson, 1933; with an ensemble in place of the posterior: Lu and Van Roy,
    "Ensemble Sampling", NeurIPS 2017, arXiv 1705.07347.
    """
    members = len(prediction.samples)
    turns = -(-picks // members)
    order = np.concatenate([rng.permutation(members) for _ in range(turns)] or [np.zeros(0, int)])
    return _signed(prediction.samples[order[:picks]], larger_is_better)


def choose_batch(
    values: Values, keys: ArrayLike, count: int, known: ArrayLike = ()
) -> NDArray[np.int64]:
    """The rows to evaluate: the best valued, each architecture once.

    Args:
        values: ``[batch]``, or ``[picks, batch]``: pick i takes the best of its own row, and the
            rows repeat if there are fewer than `count`. Of equal values the first row is taken.
        keys: equal for equal architectures, ``[batch]``: canonical keys, or the hashes of
            `dagsmith.space.isomorphism_fingerprint`, which are much faster.
        count: how many are wanted.
        known: keys that may not be chosen, such as those of what was evaluated.

    Returns:
        Rows in the order of choice, ``[chosen]``; fewer than `count` if there are no more keys.

    Raises:
        PredictorError: shapes that do not fit, a negative count, or values that are NaN.

    Example:
        >>> choose_batch(np.array([0.1, 0.9, 0.8, 0.2]), ["a", "b", "b", "c"], 2).tolist()
        [1, 3]
    """
    names, table = np.asarray(keys), np.atleast_2d(np.asarray(values, np.float64))
    if names.ndim != 1 or table.ndim != 2 or table.shape[1] != len(names):
        raise PredictorError(
            f"values have shape {np.shape(values)} and keys {names.shape}; "
            "expected [batch] or [picks, batch], and [batch]"
        )
    if count < 0:
        raise PredictorError(f"count is {count}; expected at least 0")
    if np.isnan(table).any():
        raise PredictorError(f"values are NaN in {int(np.isnan(table).sum())} places")
    architecture = np.unique(names, return_inverse=True)[1]
    unwanted = np.asarray(known)
    if names.dtype.kind in "iu":
        # Signed and unsigned words would be compared as floats, which confuses hashes.
        unwanted = unwanted.astype(names.dtype)
    taken = set(architecture[np.isin(names, unwanted)].tolist()) if unwanted.size else set()
    # Each row of values is sorted once, and walked on from where its last pick was.
    orders = np.argsort(-table, axis=1, kind="stable")
    places = np.zeros(len(table), np.int64)
    chosen: list[int] = []
    for pick in range(count if len(table) else 0):
        row = pick % len(table)
        while places[row] < len(names):
            candidate = int(orders[row, places[row]])
            places[row] += 1
            if architecture[candidate] not in taken:
                taken.add(int(architecture[candidate]))
                chosen.append(candidate)
                break
    return np.array(chosen, np.int64)


def acquire(
    prediction: Prediction,
    keys: ArrayLike,
    count: int,
    *,
    acquisition: Acquisition = "ei",
    best: float,
    rng: np.random.Generator,
    beta: float = 1.0,
    larger_is_better: bool = False,
    known: ArrayLike = (),
) -> NDArray[np.int64]:
    """Choose the next batch of evaluations from predicted candidates.

    Args:
        prediction: of the candidates.
        keys: equal for equal architectures, ``[batch]``; see `choose_batch`.
        count: how many are wanted.
        acquisition: ``"ei"``, the `expected_improvement`; ``"ucb"``, the `upper_confidence_bound`;
            ``"thompson"``, `thompson_samples`; ``"mean"``, the prediction alone;
            ``"uncertainty"``, the std alone, which asks what the ensemble disagrees about whether
            or not it is good (query by committee: Seung, Opper and Sompolinsky, 1992).
        best: the best target so far.
        rng: source of randomness; only ``"thompson"`` uses it.
        beta: optimism of ``"ucb"``.
        larger_is_better: whether the best has the largest target.
        known: keys that may not be chosen.

    Returns:
        Rows in the order of choice; fewer than `count` if there are no more architectures.

    Raises:
        PredictorError: an unknown acquisition, or see `choose_batch`.
    """
    larger = larger_is_better
    table: dict[str, Callable[[], Values]] = {
        "mean": lambda: _signed(prediction.mean, larger),
        "uncertainty": lambda: prediction.std,
        "ucb": lambda: upper_confidence_bound(prediction, beta, larger_is_better=larger),
        "ei": lambda: log_expected_improvement(prediction, best, larger_is_better=larger),
        "thompson": lambda: thompson_samples(prediction, count, rng, larger_is_better=larger),
    }
    if acquisition not in table:
        raise PredictorError(f"unknown acquisition {acquisition!r}; {nearest(acquisition, table)}")
    return choose_batch(table[acquisition](), keys, count, known)


def _signed(values: Values, larger_is_better: bool) -> Values:
    return values if larger_is_better else -values


def _gain(prediction: Prediction, best: float, larger_is_better: bool) -> Values:
    return _signed(prediction.mean - best, larger_is_better)


def _log_h(z: Values) -> Values:
    r""":math:`\log(\varphi(z) + z\,\Phi(z))`, without cancellation far below 0."""
    log_phi = -0.5 * z**2 - 0.5 * np.log(2.0 * np.pi)
    above = np.maximum(z, -1.0)
    near = np.log(np.exp(-0.5 * above**2) / np.sqrt(2.0 * np.pi) + above * special.ndtr(above))
    # Below -1, the ratio z Phi(z) / phi(z) is -|z| sqrt(pi/2) erfcx(|z|/sqrt(2)), between -1 and 0.
    size = np.clip(-z, 1.0, 1e4)
    ratio = size * np.sqrt(np.pi / 2.0) * special.erfcx(size / np.sqrt(2.0))
    # For very large |z| one minus that ratio is 1/z^2, of which subtraction would leave nothing.
    far = log_phi + np.where(-z < 1e4, np.log1p(-ratio), -2.0 * np.log(np.maximum(-z, 1.0)))
    value: Values = np.where(z > -1.0, near, far)
    return value
