import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.search.figure_style import cut_y, duration, robust_range
from dagsmith.search.progress_figures import (
    figure_predicted_measured,
    figure_progress,
    figure_rank_by_round,
)
from dagsmith.search.report import report_html, write_report
from dagsmith.search.result_figures import (
    figure_models,
    figure_pareto,
    figure_rank_joints,
    figure_seconds,
)
from dagsmith.search.trial_record import TrialRecord
from dagsmith.space import nasrec_small

SPACE = nasrec_small(dense_features=3, sparse_fields=4, blocks=2)


def _records(count: int = 24, seed: int = 0) -> list[TrialRecord]:
    rng = np.random.default_rng(seed)
    records: list[TrialRecord] = []
    for number, genotype in enumerate(SPACE.sample(count, rng)):
        failed, drawn = number % 11 == 5, number < 8
        loss = float(0.44 + 0.02 * rng.random())
        records.append(
            {
                "number": number,
                "state": "failed" if failed else "complete",
                "round": 0 if drawn else 1 + (number - 8) // 8,
                "key": SPACE.decode(genotype).key,
                "metrics": {} if failed else {"logloss": loss, "auc": 0.8 - loss / 10},
                "costs": {"flops": float(rng.integers(10_000, 1_000_000)), "parameters": 1e4},
                "predicted_mean": None if drawn else loss + 0.001,
                "predicted_std": None if drawn else 0.002,
                "fidelity": "supernet",
                "elapsed_s": 1.5 * (number + 1),
            }
        )
    return records


def _metrics(loss: float, auc: float = 0.7) -> dict[str, float]:
    return {"auc": auc, "logloss": loss}


def _result(models: int = 2) -> dict[str, Any]:
    architectures = [
        SPACE.decode(genotype) for genotype in SPACE.sample(models, np.random.default_rng(1))
    ]
    found: list[dict[str, Any]] = [
        {
            "rank": rank,
            "path": f"models/{rank}",
            "architecture": architecture.to_dict(),
            "key": architecture.key,
            "parameters": 12_345.0,
            "flops": 54_321.0 * rank,
            "valid": _metrics(0.43 + 0.001 * rank),
            "test": _metrics(0.431 + 0.001 * rank),
            "seeds": [0, 1],
            "runs": [
                {
                    "seed": s,
                    "seconds": 1.0,
                    "valid": _metrics(0.43),
                    "test": _metrics(0.43 + s / 1e3),
                }
                for s in (0, 1)
            ],
            "trial": rank,
            "supernet": _metrics(0.44),
            "predictor": {"mean": 0.441, "std": 0.002},
        }
        for rank, architecture in enumerate(architectures, 1)
    ]
    baseline: dict[str, Any] = {
        key: found[0][key] for key in ("key", "parameters", "flops", "seeds", "runs")
    }
    baseline |= {"name": "dcnv2", "valid": _metrics(0.45), "test": _metrics(0.4567)}
    return {
        "format": "dagsmith.result/1",
        "created": "2026-01-01T00:00:00+00:00",
        "configuration": {"data": "synthetic", "drop": [], "label": None},
        "versions": {"dagsmith": "0.1.0", "python": "3.11.7"},
        "seeds": {"search": 0, "supernet": 0, "scratch": [0, 1]},
        "seconds": {"data": 1.0, "search": 65.0, "total": 66.0},
        "dataset": {
            "name": "synthetic",
            "fingerprint": "abc",
            "rows": {"train": 1000, "valid": 200, "test": 200},
            "dense_features": 3,
            "sparse_fields": 4,
            "bayes_logloss": 0.4211,
        },
        "space": {"name": SPACE.name, "size": SPACE.size(), "slots": 9, "counting_rule": "product"},
        "search": {
            "sampler": "mh",
            "metric": "logloss",
            "objectives": ["logloss"],
            "complete": 22,
            "failed": 2,
            "storage": "own file",
            "study": "dagsmith",
        },
        "rank_correlation": [
            {
                "joint": "predictor-supernet",
                "metric": "kendall_tau",
                "value": 0.512,
                "low": 0.3,
                "high": 0.7,
                "n": 16,
            },
            {
                "joint": "supernet-scratch",
                "metric": "kendall_tau",
                "value": None,
                "low": None,
                "high": None,
                "n": 2,
                "reason": "only 2 pairs",
            },
        ],
        "rounds": [{"round": 1, "value": 0.4, "low": 0.1, "high": 0.8, "n": 8}],
        "models": found,
        "truth": [],
        "baselines": [baseline],
        "pareto_front": [
            {
                "key": "k",
                "flops": 20_000.0,
                "parameters": 1e4,
                "trial": 3,
                "supernet": _metrics(0.44),
                "predictor": None,
                "scratch": None,
            }
        ],
    }


def _figures(html: str) -> list[Any]:
    texts = re.findall(r"<script type='application/json'>(.*?)</script>", html, re.DOTALL)
    return [json.loads(text) for text in texts]


