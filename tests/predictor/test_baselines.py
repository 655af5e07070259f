import numpy as np
import pytest

from dagsmith.predictor import LinearPredictor, MeanPredictor, PredictorError, rank_correlation
from dagsmith.predictor.baselines import _leave_one_out_penalty, _ridge
from dagsmith.predictor.testing import check_predictor
from dagsmith.space import NASRecSpace, Population


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


def test_leave_one_out_by_leaving_one_out() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(15, 4))
    X -= X.mean(axis=0)
    y = X @ [1.0, -2.0, 0.0, 0.5] + 0.3 * rng.normal(size=15)
    y -= y.mean()
    penalties = np.array([0.01, 1.0, 10.0, 1000.0])
    errors = []
    for penalty in penalties:
        # Without an own intercept, as the closed form would have it but for its 1/n.
        squared = []
        for out in range(15):
            weight = np.ones(15)
            weight[out] = 1e-12
            coefficients = _ridge(X, y, penalty * 15 / 14, weight)
            squared.append((y[out] - X[out] @ coefficients[:-1] - coefficients[-1]) ** 2)
        errors.append(np.mean(squared))
    assert _leave_one_out_penalty(X, y, penalties) == penalties[int(np.argmin(errors))]


def test_ridge_with_weights_is_ridge_with_repetition() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=8)
    times = np.array([1, 2, 1, 3, 1, 1, 2, 1])
    repeated = _ridge(np.repeat(X, times, axis=0), np.repeat(y, times), 2.0, np.ones(times.sum()))
    # Weights are relative to their mean: the penalty follows.
    weighted = _ridge(X, y, 2.0 / times.mean(), times.astype(float))
    np.testing.assert_allclose(weighted, repeated)


def test_at_least_one_member(population: Population) -> None:
    with pytest.raises(PredictorError, match="members is 0"):
        LinearPredictor(population.vocabulary, members=0)
