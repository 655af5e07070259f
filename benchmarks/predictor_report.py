"""The table and the figure of `predictor.py`, from its records."""

import importlib.util
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from plotly import graph_objects as go
from plotly.subplots import make_subplots
from predictor_protocols import LEVEL, PROTOCOLS, Protocol
from scipy import stats

from dagsmith.search.figure_style import BLUE, GREEN, GRID, INK, MUTED, ORANGE, PALE, RED

Record = Mapping[str, Any]
METRIC_TITLES = {"kendall_tau": "Kendall's tau", "spearman": "Spearman's rho"}
LOOKS = {
    "gnn": (BLUE, "circle"),
    "network": (PALE, "circle"),
    "boosting": (ORANGE, "square"),
    "forest": (GREEN, "diamond"),
    "mlp": (RED, "triangle-up"),
    "gcn": (INK, "cross"),
    "linear": (MUTED, "x"),
    "linear-graph": (MUTED, "circle-open"),
    "transfer": (RED, "star"),
}


def by_seed(
    records: Sequence[Record], protocol: Protocol, predictor: str, labels: int, value: str
) -> list[float]:
    """The mean over the targets for each seed that has all of them."""
    found: dict[int, dict[str, float]] = {}
    for record in records:
        if (record["predictor"], record["labels"]) == (predictor, labels) and value in record:
            found.setdefault(record["seed"], {})[record["target"]] = record[value]
    complete = [seed for seed, values in found.items() if len(values) == len(protocol.parts)]
    return [float(np.mean(list(found[seed].values()))) for seed in sorted(complete)]


def half_interval(values: Sequence[float], confidence: float = 0.95) -> float:
    """Half the width of Student's interval of the mean; NaN for fewer than two values."""
    if len(values) < 2:
        return math.nan
    return half_width(float(np.std(values, ddof=1)), len(values), confidence)


def half_width(deviation: float | None, count: int, confidence: float = 0.95) -> float:
    """The same from the deviation of `count` values; NaN without one."""
    if deviation is None:
        return math.nan
    quantile = stats.t.ppf(0.5 + confidence / 2, count - 1)
    return float(quantile * deviation / math.sqrt(count))


def bars(halves: Sequence[float], colour: str) -> dict[str, Any]:
    """Error bars of these half widths; NaN has none."""
    return {"array": list(halves), "color": colour, "thickness": 1.2, "width": 3}


def markdown(records: Sequence[Record], speed: Mapping[str, str]) -> str:
    """Everything as tables."""
    parts = [
        "# Predictors",
        "Mean over the seeds ± half the 95 % interval of that mean (Student's t); in brackets the "
        "number of seeds. All labels that are spent count. Ranked: all architectures that were "
        "not trained on.",
    ]
    for name, protocol in PROTOCOLS.items():
        own = [record for record in records if record["protocol"] == name]
        if own:
            parts += _section(protocol, own)
    if speed:
        parts += ["## Speed", _table(["", ""], list(speed.items()))]
    return "\n\n".join(parts) + "\n"


def _section(protocol: Protocol, records: Sequence[Record]) -> list[str]:
    tables = {
        METRIC_TITLES[protocol.metric]: (protocol.metric, 3),
        "Kendall's tau over what is isomorphic to no trained architecture": ("kendall_tau_new", 3),
        f"Coverage of {100 * LEVEL:.0f} % intervals": ("coverage", 3),
        "Mean width of these, in standard deviations of the target": ("width", 2),
        "Expected calibration error, levels .05 to .95": ("calibration_error", 3),
        "Processor seconds to fit": ("fit_processor_seconds", 1),
        "Seconds to rank all others": ("predict_seconds", 1),
    }
    parts = [f"## {protocol.title}"]
    spent = {record["labels"] for record in records}
    budgets = [labels for labels in protocol.labels if labels in spent]
    for title, (value, digits) in tables.items():
        if value == "kendall_tau_new" and all(r["ranked_new"] == r["ranked"] for r in records):
            continue
        rows = [
            [predictor, *(_cell(records, protocol, predictor, n, value, digits) for n in budgets)]
            for predictor in _present(records, value)
        ]
        if rows:
            goals = [_number(protocol.goals.get(n, math.nan), 2) for n in budgets]
            if value == protocol.metric and protocol.goals:
                rows.insert(0, ["*to reach*", *goals])
            parts += [f"{title}:", _table(["labels", *map(str, budgets)], rows)]
    if len(protocol.targets) > 1:
        parts += [
            f"{METRIC_TITLES[protocol.metric]}, each target:",
            _targets(protocol, budgets, records),
        ]
    return parts


def _present(records: Sequence[Record], value: str) -> list[str]:
    """The predictors that have this value, in the order of `LOOKS`."""
    having = {record["predictor"] for record in records if value in record}
    return [predictor for predictor in LOOKS if predictor in having]


