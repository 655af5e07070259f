"""The conformance suite of cost models: run it on your own in one test."""

import numpy as np

from dagsmith.hardware.cost_model import CostModel
from dagsmith.space import Population


def check_cost_model(model: CostModel, population: Population) -> None:
    """Hold a cost model to what `CostModel` promises.

    Args:
        model: the cost model.
        population: architectures of kinds that it knows.

    Raises:
        AssertionError: the promise that is not kept.
    """
    assert isinstance(model, CostModel), "it lacks name, unit or cost"
    assert model.name, "name is empty"
    assert model.unit, "unit is empty; a count has the unit '1'"
    found = model.cost(population)
    assert found.shape == (len(population),), f"cost is {found.shape}, not [batch]"
    assert found.dtype == np.float64, f"cost is {found.dtype}, not float64"
    assert np.isfinite(found).all(), "a cost is not finite"
    assert (found >= 0).all(), "a cost is below 0"
    assert model.cost(population[:0]).shape == (0,), "an empty population does not get no costs"

    def same(other: Population) -> bool:
        return bool(np.allclose(model.cost(other), found, rtol=1e-9, atol=0))

    assert same(population), "asking again gives another cost"
    rows = np.arange(len(population))[::-1]
    assert np.allclose(model.cost(population[rows]), found[rows], rtol=1e-9, atol=0), (
        "a cost depends on its place in the batch"
    )
    # Unused positions and the names of places are no part of an architecture.
    assert same(population.compact()), "a cost depends on where in the layout a node lies"
