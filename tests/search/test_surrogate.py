from collections.abc import Callable

import numpy as np
import pytest

from dagsmith.search import CostLimit, Objective, Record, SearchError
from dagsmith.search.surrogate import Surrogate
from dagsmith.space import SearchSpace


def record_of(space: SearchSpace, values: np.ndarray, signs: list[float]) -> Record:
    genotypes = space.sample(len(values), np.random.default_rng(0))
    return Record(genotypes, values * signs, np.array(signs), frozenset())


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_standardised_values_grow_with_quality_whatever_the_direction(
    space: SearchSpace, predictor: Callable, sign: float
) -> None:
    values = np.random.default_rng(1).normal(5.0, 0.01, (50, 1))
    surrogate = Surrogate(space, record_of(space, values, [sign]), predictor, 0)
    z = surrogate.standardised(values)[:, 0]
    np.testing.assert_array_equal(np.argsort(z), np.argsort(sign * values[:, 0]))
    assert np.median(z) == pytest.approx(0.0)
    assert z.std() == pytest.approx(1.0, rel=0.5)
    assert surrogate.ideal[0] == z.max()


def test_one_diverged_loss_does_not_set_the_scale(space: SearchSpace, predictor: Callable) -> None:
    values = np.random.default_rng(1).normal(0.45, 0.01, (50, 1))
    calm = Surrogate(space, record_of(space, values, [-1.0]), predictor, 0)
    values[7] = 100.0
    wild = Surrogate(space, record_of(space, values, [-1.0]), predictor, 0)
    probe = np.array([[0.44]])
    assert wild.standardised(probe) == pytest.approx(calm.standardised(probe), rel=0.3)


def test_optimism_adds_standard_deviations(space: SearchSpace, predictor: Callable) -> None:
    values = np.random.default_rng(1).normal(0.45, 0.01, (50, 1))
    surrogate = Surrogate(space, record_of(space, values, [-1.0]), predictor, 0)
    mean, std = np.full((2, 1), 0.45), np.array([[0.0], [0.01]])
    plain, hopeful = surrogate.standardised(mean, std, 2.0)[:, 0]
    assert hopeful > plain


def test_costs_are_exact_and_measured_on_a_log_scale(
    space: SearchSpace,
    predictor: Callable,
    costs: Callable,
    logloss_flops: tuple[Objective, ...],
) -> None:
    rng = np.random.default_rng(1)
    flops = np.exp(rng.normal(10, 1, 50))
    values = np.column_stack([rng.normal(0.45, 0.01, 50), flops])
    surrogate = Surrogate(
        space,
        record_of(space, values, [-1.0, -1.0]),
        predictor,
        0,
        objectives=logloss_flops,
        costs=costs,
    )
    population = space.decode_many(space.sample(9, rng))
    mean, std = surrogate.predict(population)
    np.testing.assert_array_equal(mean[:, 1], costs(population)["flops"])
    assert (std[:, 1] == 0).all()
    steps = surrogate.standardised(np.array([[0.45, 10.0], [0.45, 100.0], [0.45, 1000.0]]))[:, 1]
    assert steps[0] - steps[1] == pytest.approx(steps[1] - steps[2])
    assert steps[0] > steps[1]


def test_a_limit_costs_nothing_below_and_its_weight_per_factor_of_e_above(
    space: SearchSpace, predictor: Callable, costs: Callable
) -> None:
    values = np.random.default_rng(1).normal(0.45, 0.01, (50, 1))
    population = space.decode_many(space.sample(40, np.random.default_rng(2)))
    flops = costs(population)["flops"]
    limit = float(np.median(flops))
    surrogate = Surrogate(
        space,
        record_of(space, values, [-1.0]),
        predictor,
        0,
        costs=costs,
        limits=(CostLimit("flops", limit, 3.0),),
    )
    penalty = surrogate.penalty(population)
    assert (penalty[flops <= limit] == 0).all()
    expected = 3.0 * np.log(flops[flops > limit] / limit)
    np.testing.assert_allclose(penalty[flops > limit], expected, rtol=1e-4)


