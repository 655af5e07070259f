import json
import sys
from typing import Any

import numpy as np
import optuna
import pytest

from dagsmith.search import Forecast, RankTracker, SearchError
from dagsmith.search.dashboard import show_ranking
from dagsmith.search.rank_figures import (
    comparable,
    figure_rank_by_component,
    figure_rank_metrics,
    rank_figures,
)
from dagsmith.space import SearchSpace


def tracker(space: SearchSpace, rounds: int = 3) -> RankTracker:
    rng = np.random.default_rng(0)
    nets = [space.decode(row) for row in space.sample(10 * rounds, rng)]
    truth = rng.normal(size=len(nets))
    forecasts = [
        Forecast(i, 1 + i // 10, float(truth[i] + rng.normal()), 1.0, float(truth[i]), net)
        for i, net in enumerate(nets)
    ]
    return RankTracker(forecasts, larger_is_better=True)


def test_every_metric_has_its_panel_with_all_rounds(space: SearchSpace) -> None:
    found = tracker(space)
    rows = found.table(k=3, resamples=50)
    figure = figure_rank_metrics(rows)
    titles = [annotation.text for annotation in figure.layout.annotations]
    assert titles == [
        "Kendall τ-b",
        "Spearman",
        "weighted τ",
        "NDCG@3",
        "precision@3",
        "regret@3",
    ]
    assert len(figure.data) == 6
    for trace, metric in zip(figure.data, ["kendall_tau", "spearman"], strict=False):
        assert list(trace.x) == [1, 2, 3]
        own = [r for r in rows if r["metric"] == metric and r["round"] is not None]
        assert list(trace.y) == [row["value"] for row in own]
        assert list(trace.error_y.array) == [row["high"] - row["value"] for row in own]
    # The band of all rounds, in the panels of correlations only.
    bands = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    overall = [r for r in rows if r["round"] is None and "@" not in r["metric"]]
    assert [(b.y0, b.y1) for b in bands] == [(row["low"], row["high"]) for row in overall]


def test_rounds_without_a_value_or_an_interval_are_drawn_as_far_as_known() -> None:
    def row(**fields: Any) -> dict[str, Any]:
        known = {"round": 0, "metric": "kendall_tau", "value": 0.5, "low": None, "high": None}
        return known | {"n": 3} | fields

    figure = figure_rank_metrics([row(), row(round=1, value=None), row(round=None)])
    assert list(figure.data[0].x) == [0]
    assert list(figure.data[0].error_y.array) == [0.0]
    assert not [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert len(figure_rank_metrics([]).data) == 0


def test_components_are_drawn_worst_first_with_both_sides(space: SearchSpace) -> None:
    rows = [each.to_dict() for each in tracker(space, 5).by_component(resamples=50)]
    known = comparable(rows)
    assert 3 < len(known) < len(rows)
    figure = figure_rank_by_component(rows)
    having, lacking = figure.data
    assert list(having.x) == [row["having"]["value"] for row in known]
    assert list(lacking.x) == [row["lacking"]["value"] for row in known]
    gaps = np.subtract(lacking.x, having.x)
    assert (np.diff(gaps) <= 0).all()
    low, high = figure.layout.yaxis.range
    assert low > high, "the first is not on top"
    for text, row in zip(figure.layout.yaxis.ticktext, known, strict=True):
        assert text.startswith(row["component"])
        assert f"{row['having']['n']} with" in text
        assert f"{row['lacking']['n']} with" in text
        assert ("or more" in text) == (row["times"] > 1)


def test_of_many_components_those_of_the_largest_differences_are_drawn() -> None:
    def row(name: str, gap: float) -> dict[str, Any]:
        side = {"low": None, "high": None, "n": 20}
        return {
            "component": name,
            "times": 1,
            "metric": "kendall_tau",
            "having": side | {"value": 0.0},
            "lacking": side | {"value": gap},
        }

    gaps = (0.3, -0.1, 0.5, 0.0, -0.4, 0.2)
    figure = figure_rank_by_component([row(str(gap), gap) for gap in gaps], most=3)
    assert list(figure.data[1].x) == [0.5, 0.3, -0.4]
    assert len(figure_rank_by_component([]).data[0].x) == 0


def test_figures_of_a_tracker_have_components_only_where_they_can_be_compared(
    space: SearchSpace,
) -> None:
    assert list(rank_figures(tracker(space), resamples=20)) == ["rounds", "components"]
    plain = [Forecast(i, 0, float(i), 0.0, float(i)) for i in range(20)]
    bare = RankTracker(plain, larger_is_better=True)
    assert list(rank_figures(bare, resamples=20)) == ["rounds"]


def predicted_study(space: SearchSpace, trials: int) -> optuna.Study:
    study = optuna.create_study()
    for forecast in tracker(space).forecasts[:trials]:
        assert forecast.architecture is not None
        notes = {
            "round": forecast.round,
            "architecture": forecast.architecture.to_json(),
            "predicted.value": forecast.mean,
        }
        study.add_trial(optuna.create_trial(value=forecast.truth, user_attrs=notes))
    return study


def drawn(study: optuna.Study) -> dict[str, Any]:
    """The figures as the dashboard reads them."""
    reader = pytest.importorskip("optuna_dashboard._custom_plot_data")
    found = reader.get_plotly_graph_objects(study._storage.get_study_system_attrs(study._study_id))
    return {name: json.loads(text) for name, text in found.items()}


def test_the_dashboard_gets_the_figures_and_then_newer_ones(space: SearchSpace) -> None:
    pytest.importorskip("optuna_dashboard")
    study = predicted_study(space, 20)
    names = show_ranking(study)
    assert names == ("dagsmith-ranking-rounds", "dagsmith-ranking-components")
    before = drawn(study)
    assert before.keys() == set(names)
    study.add_trials(predicted_study(space, 30).trials[20:])
    assert show_ranking(study) == names
    after = drawn(study)
    assert after.keys() == before.keys()
    assert [list(each["data"][0]["x"]) for each in (before[names[0]], after[names[0]])] == [
        [1, 2],
        [1, 2, 3],
    ]


def test_without_the_dashboard_it_says_what_to_install(
    space: SearchSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    with pytest.raises(SearchError, match=r"pip install 'dagsmith\[dashboard\]'"):
        show_ranking(predicted_study(space, 3))
