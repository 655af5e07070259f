"""The tables and the figure of `samplers.py`, from its records."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from dagsmith.search.figure_style import BLUE, GREEN, INK, MUTED, ORANGE, PALE, RED

Record = Mapping[str, Any]
AT = (20, 30, 40, 50, 75, 100, 150)
"""Evaluations after which the regret is shown."""
LEVELS = (3.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.0)
"""Regrets of which it is shown how many evaluations they take."""
LEVEL = 0.95
RESAMPLES = 2000
LOOKS = {
    "random": ("random", PALE, "solid"),
    "local": ("local search", GREEN, "dot"),
    "evolution": ("regularized evolution", GREEN, "solid"),
    "nsga2": ("NSGA-II", MUTED, "dash"),
    "tpe": ("TPE", ORANGE, "solid"),
    "tpe-univariate": ("TPE, univariate", ORANGE, "dot"),
    "gp": ("GP", RED, "solid"),
    "mh-walk": ("MH-ES without predictor", INK, "dot"),
    "mh": ("MH-ES with the GNN", BLUE, "dash"),
    "mh-often": ("MH-ES with the GNN, refitted every 2", BLUE, "solid"),
}
MH = ("mh", "mh-often")
OPTUNA = ("nsga2", "tpe", "tpe-univariate", "gp")


def curves(records: Sequence[Record], sampler: str) -> NDArray[np.float64]:
    """Regret after each evaluation, ``[seeds, trials]``; the last value stands to the end."""
    rows = []
    for record in sorted(records, key=lambda record: record["seed"]):
        if record["sampler"] == sampler:
            regret = record["regret"]
            rows.append(regret + [regret[-1]] * (record["trials"] - len(regret)))
    return np.array(rows)


def evaluations_to(table: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Evaluations until the regret is at most `level`, ``[seeds]``; infinite where it never is."""
    reached = table <= level
    first = reached.argmax(axis=1) + 1.0
    return np.where(reached.any(axis=1), first, np.inf)


