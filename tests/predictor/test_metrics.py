import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dagsmith.predictor import METRICS, PredictorError, rank_correlation
from dagsmith.predictor import metrics as module
from dagsmith.predictor.metrics import AT_TOP, MetricName

NAMES: list[MetricName] = [
    "kendall_tau",
    "spearman",
    "weighted_tau",
    "ndcg",
    "precision_at",
    "regret_at",
]
seeds = st.integers(0, 2**32 - 1)


def pairs(seed: int, n: int = 25, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    # Rounded, so that both have ties.
    return truth.round(1), (truth + noise * rng.normal(size=n)).round(1)


def test_all_metrics_are_listed() -> None:
    assert list(METRICS) == NAMES


@pytest.mark.parametrize("metric", NAMES)
@given(seed=seeds)
def test_the_truth_is_its_own_best_prediction(metric: MetricName, seed: int) -> None:
    truth, _ = pairs(seed)
    for larger in (False, True):
        value = rank_correlation(
            truth, 2.0 * truth + 1.0, metric=metric, larger_is_better=larger, resamples=0
        ).value
        assert value == pytest.approx(0.0 if metric == "regret_at" else 1.0)


@pytest.mark.parametrize("metric", NAMES)
@given(seed=seeds)
def test_turning_both_around_changes_nothing(metric: MetricName, seed: int) -> None:
    truth, predicted = pairs(seed)
    low, high = (
        rank_correlation(
            sign * truth, sign * predicted, metric=metric, larger_is_better=larger, resamples=0
        ).value
        for sign, larger in ((1.0, False), (-1.0, True))
    )
    assert low == pytest.approx(high)


@pytest.mark.parametrize("metric", NAMES)
@given(seed=seeds)
def test_only_the_order_of_predictions_counts(metric: MetricName, seed: int) -> None:
    truth, predicted = pairs(seed)
    plain, stretched = (
        rank_correlation(truth, scores, metric=metric, resamples=0).value
        for scores in (predicted, np.exp(predicted))
    )
    assert plain == pytest.approx(stretched)


@given(seeds)
def test_tau_counts_pairs(seed: int) -> None:
    truth, predicted = pairs(seed, 12)
    agree = of_truth = of_predicted = 0
    for i in range(12):
        for j in range(i):
            a, b = np.sign(truth[i] - truth[j]), np.sign(predicted[i] - predicted[j])
            agree, of_truth, of_predicted = agree + a * b, of_truth + a * a, of_predicted + b * b
    expected = agree / np.sqrt(of_truth * of_predicted)
    assert rank_correlation(truth, predicted, resamples=0).value == pytest.approx(expected)


@pytest.mark.parametrize("metric", NAMES)
def test_resampling_equals_the_metric_of_each_resample(metric: MetricName) -> None:
    truth, predicted = pairs(1)
    rows = np.random.default_rng(0).integers(0, 25, (30, 25))
    function = METRICS[metric]
    found = module.resampled(metric, function, truth, predicted, rows, False)
    expected = [function(truth[row], predicted[row], False) for row in rows]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_interval_of_many_pairs_is_that_of_the_pair_matrix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth, predicted = pairs(2, 60)
    matrix = rank_correlation(truth, predicted, resamples=50)
    monkeypatch.setattr(module, "_SIGN_MATRIX_LIMIT", 10)
    loop = rank_correlation(truth, predicted, resamples=50)
    assert (loop.low, loop.high) == pytest.approx((matrix.low, matrix.high))


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    # For normal pairs with correlation r, tau is 2/pi arcsin(r).
    rng = np.random.default_rng(0)
    expected = 2 / np.pi * np.arcsin(0.8)
    covered = 0
    for trial in range(200):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 60).T
        interval = rank_correlation(x, y, resamples=300, confidence=0.9, seed=trial)
        assert interval.low is not None
        assert interval.high is not None
        covered += interval.low <= expected <= interval.high
    # Five standard deviations of the count; the percentile interval is a little too narrow.
    assert 0.88 - 5 * np.sqrt(0.09 / 200) < covered / 200 < 1.0


