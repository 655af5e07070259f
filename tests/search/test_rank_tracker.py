import numpy as np
import optuna
import pytest
from scipy import stats

from dagsmith.predictor.metrics import MetricName
from dagsmith.search import Forecast, Objective, RankTracker, SearchError, open_study
from dagsmith.space import SearchSpace


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
