import numpy as np
import optuna
import pytest
from scipy import stats

from dagsmith.predictor.metrics import MetricName
from dagsmith.search import (
    Forecast,
    Objective,
    RandomArchitectureSampler,
    RankTracker,
    SearchError,
    open_study,
)
from dagsmith.search.component_ranking import rank_by_component
from dagsmith.space import Architecture, SearchSpace


def forecasts(noise: float, count: int = 40) -> list[Forecast]:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=count)
    return [
        Forecast(i, i // 10, float(t + noise * rng.normal()), noise, float(t))
        for i, t in enumerate(truth)
    ]


def test_overall_is_kendalls_tau_with_an_interval_around_it() -> None:
    tracker = RankTracker(forecasts(0.5), larger_is_better=False)
    truth, mean, _ = tracker.arrays()
    result = tracker.overall()
    assert result.value == pytest.approx(stats.kendalltau(truth, mean).statistic)
    assert result.n == 40
    assert result.value is not None
    assert result.low is not None
    assert result.high is not None
    assert result.low < result.value < result.high


@pytest.mark.parametrize("metric", ["kendall_tau", "spearman", "weighted_tau", "ndcg"])
def test_perfect_forecasts_are_perfect_in_every_round(metric: MetricName) -> None:
    tracker = RankTracker(forecasts(0.0), larger_is_better=True)
    by_round = tracker.by_round(metric, resamples=50)
    assert list(by_round) == tracker.rounds == [0, 1, 2, 3]
    assert [each.n for each in by_round.values()] == [10] * 4
    assert all(each.value == pytest.approx(1.0) for each in by_round.values())
    assert [each.n for each in tracker.up_to_round(metric, resamples=0).values()] == [
        10,
        20,
        30,
        40,
    ]


def test_the_top_is_where_the_direction_says() -> None:
    # Right about the largest values, blind for the smallest.
    truth = np.arange(20.0)
    mean = np.where(truth < 10, np.random.default_rng(0).permutation(20) / 10, truth)
    rows = [Forecast(i, 0, float(mean[i]), 0.0, float(truth[i])) for i in range(20)]
    up = RankTracker(rows, larger_is_better=True).overall("precision_at", k=5, resamples=0)
    down = RankTracker(rows, larger_is_better=False).overall("precision_at", k=5, resamples=0)
    assert up.value == 1.0
    assert down.value is not None
    assert down.value < 1.0


def test_a_study_gives_only_what_was_predicted_before(space: SearchSpace) -> None:
    objectives = (Objective("auc", "maximize"), Objective("flops", "minimize", cost=True))
    study = open_study(optuna.storages.InMemoryStorage(), "a", space, objectives)
    study.add_trial(optuna.create_trial(values=[0.7, 1.0], user_attrs={"round": 0}))
    for value in (0.8, 0.9):
        notes = {"round": 1, "predicted.auc": value - 0.1, "predicted_std.auc": 0.01}
        study.add_trial(optuna.create_trial(values=[value, 2.0], user_attrs=notes))
    failed = optuna.create_trial(
        state=optuna.trial.TrialState.FAIL, user_attrs={"predicted.auc": 0.5, "failure": "NaN"}
    )
    study.add_trial(failed)
    tracker = RankTracker.from_study(study)
    assert tracker.larger_is_better
    assert [(f.trial, f.round, f.truth) for f in tracker.forecasts] == [(1, 1, 0.8), (2, 1, 0.9)]
    assert [f.mean for f in tracker.forecasts] == pytest.approx([0.7, 0.8])
    with pytest.raises(SearchError, match="no objective 'acu'; did you mean 'auc'"):
        RankTracker.from_study(study, "acu")


def test_no_forecasts_give_no_value_but_a_reason() -> None:
    result = RankTracker([], larger_is_better=True).overall()
    assert result.value is None
    assert result.reason


def test_the_table_has_every_metric_of_every_round_and_of_all() -> None:
    tracker = RankTracker(forecasts(0.5), larger_is_better=True)
    rows = tracker.table(k=4, resamples=20)
    names = ["kendall_tau", "spearman", "weighted_tau", "ndcg@4", "precision@4", "regret@4"]
    assert [(row["round"], row["metric"]) for row in rows] == [
        (each, name) for each in [0, 1, 2, 3, None] for name in names
    ]
    by_round = tracker.by_round("regret_at", k=4, resamples=20)
    assert [row["value"] for row in rows if row["metric"] == "regret@4"][:4] == [
        each.value for each in by_round.values()
    ]
    assert rows[-1]["value"] == tracker.overall("regret_at", k=4, resamples=0).value


def test_a_round_smaller_than_k_is_looked_at_whole() -> None:
    rows = RankTracker(forecasts(0.5, 12), larger_is_better=True).table(k=5, resamples=0)
    assert [row["metric"] for row in rows if row["round"] == 1][3:] == [
        "ndcg@2",
        "precision@2",
        "regret@2",
    ]
    assert all(row["reason"] for row in rows if row["round"] == 1)


def test_by_component_is_over_the_forecasts_that_have_an_architecture(space: SearchSpace) -> None:
    nets = [space.decode(row) for row in space.sample(40, np.random.default_rng(0))]
    plain = forecasts(0.5)
    rows = [
        Forecast(f.trial, f.round, f.mean, f.std, f.truth, net)
        for f, net in zip(plain[:-2], nets, strict=False)
    ]
    found = RankTracker([*rows, *plain[-2:]], larger_is_better=True).by_component(
        "precision_at", k=5, least=5, resamples=30
    )
    expected = rank_by_component(
        nets[:38],
        [f.truth for f in rows],
        [f.mean for f in rows],
        metric="precision_at",
        k=5,
        larger_is_better=True,
        least=5,
        resamples=30,
    )
    assert found == expected
    assert len(found) > 3
    assert RankTracker(plain, larger_is_better=True).by_component() == ()


def test_architectures_come_from_the_trial_or_from_its_slots(space: SearchSpace) -> None:
    study = optuna.create_study(sampler=RandomArchitectureSampler(space, seed=0))
    nets: list[Architecture] = []

    def objective(trial: optuna.Trial) -> float:
        nets.append(space.suggest(trial))
        trial.set_user_attr("predicted.value", 0.5)
        if trial.number == 1:
            trial.set_user_attr("architecture", nets[0].to_json())
        return float(trial.number)

    study.optimize(objective, n_trials=2)
    plain = [forecast.architecture for forecast in RankTracker.from_study(study).forecasts]
    assert plain == [None, nets[0]]
    decoded = RankTracker.from_study(study, space=space).forecasts
    assert [forecast.architecture for forecast in decoded] == [nets[0], nets[0]]
