"""Budgets: limits on costs, read from text, kept, and said to be out of reach if they are."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dagsmith.search.errors import SearchError
from dagsmith.search.objectives import COSTS
from dagsmith.search.surrogate import CostLimit, Costs
from dagsmith.space import SearchSpace
from dagsmith.space.errors import nearest

HARD = 16.0
"""Standard deviations of quality that a proposal loses per factor of e beyond a budget: far more
than quality can make up for, and still a slope that leads back."""
_SAMPLE = 2048
_STEPS = 60


def parse_limits(texts: Sequence[str]) -> tuple[CostLimit, ...]:
    """Read ``["area_mm2=20", "power_mw=500"]``.

    Raises:
        SearchError: no such form, an unknown cost, one twice, or no number above 0.

    Example:
        >>> parse_limits(["area_mm2=20"])[0].limit
        20.0
    """
    limits: list[CostLimit] = []
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            raise SearchError(f"limit {text!r}; expected a cost and its budget, such as flops=2e6")
        if name not in COSTS:
            raise SearchError(f"no cost {name!r} to limit; {nearest(name, COSTS)}")
        if any(limit.cost == name for limit in limits):
            raise SearchError(f"{name!r} is limited twice")
        try:
            number = float(value)
        except ValueError:
            raise SearchError(f"limit on {name!r} is {value!r}; expected a number") from None
        limits.append(CostLimit(name, number, HARD))
    return tuple(limits)


def excess(
    costs: Mapping[str, NDArray[np.floating]], limits: Sequence[CostLimit]
) -> NDArray[np.float64]:
    """How far each architecture is beyond its worst budget, in factors of e, ``[batch]``."""
    rows = [np.log(np.maximum(costs[limit.cost] / limit.limit, 1.0)) for limit in limits]
    return np.max(rows, axis=0) if rows else np.zeros(len(next(iter(costs.values()))))


def check_limits(
    space: SearchSpace, costs: Costs, limits: Sequence[CostLimit], seed: int = 0
) -> None:
    """Look for an architecture within all budgets before anything is trained.

    Random architectures, and then mutants of the nearest ones as long as none is within.

    Raises:
        SearchError: none was found; the nearest is named with its costs.
    """
    if not limits:
        return
    rng = np.random.default_rng([seed, 7])
    genotypes = space.sample(_SAMPLE, rng)
    found = costs(space.decode_many(genotypes))
    for limit in limits:
        if limit.cost not in found:
            raise SearchError(f"no cost {limit.cost!r} is computed; {nearest(limit.cost, found)}")
    far = excess(found, limits)
    best = np.argsort(far, kind="stable")[:128]
    genotypes, far = genotypes[best], far[best]
    for _ in range(_STEPS):
        if far.min() == 0:
            return
        mutants = space.mutate(genotypes, rng)
        theirs = excess(costs(space.decode_many(mutants)), limits)
        better = theirs < far
        genotypes[better], far[better] = mutants[better], theirs[better]
    if far.min() == 0:
        return
    row = int(far.argmin())
    nearest_costs = costs(space.decode_many(genotypes[[row]]))
    reached = ", ".join(
        f"{limit.cost} {float(nearest_costs[limit.cost][0]):.4g} "
        f"({'over' if nearest_costs[limit.cost][0] > limit.limit else 'within'} {limit.limit:.4g})"
        for limit in limits
    )
    raise SearchError(
        f"no architecture of {space.name!r} was found within budget; nearest: {reached}"
    )
