import numpy as np
import pytest

from dagsmith.predictor import (
    GraphFeatures,
    LinearPredictor,
    MeanPredictor,
    PredictorError,
    rank_correlation,
)
from dagsmith.predictor.baselines import Encoding
from dagsmith.predictor.testing import check_predictor
from dagsmith.space import NASBench201Space, NASRecSpace, Population


@pytest.mark.parametrize("make", [MeanPredictor, LinearPredictor])
def test_conformance(make: type[MeanPredictor | LinearPredictor], population: Population) -> None:
    check_predictor(lambda: make(population.vocabulary), population)


def test_the_mean_knows_its_spread(population: Population) -> None:
    targets = np.arange(len(population), dtype=float)
    prediction = MeanPredictor(population.vocabulary).fit(population, targets).predict(population)
    assert set(prediction.mean) == {targets.mean()}
    assert set(prediction.std) == {targets.std()}


def test_a_linear_target_is_found(space: NASRecSpace) -> None:
    population = space.decode_many(space.sample(400, np.random.default_rng(1)))
    kind = population.vocabulary.index["dense_op"]
    is_dense = population.kind == kind
    targets = np.where(is_dense, np.log(np.where(is_dense, population.attributes[:, :, 1], 1)), 0)
    targets = targets.sum(axis=1)
    predictor = LinearPredictor(space.kinds).fit(population[:200], targets[:200])
    mean = predictor.predict(population[200:]).mean
    tau = rank_correlation(targets[200:], mean, resamples=0).value
    assert tau is not None
    assert tau > 0.9


def test_two_targets_are_each_alone(population: Population) -> None:
    size = population.present.sum(axis=1) + 0.01 * np.arange(len(population))
    edges = population.edges.sum(axis=(1, 2)) + 0.02 * np.arange(len(population))
    both = LinearPredictor(population.vocabulary).fit(population, np.stack([size, edges], axis=1))
    together = both.predict(population)
    assert together.mean.shape == (len(population), 2)
    for column, values in enumerate((size, edges)):
        alone = LinearPredictor(population.vocabulary).fit(population, values).predict(population)
        np.testing.assert_allclose(together.target(column).mean, alone.mean)
        np.testing.assert_allclose(together.target(column).samples, alone.samples)


def test_one_member_is_the_fit_to_all_labels(population: Population) -> None:
    targets = population.present.sum(axis=1) + 0.01 * np.arange(len(population))
    one = LinearPredictor(population.vocabulary, members=1, seed=0).fit(population, targets)
    other = LinearPredictor(population.vocabulary, members=1, seed=1).fit(population, targets)
    np.testing.assert_array_equal(one.predict(population).mean, other.predict(population).mean)
    assert (one.predict(population).std == 0).all()


def test_graph_features_see_what_counts_do_not() -> None:
    space = NASBench201Space()
    cells = space.decode_many(space.every_cell()[::20])
    features = GraphFeatures.fit(cells)
    rows = features.transform(cells)
    target = rows @ np.random.default_rng(0).normal(size=rows.shape[1])
    known, unseen = cells[::2], cells[1::2]
    errors = {}
    encodings: tuple[Encoding, ...] = ("counts", "graph")
    for encoding in encodings:
        predictor = LinearPredictor(space.kinds, encoding=encoding).fit(known, target[::2])
        errors[encoding] = float(np.abs(predictor.predict(unseen).mean - target[1::2]).mean())
    assert errors["graph"] < 0.1 * errors["counts"]


def test_an_unknown_encoding_is_named(population: Population) -> None:
    with pytest.raises(PredictorError, match="encoding is 'paths'; expected one of counts, graph"):
        LinearPredictor(population.vocabulary, encoding="paths")  # type: ignore[arg-type]


def test_at_least_one_member(population: Population) -> None:
    with pytest.raises(PredictorError, match="members is 0"):
        LinearPredictor(population.vocabulary, members=0)
