from typing import Any

import numpy as np
import pytest

from dagsmith.hardware.pim import Hardware, default_technology
from dagsmith.placement import hardware_of
from dagsmith.search.hardware_figures import (
    FRONTS,
    PARALLEL,
    figure_breakdown,
    figure_hardware_fronts,
    figure_parallel,
    figure_placement,
)
from dagsmith.search.hardware_report import hardware_part
from dagsmith.search.trial_record import TrialRecord
from dagsmith.space import nasrec_full
from dagsmith.space.pim import PIM_KINDS


def records(count: int = 12) -> list[TrialRecord]:
    rng = np.random.default_rng(0)
    return [
        {
            "number": number,
            "state": "complete" if number % 5 else "failed",
            "round": 0,
            "key": f"{number:032x}",
            "metrics": {"logloss": float(0.4 + 0.1 * rng.random())} if number % 5 else {},
            "costs": {name: float(10 ** rng.uniform(0, 4)) for name in (*FRONTS, *PARALLEL)},
            "predicted_mean": None,
            "predicted_std": None,
            "fidelity": "supernet",
            "elapsed_s": float(number),
        }
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def placed() -> dict[str, Any]:
    space = nasrec_full(13, 26, blocks=3)
    net = space.decode(space.sample(1, np.random.default_rng(2))[0])
    net = Hardware(replication=2).equip(net)
    return hardware_of(net, PIM_KINDS, default_technology(), 1000.0)


def test_fronts_hold_every_trial_and_are_not_dominated() -> None:
    trials = records()
    figure = figure_hardware_fronts(trials, "logloss")
    done = [t for t in trials if t["metrics"]]
    pairs = [trace for trace in figure.data if trace.x is not None and len(trace.x) > 1]
    assert [len(trace.x) for trace in pairs if trace.name == "trial"] == [len(done)] * len(FRONTS)
    for trace in pairs:
        if trace.name == "Pareto front":
            assert (np.diff(trace.x) > 0).all()
            assert (np.diff(trace.y) < 0).all()


def test_parallel_coordinates_have_an_axis_per_objective() -> None:
    trace = figure_parallel(records(), "logloss").data[0]
    assert len(trace.dimensions) == 1 + len(PARALLEL)
    assert all(len(axis["values"]) == 9 for axis in trace.dimensions)


def test_without_such_costs_the_figures_are_empty() -> None:
    trials = records()
    for trial in trials:
        trial["costs"] = {}
    assert not figure_hardware_fronts(trials, "logloss").data
    assert not figure_parallel(trials, "logloss").data
    assert not figure_parallel([], "logloss").data


@pytest.mark.parametrize("what", ["energy_pj", "area_mm2"])
def test_bars_add_up_to_the_cost(placed: dict[str, Any], what: str) -> None:
    figure = figure_breakdown(placed, what)
    total = sum(float(np.sum(trace.x)) for trace in figure.data)
    assert total == pytest.approx(placed["costs"][what])


def test_every_crossbar_is_drawn_once(placed: dict[str, Any]) -> None:
    figure = figure_placement(placed)
    points = {(x, y) for trace in figure.data for x, y in zip(trace.x, trace.y, strict=True)}
    assert len(points) == sum(len(trace.x) for trace in figure.data)
    assert len(points) == placed["costs"]["crossbars"]
    tiles = -(-len(points) // int(placed["crossbars_per_tile"]))
    assert len(figure.layout.shapes) == tiles


def test_the_report_says_what_measured_and_places_only_what_has_crossbars(
    placed: dict[str, Any],
) -> None:
    model = {**placed, "rank": 1}
    page = hardware_part({"hardware": [model]}, records(), "logloss")
    assert "is that of supernet." in page
    assert "A frame is a tile" in page
    bare = {**model, "nodes": [{**node, "crossbars": 0} for node in model["nodes"]]}
    page = hardware_part({"hardware": [bare]}, [], "logloss")
    assert "is measured by the search." in page
    assert "A frame is a tile" not in page