def test_weighted_tau_looks_at_the_best() -> None:
    truth = np.arange(10.0)
    best_swapped, worst_swapped = truth.copy(), truth.copy()
    best_swapped[[0, 1]] = 1.0, 0.0
    worst_swapped[[8, 9]] = 9.0, 8.0

    def value(predicted: np.ndarray, larger: bool) -> float:
        found = rank_correlation(
            truth, predicted, metric="weighted_tau", larger_is_better=larger, resamples=0
        ).value
        assert found is not None
        return found

    assert value(best_swapped, False) < value(worst_swapped, False)
    assert value(best_swapped, True) > value(worst_swapped, True)
    assert value(best_swapped, True) == pytest.approx(
        stats.weightedtau(truth, best_swapped).statistic
    )


def test_metrics_of_the_top_by_hand() -> None:
    truth = [10.0, 9.0, 8.0, 6.0, 0.0]
    predicted = [1.0, 5.0, 4.0, 2.0, 3.0]  # order: 9, 8, 0, 6, 10

    def value(metric: MetricName, k: int) -> float | None:
        return rank_correlation(
            truth, predicted, metric=metric, k=k, larger_is_better=True, resamples=0
        ).value

    assert value("precision_at", 1) == 0.0
    assert value("precision_at", 2) == 0.5
    assert value("precision_at", 3) == pytest.approx(float(Fraction(2, 3)))
    assert value("regret_at", 1) == 1.0
    assert value("regret_at", 4) == 1.0
    assert value("regret_at", 5) == 0.0
    half = 1 / np.log2(3)
    assert value("ndcg", 2) == pytest.approx((0.9 + 0.8 * half) / (1.0 + 0.9 * half))


def test_ties_go_against_the_predictor() -> None:
    truth, predicted = [3.0, 1.0, 2.0, 4.0], [0.0, 0.0, 0.0, 1.0]
    worst = rank_correlation(truth, predicted, metric="regret_at", k=1, resamples=0)
    assert worst.value == 2.0


def test_names_carry_k() -> None:
    truth, predicted = pairs(0, 40)
    assert rank_correlation(truth, predicted, metric="ndcg", k=7, resamples=0).metric == "ndcg@7"
    default = rank_correlation(truth, predicted, metric="regret_at", resamples=0)
    assert default.metric == "regret@4"


@pytest.mark.parametrize(
    ("truth", "predicted", "reason"),
    [
        ([], [], "0 pairs; expected at least 3"),
        ([1.0, 2.0], [1.0, 2.0], "2 pairs; expected at least 3"),
        ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0], "all true values are equal"),
        ([1.0, 2.0, 3.0], [1.0, 1.0, 1.0], "all predicted values are equal"),
    ],
)
def test_the_undefined_has_a_reason(
    truth: list[float], predicted: list[float], reason: str
) -> None:
    for metric in NAMES:
        found = rank_correlation(truth, predicted, metric=metric)
        assert (found.value, found.low, found.high) == (None, None, None)
        assert (found.n, found.reason) == (len(truth), reason)
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["reason"] == reason


@given(st.integers(3, 6), seeds)
def test_few_pairs_never_give_nan(n: int, seed: int) -> None:
    truth, predicted = pairs(seed, n)
    for metric in NAMES:
        found = rank_correlation(truth, predicted, metric=metric, resamples=20)
        json.dumps(found.to_dict(), allow_nan=False)


def test_bad_input() -> None:
    with pytest.raises(PredictorError, match="two equal lengths"):
        rank_correlation([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(PredictorError, match="predictions not finite in 1 rows: 1"):
        rank_correlation([1.0, 2.0, 3.0], [1.0, np.nan, 2.0])
    with pytest.raises(PredictorError, match="unknown metric 'tau'"):
        rank_correlation([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], metric="tau")  # type: ignore[arg-type]
    with pytest.raises(PredictorError, match="takes no k"):
        rank_correlation([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], k=2)
    with pytest.raises(PredictorError, match="k is 4; expected 1 to 3"):
        rank_correlation([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], metric=AT_TOP[0], k=4)  # type: ignore[arg-type]
    with pytest.raises(PredictorError, match="confidence is 95"):
        rank_correlation([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], confidence=95)
