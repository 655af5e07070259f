from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from dagsmith.hardware import CostModel, Flops, Parameters
from dagsmith.hardware.testing import check_cost_model
from dagsmith.space import Population, nasrec_full

SPACE = nasrec_full(13, 26)
POPULATION = SPACE.decode_many(SPACE.sample(9, np.random.default_rng(0)))


@pytest.mark.parametrize("model", [Flops(), Parameters()])
def test_our_models_keep_their_promise(model: CostModel) -> None:
    check_cost_model(model, POPULATION)


class Wrong:
    """A cost model that is what a test wants it to be."""

    name = "wrong"
    unit = "1"

    def __init__(self, cost: Callable[[Population], NDArray[np.float64]]) -> None:
        self._cost = cost

    def cost(self, population: Population) -> NDArray[np.float64]:
        return self._cost(population)


def nodes(population: Population) -> NDArray[np.float64]:
    return np.asarray(population.present.sum(axis=1), np.float64)


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        (lambda population: nodes(population)[:, None], "not \\[batch\\]"),
        (lambda population: nodes(population).astype(int), "not float64"),
        (lambda population: nodes(population) * np.nan, "not finite"),
        (lambda population: -nodes(population), "below 0"),
        (lambda population: np.ones(max(1, len(population))), "empty population"),
        (lambda population: nodes(population) + np.arange(len(population)), "place in the batch"),
        (lambda population: nodes(population) * population.node_count, "in the layout"),
    ],
)
def test_a_broken_promise_is_named(
    cost: Callable[[Population], NDArray[np.float64]], message: str
) -> None:
    check_cost_model(Wrong(nodes), POPULATION)
    with pytest.raises(AssertionError, match=message):
        check_cost_model(Wrong(cost), POPULATION)