def _cell(
    records: Sequence[Record],
    protocol: Protocol,
    predictor: str,
    labels: int,
    value: str,
    digits: int,
) -> str:
    values = by_seed(records, protocol, predictor, labels, value)
    if not values:
        return ""
    half = half_interval(values)
    spread = "" if math.isnan(half) else f" ± {_number(half, digits)}"
    return f"{_number(float(np.mean(values)), digits)}{spread} ({len(values)})"


def _targets(protocol: Protocol, budgets: Sequence[int], records: Sequence[Record]) -> str:
    """A row per target, a column per predictor and budget."""
    columns = [
        (predictor, labels)
        for labels in budgets
        for predictor in _present(records, protocol.metric)
    ]
    rows = []
    for target in protocol.targets:
        row = [target]
        for predictor, labels in columns:
            values = [
                record["each"][target]
                for record in records
                if target in record["each"]
                if (record["predictor"], record["labels"]) == (predictor, labels)
            ]
            row.append(_number(float(np.mean(values)), 3) if values else "")
        rows.append(row)
    return _table(["", *(f"{predictor}, {labels}" for predictor, labels in columns)], rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _number(value: float, digits: int) -> str:
    """As the project prints them: ``.761``."""
    if math.isnan(value):
        return ""
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 and digits > 1 else text


def figure(records: Sequence[Record]) -> go.Figure:
    """Rank correlation against labels, one panel per protocol."""
    shown = [
        (protocol, own)
        for name, protocol in PROTOCOLS.items()
        if (own := [record for record in records if record["protocol"] == name])
    ]
    columns = min(2, len(shown))
    panels = make_subplots(
        rows=math.ceil(len(shown) / columns),
        cols=columns,
        subplot_titles=[protocol.title.replace(", ", ",<br>", 1) for protocol, _ in shown],
        vertical_spacing=0.11,
        horizontal_spacing=0.1,
    )
    named: set[str] = set()
    for place, (protocol, own) in enumerate(shown):
        at = {"row": place // columns + 1, "col": place % columns + 1}
        for predictor in _present(own, protocol.metric):
            colour, symbol = LOOKS[predictor]
            points = [
                (labels, values)
                for labels in protocol.labels
                if (values := by_seed(own, protocol, predictor, labels, protocol.metric))
            ]
            panels.add_scatter(
                x=[labels for labels, _ in points],
                y=[np.mean(values) for _, values in points],
                error_y=bars([half_interval(values) for _, values in points], colour),
                name=predictor,
                legendgroup=predictor,
                showlegend=predictor not in named,
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"symbol": symbol, "size": 8},
                **at,
            )
            named.add(predictor)
        if protocol.goals:
            panels.add_scatter(
                x=list(protocol.goals),
                y=list(protocol.goals.values()),
                name="to reach",
                legendgroup="to reach",
                showlegend="to reach" not in named,
                mode="markers",
                marker={"symbol": "line-ew-open", "size": 22, "color": INK, "line": {"width": 2}},
                **at,
            )
            named.add("to reach")
        panels.update_xaxes(
            title="labels",
            type="log",
            tickvals=protocol.labels,
            ticktext=list(map(str, protocol.labels)),
            range=[math.log10(protocol.labels[0] / 1.3), math.log10(protocol.labels[-1] * 1.3)],
            **at,
        )
        panels.update_yaxes(title=METRIC_TITLES[protocol.metric], **at)
    panels.update_layout(
        template="plotly_white",
        font={"color": INK, "size": 13},
        width=1100,
        height=80 + 380 * math.ceil(len(shown) / columns),
        legend={"orientation": "h", "y": -0.04, "yanchor": "top"},
        margin={"t": 70},
    )
    panels.update_annotations(font_size=14)
    panels.update_xaxes(gridcolor=GRID, zeroline=False)
    panels.update_yaxes(gridcolor=GRID, zeroline=False)
    return panels


def write(records: Sequence[Record], speed: Mapping[str, str], out: Path) -> list[Path]:
    """Write ``predictor.md``, ``predictor.html``, and ``predictor.png`` if kaleido is there."""
    texts = {"predictor.md": markdown(records, speed)}
    if records:
        drawn = figure(records)
        texts["predictor.html"] = drawn.to_html(include_plotlyjs=True)
    written = []
    for name, text in texts.items():
        temporary = out / f"{name}.tmp"
        temporary.write_text(text)
        written.append(temporary.replace(out / name))
    if records and importlib.util.find_spec("kaleido"):
        temporary = out / "predictor.tmp.png"
        drawn.write_image(temporary, scale=2)
        written.append(temporary.replace(out / "predictor.png"))
    return written
