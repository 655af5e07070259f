import numpy as np
import optuna
import pytest

from dagsmith.hardware import Flops
from dagsmith.hardware import costs as all_costs
from dagsmith.search import (
    CostLimit,
    Objective,
    SearchError,
    check_limits,
    make_sampler,
    open_study,
    parse_limits,
    run_search,
    select_finalists,
)
from dagsmith.search.limits import excess
from dagsmith.search.record import COST
from dagsmith.space import Population, SearchSpace, nasrec_small


def flops(population: Population) -> dict[str, np.ndarray]:
    return all_costs(population, [Flops()])


@pytest.fixture
def space() -> SearchSpace:
    return nasrec_small(4, 5, blocks=2, widths=(16, 32, 64), rows=(16, 32))


def test_limits_are_read_from_text() -> None:
    area, power = parse_limits(["area_mm2=20", "power_mw = 5e2"])
    assert (area.cost, area.limit, power.cost, power.limit) == ("area_mm2", 20.0, "power_mw", 500.0)
    assert parse_limits([]) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (["area_mm2"], "expected a cost and its budget"),
        (["area=20"], r"no cost 'area' to limit; did you mean 'area_mm2'\?"),
        (["flops=lots"], "limit on 'flops' is 'lots'; expected a number"),
        (["flops=0"], "expected a limit above 0"),
        (["flops=-1"], "expected a limit above 0"),
        (["flops=1e6", "flops=2e6"], "'flops' is limited twice"),
    ],
)
def test_bad_limits_are_named(text: list[str], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        parse_limits(text)


def test_excess_is_that_of_the_worst_budget() -> None:
    costs = {"flops": np.array([1.0, 2.0, 8.0]), "area_mm2": np.array([9.0, 3.0, 3.0])}
    limits = [CostLimit("flops", 2.0), CostLimit("area_mm2", 3.0)]
    assert excess(costs, limits) == pytest.approx([np.log(3), 0, np.log(4)])


def test_a_budget_that_something_meets_is_accepted(space: SearchSpace) -> None:
    every = flops(space.decode_many(space.sample(4000, np.random.default_rng(1))))["flops"]
    # The cheapest of many is not in a first sample, but a search finds its like.
    check_limits(space, flops, [CostLimit("flops", float(every.min()) * 1.001)])
    check_limits(space, flops, ())


def test_a_budget_that_nothing_meets_is_said_with_the_nearest(space: SearchSpace) -> None:
    with pytest.raises(SearchError, match=r"within budget; nearest: flops \d+.* \(over 10\)"):
        check_limits(space, flops, [CostLimit("flops", 10.0)])
    with pytest.raises(SearchError, match="no cost 'flop' is computed"):
        check_limits(space, flops, [CostLimit("flop", 10.0)])


@pytest.mark.parametrize("name", ["evolution", "local", "mh-walk", "random"])
def test_samplers_that_predict_nothing_propose_what_is_within(
    space: SearchSpace, evaluator: type, name: str
) -> None:
    every = flops(space.decode_many(space.sample(500, np.random.default_rng(1))))["flops"]
    limit = CostLimit("flops", float(np.quantile(every, 0.3)))
    study = open_study(
        optuna.storages.InMemoryStorage(), name, space, (Objective("logloss", "minimize"),)
    )
    # Hand-made models may be beyond the budget, and as good as they like.
    dear = space.sample(200, np.random.default_rng(2))
    dear = dear[np.argsort(flops(space.decode_many(dear))["flops"])[-4:]]
    run_search(
        study,
        space,
        evaluator(),
        sampler=lambda seed: make_sampler(
            name, space, seed, initial=12, costs=flops, limits=(limit,)
        ),
        trials=60,
        initial=12,
        costs=flops,
        limits=(limit,),
        first=dear,
    )
    proposed = [t for t in study.trials if t.user_attrs["round"] > 0]
    assert len(proposed) >= 40
    over = [t.user_attrs[COST + "flops"] > limit.limit for t in proposed]
    assert np.mean(over) <= 0.1


@pytest.mark.parametrize("name", ["nsga2", "mh"])
def test_samplers_stay_within_a_budget(
    space: SearchSpace, evaluator: type, predictor: object, name: str
) -> None:
    every = flops(space.decode_many(space.sample(500, np.random.default_rng(1))))["flops"]
    limits = (CostLimit("flops", float(np.quantile(every, 0.2)), 16.0),)
    shares = []
    for given in ((), limits):
        objectives = (Objective("logloss", "minimize"),)
        storage = optuna.storages.InMemoryStorage()
        study = open_study(storage, name, space, objectives)
        run_search(
            study,
            space,
            evaluator(),
            sampler=lambda seed, given=given: make_sampler(  # type: ignore[misc]
                name,
                space,
                seed,
                initial=12,
                costs=flops,
                limits=given,
                predictor=predictor,  # type: ignore[arg-type]
            ),
            trials=48,
            initial=12,
            batch=12,
            costs=flops,
            limits=given,
        )
        within = [t.user_attrs[COST + "flops"] <= limits[0].limit for t in study.trials[12:]]
        shares.append(np.mean(within))
    assert shares[1] > shares[0] + 0.15, shares
    chosen = select_finalists(study, space, 5, costs=flops, budget=limits)
    assert all(
        flops(Population.from_architectures([f.architecture], space.kinds))["flops"][0]
        <= limits[0].limit
        for f in chosen
    )
    with pytest.raises(SearchError, match=r"none of 48 trials is within the budget \(flops 1\)"):
        select_finalists(study, space, 5, costs=flops, budget=(CostLimit("flops", 1.0),))
