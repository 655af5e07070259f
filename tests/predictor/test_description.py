import numpy as np
import pytest
import torch

from dagsmith.predictor import PredictorError
from dagsmith.predictor.description import Description
from dagsmith.space import NASBench201Space, Population


@pytest.fixture(scope="module")
def few() -> Population:
    space = NASBench201Space()
    return space.decode_many(space.sample(60, np.random.default_rng(0)))


def described(description: Description, population: Population) -> torch.Tensor:
    extras = {name: np.arange(len(population)) for name in description.extras}
    return description.of(population, description.extra_inputs(population, extras))


def test_features_are_standardised_and_extras_beside_them(few: Population) -> None:
    description = Description.fit(few, {"hint": np.arange(60.0) ** 3}, graph_features=True)
    columns = described(description, few)
    assert columns.shape == (60, description.width)
    assert columns[:, :-1].mean(dim=0).abs().max() < 0.3
    np.testing.assert_allclose(columns[:, :-1].std(dim=0, correction=0), 1.0, atol=1e-3)
    assert (columns[:, -1].diff() >= 0).all()


def test_many_different_nodes_are_not_described(few: Population, population: Population) -> None:
    assert Description.fit(population, {}, graph_features=True).width == 0
    assert Description.fit(few, {}, graph_features=False).width == 0
    assert Description.fit(few, {}, graph_features=True).width > 20


def test_a_start_gives_its_features(few: Population) -> None:
    start = Description.fit(few, {}, graph_features=True)
    later = Description.fit(few[:5], {"hint": np.arange(5.0)}, graph_features=True, start=start)
    assert later.width == start.width + 1
    torch.testing.assert_close(described(later, few)[:, :-1], described(start, few))


def test_restored(few: Population) -> None:
    description = Description.fit(few, {"a.b": np.arange(60.0)}, graph_features=True)
    again = Description.restore(description.tensors(), few.vocabulary)
    torch.testing.assert_close(described(again, few), described(description, few))


def test_an_extra_that_never_varies_is_refused(few: Population) -> None:
    with pytest.raises(PredictorError, match="extra 'hint' is 1"):
        Description.fit(few, {"hint": np.ones(60)}, graph_features=True)