def test_report_needs_no_other_file_and_holds_every_figure() -> None:
    html = report_html(_result(), _records())
    # plotly.js itself names a few hosts (maps, a logo); nothing of them is loaded by a tag.
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)\s*=", html)
    assert html.count("Plotly.newPlot(box") == 1
    assert len(_figures(html)) == 8
    assert len(re.findall(r"<div class='drawing'>\s*<svg", html)) == 2


def test_report_states_what_the_result_holds() -> None:
    html = report_html(_result(), _records())
    for text in (
        "0.4320",  # test log loss of model 1
        "0.4211",  # Bayes limit
        "DCNv2",
        "0.4567",
        "12.3 k",
        "0.51",
        "predictor → search",
        "only 2 pairs",
        "over 22 evaluated architectures (2 failed)",
        "product",
    ):
        assert text in html, text


def test_text_of_the_user_cannot_become_markup() -> None:
    result = _result()
    result["dataset"]["name"] = "</script><b>evil"
    result["baselines"][0]["name"] = "</script><b>evil"
    html = report_html(result, _records())
    assert "<b>evil" not in html
    assert len(_figures(html)) == 8


def test_a_search_for_auc_is_shown_with_its_own_directions() -> None:
    result = _result()
    result["search"]["metric"] = "auc"
    html = report_html(result, _records())
    assert "Upper left is better" in html
    best = [
        trace
        for figure in _figures(html)
        for trace in figure["data"]
        if trace.get("name") == "best so far"
    ]
    assert len(best) == 2
    for trace in best:
        assert trace["y"] == sorted(trace["y"])


def test_report_without_predictions_models_or_trials() -> None:
    result = _result(models=1)
    result |= {"models": [], "baselines": [], "pareto_front": [], "rounds": []}
    result["rank_correlation"] = [row for row in result["rank_correlation"] if row["value"] is None]
    html = report_html(result, [])
    assert "No architecture was trained from scratch" in html
    assert "NaN" not in html.split("</script>", 1)[1]


def test_write_report_replaces_the_old_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    write_report(path, _result(), _records())
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(("metric", "better"), [("logloss", min), ("auc", max)])
@pytest.mark.parametrize("against", ["evaluations", "seconds"])
def test_best_so_far_is_the_best_of_each_prefix(metric: str, better: Any, against: str) -> None:
    records = _records()
    figure = figure_progress(records, metric, against=against)
    values = [r["metrics"][metric] for r in records if r["state"] == "complete"]
    best = next(trace for trace in figure.data if trace.name == "best so far")
    assert list(best.y) == [better(values[: i + 1]) for i in range(len(values))]
    x = [
        r["number"] + 1 if against == "evaluations" else r["elapsed_s"]
        for r in records
        if r["state"] == "complete"
    ]
    assert list(best.x) == x


def test_progress_against_something_else_is_an_error() -> None:
    with pytest.raises(ValueError, match="'evaluations' or 'seconds'"):
        figure_progress(_records(), against="days")


def test_predicted_against_measured_shows_only_predictions_made_before() -> None:
    records = _records()
    figure = figure_predicted_measured(records)
    points = figure.data[-1] if figure.data[-1].x[0] is not None else figure.data[-2]
    expected = [
        (r["metrics"]["logloss"], r["predicted_mean"])
        for r in records
        if r["state"] == "complete" and r["predicted_mean"] is not None
    ]
    assert list(zip(points.x, points.y, strict=True)) == expected


def test_joints_without_a_value_are_not_drawn_as_zero() -> None:
    figure = figure_rank_joints(_result()["rank_correlation"])
    assert list(figure.data[0].x) == [0.512]
    error = figure.data[0].error_x
    assert error.array[0] == pytest.approx(0.7 - 0.512)
    assert error.arrayminus[0] == pytest.approx(0.512 - 0.3)


def test_rounds_without_a_value_are_left_out() -> None:
    rounds = [*_result()["rounds"], {"round": 2, "value": None, "low": None, "high": None, "n": 1}]
    assert list(figure_rank_by_round(rounds).data[0].x) == [1]


def test_every_model_and_baseline_is_inside_the_pareto_frame() -> None:
    result = _result()
    figure = figure_pareto(result, _records())
    low, high = figure.layout.yaxis.range
    for model in [*result["models"], *result["baselines"]]:
        assert low < model["valid"]["logloss"] < high
    names = {trace.name for trace in figure.data}
    assert {"trial", "Pareto front", "found, from scratch", "DCNv2, hand-made"} <= names


def test_a_hopeless_model_without_cost_does_not_stretch_the_pareto_frame() -> None:
    records = _records()
    records[3] = {**records[3], "metrics": {"logloss": 0.693}, "costs": {"flops": 1.0}}
    result = _result()
    result["models"][0]["flops"] = 0.0
    low, high = figure_pareto(result, records).layout.xaxis.range
    costs = [m["flops"] for m in [*result["models"][1:], *result["baselines"]]]
    costs += [r["costs"]["flops"] for r in records if r["number"] != 3 and r["metrics"]]
    assert 0 < math.log10(min(costs)) - low < 0.5
    assert 0 < high - math.log10(max(costs)) < 0.5