def median_interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """The median and its bootstrap interval; infinite values count as larger than all others."""
    rng = np.random.default_rng(0)
    drawn = values[rng.integers(0, len(values), (RESAMPLES, len(values)))]
    # Not the mean of the two in the middle: one of them may be infinite.
    medians = np.sort(drawn, axis=1)[:, (len(values) - 1) // 2]
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.sort(medians)[[int(tail * RESAMPLES), int((1.0 - tail) * RESAMPLES) - 1]]
    return float(np.sort(values)[(len(values) - 1) // 2]), float(low), float(high)


def summary(records: Sequence[Record]) -> dict[str, Any]:
    """Medians and intervals by truth and sampler."""
    found: dict[str, Any] = {}
    for truth in dict.fromkeys(record["truth"] for record in records):
        own = [record for record in records if record["truth"] == truth]
        part: dict[str, Any] = {}
        for sampler in (name for name in LOOKS if any(r["sampler"] == name for r in own)):
            table = curves(own, sampler)
            mine = [r for r in own if r["sampler"] == sampler]
            trials = table.shape[1]
            budgets = [*(n for n in AT if n < trials), trials]
            part[sampler] = {
                "settings": mine[0]["settings"],
                "seeds": len(table),
                "regret": {n: median_interval(table[:, n - 1]) for n in budgets},
                "evaluations": {
                    level: median_interval(evaluations_to(table, level)) for level in LEVELS
                },
                "found_best": float((table[:, -1] == 0).mean()),
                "processor_seconds": float(np.median([r["processor_seconds"] for r in mine])),
            }
        found[truth] = {"optimum": own[0]["optimum"], "units": own[0]["units"], "samplers": part}
    return found


def markdown(found: Mapping[str, Any]) -> str:
    """Everything as tables."""
    parts = ["# Samplers", "Medians over the seeds [95 % bootstrap interval of the median]."]
    for truth, about in found.items():
        parts.append(f"## {truth}: optimum {about['optimum']:.2f}, regret in {about['units']}")
        samplers = about["samplers"]
        budgets = list(next(iter(samplers.values()))["regret"])
        parts.append(
            _table(
                ["regret after", *map(str, budgets), "seeds", "s per search"],
                [
                    [
                        LOOKS[name][0],
                        *(_interval(value, 2) for value in row["regret"].values()),
                        str(row["seeds"]),
                        f"{row['processor_seconds']:.1f}",
                    ]
                    for name, row in samplers.items()
                ],
            )
        )
        parts.append(
            _table(
                ["evaluations to a regret of", *map(str, LEVELS), "best found"],
                [
                    [
                        LOOKS[name][0],
                        *(_interval(value, 0) for value in row["evaluations"].values()),
                        f"{100 * row['found_best']:.0f} %",
                    ]
                    for name, row in samplers.items()
                ],
            )
        )
        for mine in (name for name in MH if name in samplers):
            head = [f"{LOOKS[mine][0]} needs fewer than", *map(str, LEVELS)]
            parts.append(_table(head, _ratios(samplers, mine)))
    return "\n\n".join(parts) + "\n"


def _ratios(samplers: Mapping[str, Any], name: str) -> list[list[str]]:
    """How many times more evaluations others need for the same regret, by their medians."""
    rows = []
    mine = samplers[name]["evaluations"]
    groups = {
        "the best sampler of Optuna, by": [name for name in OPTUNA if name in samplers],
        "TPE, by": [name for name in ("tpe",) if name in samplers],
        "regularized evolution, by": [name for name in ("evolution",) if name in samplers],
        "local search, by": [name for name in ("local",) if name in samplers],
    }
    for title, names in groups.items():
        if names:
            cells = []
            for level in LEVELS:
                best = min(samplers[name]["evaluations"][level][0] for name in names)
                own = mine[level][0]
                cells.append(
                    "—" if np.isinf(own) else "never" if np.isinf(best) else f"{best / own:.1f}"
                )
            rows.append([title, *cells])
    return rows


def draw(found: Mapping[str, Any], records: Sequence[Record]) -> go.Figure:
    """Median regret against evaluations, one panel per truth, with intervals as bands."""
    figure = make_subplots(
        rows=1, cols=len(found), subplot_titles=list(found), horizontal_spacing=0.08
    )
    for column, (truth, about) in enumerate(found.items(), 1):
        own = [record for record in records if record["truth"] == truth]
        for name in about["samplers"]:
            title, colour, dash = LOOKS[name]
            table = curves(own, name)
            x = np.arange(1, table.shape[1] + 1)
            middle, low, high = np.array([median_interval(row) for row in table.T]).T
            figure.add_scatter(
                x=np.concatenate([x, x[::-1]]),
                y=np.concatenate([high, low[::-1]]),
                fill="toself",
                fillcolor=colour,
                opacity=0.12,
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                row=1,
                col=column,
            )
            figure.add_scatter(
                x=x,
                y=middle,
                name=title,
                legendgroup=name,
                showlegend=column == 1,
                line={"color": colour, "dash": dash, "width": 3 if name in MH else 2},
                row=1,
                col=column,
            )
        # The first draws say nothing of a sampler, and would take most of the axis.
        top = max(next(iter(row["regret"].values()))[0] for row in about["samplers"].values())
        figure.update_yaxes(
            title={"text": f"regret, {about['units']}"}, range=[0, 1.3 * top], row=1, col=column
        )
    figure.update_xaxes(title={"text": "architectures evaluated"})
    figure.update_layout(
        template="simple_white",
        height=520,
        title={"text": "Best found, median over the seeds with its 95 % interval"},
    )
    return figure


def write(records: Sequence[Record], out: Path) -> list[Path]:
    """Write the tables, the figure and the numbers."""
    found = summary(records)
    files = [out / f"samplers.{ending}" for ending in ("md", "json", "html")]
    files[0].write_text(markdown(found))
    files[1].write_text(json.dumps(found, indent=2) + "\n")
    draw(found, records).write_html(files[2], config={"displayModeBar": False})
    return files


def _interval(value: tuple[float, float, float], digits: int) -> str:
    middle, low, high = (
        "never" if np.isinf(number) else f"{number:.{digits}f}" for number in value
    )
    return f"{middle} [{low}, {high}]"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
