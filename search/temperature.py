"""Temperatures of Metropolis-Hastings chains: the schedules, and what is accepted."""

import math
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Schedule = Literal["cosine", "linear", "exponential", "constant"]
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)

_COOLED = 1e-3
"""Share of the first temperature that the exponential schedule ends with."""


def temperature(schedule: Schedule, initial: float, step: int, steps: int) -> float:
    r"""T_i of step i = 1 .. N.

    .. math::
        T_0\,(1 + \cos(\pi i / N)) \qquad T_0\,(1 - i / N) \qquad T_0\,10^{-3 i / N} \qquad T_0

    are ``"cosine"``, the schedule of CSCO (Zhang et al., CVPRW 2024, arXiv 2404.17152), which falls
    from almost 2 T_0 to 0; ``"linear"``; ``"exponential"``, the cooling of Kirkpatrick, Gelatt and
    Vecchi, "Optimization by Simulated Annealing", 1983; and ``"constant"``.
    """
    part = step / steps
    table: dict[Schedule, Callable[[], float]] = {
        "cosine": lambda: initial * (1.0 + math.cos(math.pi * part)),
        "linear": lambda: initial * (1.0 - part),
        "exponential": lambda: initial * _COOLED**part,
        "constant": lambda: initial,
    }
    return table[schedule]()


def accepted(
    gain: NDArray[np.float64], temperature: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw which steps are accepted: with probability min(1, exp(gain / T)), ``[chains]``.

    The comparison is made in logarithms; at temperature 0 it is exactly ``gain >= 0``.
    """
    draw = np.log(1.0 - rng.random(len(gain)))
    return (gain >= 0) | (draw * temperature < gain) & (temperature > 0)
