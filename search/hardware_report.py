"""The part of the report about in-memory-computing hardware."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from dagsmith.search.hardware_figures import (
    COST_TITLES,
    figure_breakdown,
    figure_hardware_fronts,
    figure_parallel,
    figure_placement,
)
from dagsmith.search.report_parts import count, pair, section
from dagsmith.search.trial_record import TrialRecord, fidelity_of, measured


def hardware_part(result: Mapping[str, Any], trials: Sequence[TrialRecord], metric: str) -> str:
    """Fronts against every cost of the hardware, and each model on it, part by part."""
    placed = result.get("hardware") or []
    if not placed:
        return ""
    fidelity = fidelity_of(measured(trials, metric))
    source = "measured by the search" if fidelity == "measured" else f"that of {fidelity}"
    parts = [
        "<h2>On in-memory-computing hardware</h2>\n<p>Costs are those of "
        f"<code>{escape(placed[0]['technology'])}</code>, computed and not measured; quality in "
        f"the first two figures is {escape(source)}.</p>",
        section(
            figure_hardware_fronts(trials, metric),
            "Each front is that of quality and this one cost.",
            height=420,
        ),
        section(
            figure_parallel(trials, metric),
            "A line is a trial; costs are on log scales. Drag along an axis to pick trials.",
            height=420,
        ),
        _hardware_table(placed),
    ]
    for position, model in enumerate(placed):
        rows = 150 + 24 * len(model["nodes"])
        figures = pair(
            section(figure_breakdown(model, "energy_pj"), "One row, alone.", height=rows),
            section(figure_breakdown(model, "area_mm2"), "Tiles by crossbars.", height=rows),
        )
        # A model without a static weight has nothing to place.
        placement = (
            section(
                figure_placement(model),
                "A frame is a tile, a square a crossbar; full is the share of cells that hold "
                "weights.",
                height=420,
            )
            if any(node["crossbars"] for node in model["nodes"])
            else ""
        )
        opened = " open" if position == 0 else ""
        parts.append(
            f"<details{opened}><summary><b>Model {model['rank']}</b>: {_knobs(model)}</summary>"
            f"{figures}{placement}</details>"
        )
    return "\n".join(parts)


def _hardware_table(placed: Sequence[Mapping[str, Any]]) -> str:
    names = [name for name in COST_TITLES if name in placed[0]["costs"]]
    head = "".join(f"<th>{escape(COST_TITLES[name])}</th>" for name in names)
    rows = "".join(
        f"<tr><td>model {model['rank']}</td>"
        + "".join(f"<td>{count(model['costs'][name])}</td>" for name in names)
        + "</tr>"
        for model in placed
    )
    return f"<div class='scroll'><table><tr><th>model</th>{head}</tr>{rows}</table></div>"


def _knobs(model: Mapping[str, Any]) -> str:
    knobs = model["knobs"].items()
    shared = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in knobs)
    return escape(shared or "the default hardware")