def test_bad_use_is_named(space: SearchSpace, predictor: Callable, costs: Callable) -> None:
    record = record_of(space, np.arange(20.0)[:, None], [1.0])
    two = (Objective("auc", "maximize"), Objective("flops", "minimize", cost=True))
    with pytest.raises(SearchError, match="2 objectives given; the study has 1"):
        Surrogate(space, record, predictor, 0, objectives=two)
    with pytest.raises(SearchError, match="expected a limit above 0"):
        CostLimit("flops", 0.0)
    with pytest.raises(SearchError, match="need the `costs`"):
        Surrogate(space, record, predictor, 0, limits=(CostLimit("flops", 1.0),))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_alpha_gives_the_score_of_csco(
    space: SearchSpace, predictor: Callable, costs: Callable, sign: float
) -> None:
    values = np.random.default_rng(1).normal(0.8, 0.01, (50, 1))
    record = record_of(space, values, [sign])
    population = space.decode_many(space.sample(40, np.random.default_rng(2)))
    flops = costs(population)["flops"]
    limit = float(np.median(flops))
    free = Surrogate(space, record, predictor, 0)
    limited = Surrogate(
        space,
        record,
        predictor,
        0,
        costs=costs,
        limits=(CostLimit("flops", limit, alpha=-0.5),),
    )
    mean = free.predict(population)[0]
    factor = np.minimum(1.0, (flops / limit) ** -0.5)[:, None]
    # s = m min(1, (cost / limit)^alpha); what is minimized is divided instead.
    expected = free.standardised(mean * factor if sign > 0 else mean / factor)
    np.testing.assert_allclose(limited.quality(population)[0], expected, rtol=1e-5, atol=1e-5)
    assert (limited.penalty(population) == 0).all()
    np.testing.assert_allclose(limited.predict(population)[0], mean)


def test_alpha_needs_values_above_zero(
    space: SearchSpace, predictor: Callable, costs: Callable
) -> None:
    record = record_of(space, np.arange(-3.0, 17.0)[:, None], [1.0])
    limits = (CostLimit("flops", 1.0, alpha=-1.0),)
    with pytest.raises(SearchError, match="not above 0"):
        Surrogate(space, record, predictor, 0, costs=costs, limits=limits)
    with pytest.raises(SearchError, match=r"alpha 0\.5"):
        CostLimit("flops", 1.0, alpha=0.5)


def test_views_are_the_members_of_the_ensemble(space: SearchSpace, predictor: Callable) -> None:
    values = np.random.default_rng(1).normal(5.0, 0.01, (50, 1))
    surrogate = Surrogate(space, record_of(space, values, [-1.0]), predictor, 0)
    population = space.decode_many(space.sample(9, np.random.default_rng(2)))
    members = surrogate.quality(population, "thompson")
    mean = surrogate.quality(population, "mean")
    hopeful = surrogate.quality(population, "ucb", 2.0)
    assert members.shape == (4, 9, 1)
    np.testing.assert_allclose(members.mean(axis=0), mean[0])
    np.testing.assert_allclose(hopeful[0], mean[0] + 2.0 * members.std(axis=0))


def test_constraints_are_learned_and_what_misses_them_pays(
    space: SearchSpace, predictor: Callable, costs: Callable
) -> None:
    genotypes = space.sample(60, np.random.default_rng(0))
    flops = costs(space.decode_many(genotypes))["flops"]
    limit = float(np.median(flops))
    told = np.column_stack([flops - limit, np.full(60, -1.0)])
    told[:3] = np.nan
    record = Record(
        genotypes,
        np.random.default_rng(1).normal(size=(60, 1)),
        np.array([1.0]),
        frozenset(),
        constraints=told,
    )
    surrogate = Surrogate(space, record, predictor, 0)
    population = space.decode_many(space.sample(60, np.random.default_rng(2)))
    penalty, excess = surrogate.penalty(population), costs(population)["flops"] - limit
    spread = float(flops.std())
    assert penalty[excess > 0.5 * spread].min() > penalty[excess < -0.5 * spread].max()
    # Those that were told nothing are feasible, as in Optuna.
    assert len(surrogate.front) == 3 + int((told[3:, 0] <= 0).sum())
