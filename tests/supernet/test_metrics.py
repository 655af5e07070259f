import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dagsmith.supernet import (
    MetricError,
    auc,
    calibration,
    click_metrics,
    grouped_auc,
    logloss,
    normalised_entropy,
)

Array = NDArray[np.float64]


def by_pairs(labels: Array, scores: Array) -> float:
    """The share of pairs of a click and a non-click that are in order, ties a half."""
    won = [
        (click > other) + 0.5 * (click == other)
        for click in scores[labels == 1]
        for other in scores[labels == 0]
    ]
    return float(np.mean(won))


@st.composite
def scored(draw: st.DrawFn) -> tuple[Array, Array]:
    """Both classes, scores with many ties."""
    labels = [0.0, 1.0, *draw(st.lists(st.sampled_from([0.0, 1.0]), max_size=30))]
    scores = draw(st.lists(st.integers(0, 8), min_size=len(labels), max_size=len(labels)))
    return np.array(labels), np.array(scores) / 8


@given(scored())
@settings(max_examples=60)
def test_auc_is_the_share_of_pairs_in_order(data: tuple[Array, Array]) -> None:
    assert auc(*data) == pytest.approx(by_pairs(*data))


@given(scored())
@settings(max_examples=30)
def test_auc_sees_the_order_alone(data: tuple[Array, Array]) -> None:
    labels, scores = data
    assert auc(labels, np.exp(3 * scores)) == pytest.approx(auc(labels, scores))
    assert auc(labels, -scores) == pytest.approx(1 - auc(labels, scores))


@given(scored())
@settings(max_examples=30)
def test_logloss_is_the_mean_surprise(data: tuple[Array, Array]) -> None:
    labels, scores = data
    p = 0.05 + 0.9 * scores
    expected = np.mean([-math.log(q if y else 1 - q) for y, q in zip(labels, p, strict=True)])
    assert logloss(labels, p) == pytest.approx(expected)


def test_one_sure_mistake_is_finite_and_costly() -> None:
    assert 10 < logloss([1.0], [0.0]) < 20
    assert logloss([1.0, 0.0], [1.0, 0.0]) == pytest.approx(0.0, abs=1e-6)


def test_normalised_entropy_is_one_for_the_rate_itself() -> None:
    labels = np.array([1, 0, 0, 0, 1, 0, 0, 0, 0, 0])
    assert normalised_entropy(labels, np.full(10, 0.2)) == pytest.approx(1.0)
    p = np.where(labels == 1, 0.6, 0.1)
    entropy = -(0.2 * math.log(0.2) + 0.8 * math.log(0.8))
    assert normalised_entropy(labels, p) == pytest.approx(logloss(labels, p) / entropy)


@given(scored(), st.data())
@settings(max_examples=40)
def test_grouped_auc_is_a_loop_over_groups(data: tuple[Array, Array], more: st.DataObject) -> None:
    labels, scores = data
    size = len(labels)
    groups = np.array(more.draw(st.lists(st.sampled_from("abc"), min_size=size, max_size=size)))
    total = weight = 0.0
    for group in set(groups):
        inside = groups == group
        if 0 < labels[inside].sum() < inside.sum():
            total += inside.sum() * by_pairs(labels[inside], scores[inside])
            weight += inside.sum()
    if not weight:
        with pytest.raises(MetricError, match="no group holds both classes"):
            grouped_auc(labels, scores, groups)
    else:
        assert grouped_auc(labels, scores, groups) == pytest.approx(total / weight)


def test_calibration_compares_bins_of_equal_count() -> None:
    p = np.array([0.1, 0.2, 0.3, 0.4, 0.9, 0.8])
    labels = np.array([0, 1, 0, 0, 1, 1])
    found = calibration(labels, p, bins=3)
    assert found.predicted == pytest.approx([0.15, 0.35, 0.85])
    assert found.observed == pytest.approx([0.5, 0.0, 1.0])
    assert found.error == pytest.approx((0.35 + 0.35 + 0.15) / 3)
    assert found.ratio == pytest.approx(2.7 / 3)


def test_calibration_with_fewer_rows_than_bins_and_without_clicks() -> None:
    found = calibration([0, 0, 0], [0.1, 0.2, 0.3], bins=20)
    assert found.ratio is None
    assert found.error == pytest.approx(0.2)
    assert len(found.predicted) == 3


@pytest.mark.parametrize(("label", "name"), [(1.0, "clicks"), (0.0, "non-clicks")])
def test_one_class_leaves_auc_undefined(label: float, name: str) -> None:
    labels, scores = np.full(5, label), np.linspace(0.1, 0.9, 5)
    with pytest.raises(MetricError, match=f"AUC is undefined: all 5 rows are {name}"):
        auc(labels, scores)
    with pytest.raises(MetricError, match=f"the click rate is {label:.0f}"):
        normalised_entropy(labels, scores)
    with pytest.raises(MetricError, match="no group"):
        grouped_auc(labels, scores, np.arange(5))
    assert set(click_metrics(labels, scores)) == {"logloss", "calibration_error"}


def test_click_metrics_are_the_single_ones() -> None:
    labels, p = np.array([0, 1, 1, 0, 0]), np.array([0.2, 0.7, 0.4, 0.5, 0.1])
    assert click_metrics(labels, p) == {
        "logloss": logloss(labels, p),
        "calibration_error": calibration(labels, p).error,
        "auc": auc(labels, p),
        "normalised_entropy": normalised_entropy(labels, p),
    }


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.5], "labels .2,. and scores .1,."),
        ([], [], "rows > 0"),
        ([[0, 1]], [[0.1, 0.2]], "labels .1, 2."),
        ([0, 1, 1], [0.5, float("nan"), float("nan")], "2 of 3 scores are NaN"),
    ],
)
def test_what_cannot_be_measured_is_named(
    labels: list[float], scores: list[float], message: str
) -> None:
    for metric in (auc, logloss, normalised_entropy, calibration, click_metrics):
        with pytest.raises(MetricError, match=message):
            metric(labels, scores)
