from collections.abc import Callable

import numpy as np
import pytest

from dagsmith.predictor import (
    BoostingPredictor,
    BoostingSettings,
    Extras,
    ForestPredictor,
    ForestSettings,
    MLPPredictor,
    MLPSettings,
    PredictorError,
    rank_correlation,
)
from dagsmith.predictor.extras import extra_columns
from dagsmith.space import NASBench201Space, Population, Vocabulary

WithExtras = ForestPredictor | BoostingPredictor | MLPPredictor
MAKERS: dict[str, Callable[[Vocabulary], WithExtras]] = {
    "forest": lambda kinds: ForestPredictor(kinds, ForestSettings(trees=30, features=1.0)),
    "boosting": lambda kinds: BoostingPredictor(kinds, BoostingSettings(2, trees=60, features=1.0)),
    "mlp": lambda kinds: MLPPredictor(kinds, MLPSettings(members=2, epochs=60)),
}


def test_columns_stand_in_the_order_of_the_names(population: Population) -> None:
    count = len(population)
    extras: Extras = {"b": np.arange(count), "a": [1.0] * count}
    columns = extra_columns(population, extras, ("a", "b"))
    np.testing.assert_array_equal(columns, np.stack([np.ones(count), np.arange(count)], axis=1))
    assert extra_columns(population, None, ()).shape == (count, 0)


@pytest.mark.parametrize(
    ("extras", "message"),
    [
        (None, r"the extras are \[\]; this predictor was fitted with \['a'\]"),
        ({"b": [1.0] * 60}, r"the extras are \['b'\]"),
        ({"a": [1.0] * 59}, r"extra 'a' has shape \(59,\); expected \[60\]"),
        ({"a": [1.0] * 58 + [np.nan, 1.0]}, "extra 'a' is not finite in 1 rows, the first is 58"),
    ],
)
def test_other_extras_are_refused(
    extras: Extras | None, message: str, population: Population
) -> None:
    with pytest.raises(PredictorError, match=message):
        extra_columns(population, extras, ("a",))


@pytest.mark.parametrize("name", MAKERS)
def test_extras_are_learned_from(name: str) -> None:
    space = NASBench201Space()
    rng = np.random.default_rng(0)
    cells = space.decode_many(space.sample(160, rng))
    # Nothing in the graphs tells the targets.
    targets = rng.normal(size=len(cells))
    hint = targets + 0.1 * rng.normal(size=len(cells))
    known, unseen = cells[:120], cells[120:]
    predictor = MAKERS[name](space.kinds)
    predictor.fit(known, targets[:120], extras={"hint": hint[:120]})
    mean = predictor.predict(unseen, extras={"hint": hint[120:]}).mean
    tau = rank_correlation(targets[120:], mean, resamples=0).value
    assert tau is not None
    assert tau > 0.5
    with pytest.raises(PredictorError, match="fitted with"):
        predictor.predict(unseen)
    assert len(predictor.fit(known, targets[:120]).predict(unseen)) == len(unseen)
