"""The budgets of `codesign.py`, and how an architecture comes within one."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dagsmith.hardware.pim import lossless_adc_bits
from dagsmith.search.limits import HARD, excess
from dagsmith.search.surrogate import CostLimit, Costs
from dagsmith.space import Genotypes, Population, SearchSpace
from dagsmith.space.pim import CROSSBAR

Budget = Mapping[str, float]
"""Largest share of (b)'s costs, by cost."""
TOGETHER: Budget = {"flops": 0.5, "energy_pj": 0.55, "latency_ns": 0.65}
"""Of the joint search: half of the FLOPs, 1.8 times less energy, 1.5 times faster."""
AFTER: Budget = {name: share for name, share in TOGETHER.items() if name != "flops"}
"""Of the search of hardware for a model, whose FLOPs are what they are."""
KEPT = 0.7
"""Share of the FLOPs in a budget that a model keeps on its way there."""
STEPS = 150
"""Most mutations by which a start comes within a budget."""


MISSING = "missing_adc_bits"
"""A cost of what has hardware: 1, and one more for every bit that an ADC has too few."""
LOSSLESS = CostLimit(MISSING, 1.0, HARD)
"""Training does not see ADCs, so that one bit too few ruins what is trained: three quarters of the
random configurations."""


def limits_of(budget: Budget, of: Mapping[str, float]) -> tuple[CostLimit, ...]:
    """A budget as limits on costs."""
    return tuple(CostLimit(cost, share * of[cost], HARD) for cost, share in budget.items())


def with_missing_bits(costs: Costs) -> Costs:
    """Costs of architectures with hardware, and `MISSING`."""

    def computed(population: Population) -> Mapping[str, NDArray[np.floating]]:
        return {**costs(population), MISSING: _missing(population)}

    return computed


def within(
    space: SearchSpace,
    genotypes: Genotypes,
    costs: Costs,
    limits: Sequence[CostLimit],
    rng: np.random.Generator,
) -> Genotypes:
    """Mutate each, one slot at a time, as long as it comes nearer to the budget.

    ADCs lose nothing, and a model keeps most of the FLOPs that it may have: few bits and no
    model are the shortest ways into a budget, and the worst.
    """
    result = np.array(genotypes)
    limits = (*limits, LOSSLESS)
    found = costs(space.decode_many(result))
    far, flops = excess(found, limits), found["flops"]
    least = KEPT * next((limit.limit for limit in limits if limit.cost == "flops"), 0.0)
    for _ in range(STEPS):
        if not far.any():
            break
        mutants = space.mutate(result, rng)
        found = costs(space.decode_many(mutants))
        theirs = excess(found, limits)
        better = (theirs < far) & (found["flops"] >= np.minimum(least, flops))
        result[better], far[better] = mutants[better], theirs[better]
        flops[better] = found["flops"][better]
    return result


def _missing(population: Population) -> NDArray[np.float64]:
    at = (population.kind == population.vocabulary.index[CROSSBAR.name]).argmax(axis=1)
    found = population.attributes[np.arange(len(population)), at]
    knob = {a.name: found[:, column].astype(int) for column, a in enumerate(CROSSBAR.attributes)}
    used = (knob[name].tolist() for name in ("size", "dac_bits", "cell_bits"))
    needed = [lossless_adc_bits(*row) for row in zip(*used, strict=True)]
    short: NDArray[np.float64] = 1.0 + np.maximum(0, np.array(needed) - knob["adc_bits"])
    return short