def test_models_figure_holds_the_bayes_limit_and_every_seed() -> None:
    figure = figure_models(_result())
    assert any(trace.name == "Bayes limit 0.4211" for trace in figure.data)
    seeds = next(trace for trace in figure.data if trace.name == "one seed")
    assert len(seeds.x) == 2 * 2 + 2
    low, high = figure.layout.xaxis.range
    assert low < 0.4211 < high


def test_a_taught_model_stands_beside_what_the_labels_alone_give() -> None:
    result = _result()
    plain = report_html(result, _records())
    assert "labels alone" not in plain
    assert "alone)" not in plain
    taught, other = result["models"]
    alone = {"valid": _metrics(0.439), "test": _metrics(0.4389), "seeds": [0], "runs": []}
    result["teacher"] = {"share": 0.9, "members": 4, "valid": _metrics(0.4), "test": _metrics(0.42)}
    taught |= {"distilled": True, "ways": {"alone": alone, "distilled": alone}}
    other |= {"distilled": False, "ways": {"alone": alone, "distilled": alone}}
    page = report_html(result, _records())
    assert "<b>0.4320</b> (by the labels alone 0.4389)" in page
    assert "<td>0.4320 (0.4389)</td>" in page
    assert "The 4 trainings of the models have a test log loss of 0.4200 together" in page
    assert "(knowledge distillation), model 1 became better" in page
    (points,) = [t for t in figure_models(result).data if t.name == "found, by the labels alone"]
    assert (list(points.x), list(points.y)) == ([0.4389], ["model 1"])
    taught["distilled"] = False
    assert "no model was better (validation rows)" in report_html(result, _records())


def test_seconds_stand_as_the_stages_ran_and_leave_out_the_total() -> None:
    figure = figure_seconds({"data": 1.0, "search": 5.0, "own": 3.0, "total": 9.0})
    assert list(figure.data[0].y) == ["data", "search", "own"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.44, "0.4 s"), (59.97, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(
    st.lists(st.floats(-1e6, 1e6), max_size=40),
    st.lists(st.floats(-1e6, 1e6), max_size=5),
)
def test_robust_range_holds_the_quartiles_and_all_that_must_be_kept(
    values: list[float], keep: list[float]
) -> None:
    bounds = robust_range(values, keep)
    if not values and not keep:
        assert bounds is None
        return
    assert bounds is not None
    low, high = bounds
    assert math.isfinite(low)
    assert low < high
    inside = list(keep)
    if values:
        inside += list(np.quantile(values, [0.25, 0.75], method="nearest"))
    for value in inside:
        assert low <= value <= high


def test_cut_points_are_counted_for_the_reader() -> None:
    figure = figure_seconds({"data": 1.0})
    cut_y(figure, (0.0, 1.0), [0.5, 2.0, 3.0])
    assert figure.data[-1].name == "2 beyond the frame"
    assert list(figure.layout.yaxis.range) == [0.0, 1.0]


def test_the_report_shows_where_the_predictor_ranks_badly_only_if_it_is_known() -> None:
    result = _result()
    assert "Rank correlation by component" not in report_html(result, _records())
    side: dict[str, Any] = {"value": 0.5, "low": 0.2, "high": 0.7, "n": 30}
    few: dict[str, Any] = {"value": None, "low": None, "high": None, "n": 2, "reason": "2 only"}
    row = {"component": "dense_op", "times": 1, "metric": "kendall_tau", "having": side}
    result["components"] = [row | {"lacking": few}]
    assert "Rank correlation by component" not in report_html(result, _records())
    result["components"] = [row | {"lacking": side | {"n": 31}}]
    page = report_html(result, _records())
    assert page.count("Rank correlation by component") == 1
    assert "30 with, 31 without" in page


@pytest.mark.parametrize(
    ("fidelities", "title"),
    [
        (["supernet"], "supernet log loss, validation"),
        (["table"], "log loss (table)"),
        (["table", "supernet"], "log loss"),
        ([""], "log loss"),
    ],
)
def test_an_axis_says_what_measured(fidelities: list[str], title: str) -> None:
    records = _records()
    for number, record in enumerate(records):
        record["fidelity"] = fidelities[number % len(fidelities)]
    assert figure_progress(records).layout.yaxis.title.text == title
    assert figure_predicted_measured(records).layout.xaxis.title.text == f"measured: {title}"
    pareto = figure_pareto(_result(), records)
    assert ("supernet" in str(pareto.to_dict())) == (fidelities == ["supernet"])


def test_the_best_of_an_objective_of_ones_own_is_found_in_its_direction() -> None:
    records = _records()
    for number, record in enumerate(records):
        record["state"], record["metrics"] = "complete", {"score": float(number)}
    (best,) = (t for t in figure_progress(records, "score", larger=True).data if t.mode == "lines")
    assert list(best.y) == [float(number) for number in range(len(records))]
