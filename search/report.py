"""The report of a search: one HTML file that needs no network and no other file.

It is written from the result document (`docs/result.md`) and the trial records alone, so a report
can be written again at any time, with a newer version of the page. The page opens with what was
found and how far it can be trusted, then shows the way there.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from dagsmith.search.hardware_report import hardware_part
from dagsmith.search.model_report import models_part, summary_part
from dagsmith.search.progress_figures import figure_progress
from dagsmith.search.ranking_report import ranking_part
from dagsmith.search.report_parts import count, number, pair, section
from dagsmith.search.result_figures import figure_seconds
from dagsmith.search.trial_record import TrialRecord
from dagsmith.space import Architecture

# Figures are drawn when the whole page is laid out: drawn earlier, they would take the width that
# their column has before its neighbour exists.
_DRAW = """
for (const box of document.querySelectorAll(".figure")) {
  const figure = JSON.parse(box.querySelector("script").textContent);
  Plotly.newPlot(box, figure.data, figure.layout, {displayModeBar: false, responsive: true});
}
"""

_STYLE = """
:root { --ink:#1f2933; --muted:#66727f; --line:#e0e5ea; --soft:#f5f7f9; --blue:#0072B2; }
* { box-sizing:border-box; }
body { margin:0; color:var(--ink); background:#fff; line-height:1.5;
  font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif; }
main { max-width:1240px; margin:0 auto; padding:28px 24px 64px; }
h1 { font-size:26px; line-height:1.25; margin:0 0 4px; }
h2 { font-size:19px; margin:44px 0 4px; padding-top:18px; border-top:1px solid var(--line); }
h3 { font-size:15px; margin:18px 0 2px; }
p { margin:6px 0; max-width:80ch; }
.muted, .caption { color:var(--muted); }
.caption { font-size:13px; margin:0 0 6px; }
.cards { display:grid; grid-template-columns:repeat(auto-fit,minmax(140px,1fr)); gap:12px;
  margin:18px 0 6px; }
.card { background:var(--soft); border-radius:8px; padding:12px 14px; }
.card b { display:block; font-size:22px; line-height:1.25; font-variant-numeric:tabular-nums; }
.card span { display:block; color:var(--muted); font-size:13px; }
.pair { display:grid; grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));
  gap:8px 28px; }
.pair > section { min-width:0; }
.figure { width:100%; }
.scroll { overflow-x:auto; }
table { border-collapse:collapse; font-variant-numeric:tabular-nums; font-size:14px;
  min-width:60%; }
th, td { padding:6px 12px; text-align:right; white-space:nowrap;
  border-bottom:1px solid var(--line); }
th { color:var(--muted); font-weight:600; }
th:first-child, td:first-child, .left { text-align:left; }
tr.hand td { background:#fdf4ef; }
.groups th { text-align:center; border-bottom:0; padding-bottom:0; }
.drawing { overflow-x:auto; border:1px solid var(--line); border-radius:8px; padding:10px; }
.drawing svg { display:block; margin:0 auto; max-width:none; }
details { margin:10px 0; } summary { cursor:pointer; }
pre { background:var(--soft); padding:12px; border-radius:8px; overflow:auto; font-size:12.5px; }
code { font-size:12.5px; }
dl { display:grid; grid-template-columns:max-content 1fr; gap:4px 18px; margin:8px 0; }
dt { color:var(--muted); } dd { margin:0; overflow-wrap:anywhere; }
@media (max-width:560px) { main { padding:18px 12px 48px; } h1 { font-size:22px; }
  th, td { padding:5px 8px; } dl { grid-template-columns:1fr; gap:0; } dd { margin-bottom:6px; } }
@media print { h2, h3 { break-after:avoid; } }
"""


def write_report(
    path: str | Path, result: Mapping[str, Any], trials: Sequence[TrialRecord]
) -> None:
    """Write the report to `path`, under a temporary name first.

    Args:
        path: the HTML file.
        result: a result document of format ``dagsmith.result/1``.
        trials: the study's finished trials, in order.
    """
    path = Path(path)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(report_html(result, trials), encoding="utf-8")
    unfinished.replace(path)


def report_html(result: Mapping[str, Any], trials: Sequence[TrialRecord]) -> str:
    """The whole report as text; see `write_report`."""
    metric = str(result["search"]["metric"])
    title = f"{result['dataset']['name']} in {result['space']['name']}"
    body = "\n".join(
        [
            summary_part(result, title),
            models_part(result, trials, metric),
            ranking_part(result, trials, metric),
            hardware_part(result, trials, metric),
            _progress(trials, metric),
            _drawings(result),
            _background(result),
        ]
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}: dagsmith report</title>\n<style>{_STYLE}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        f"<script>{_DRAW}</script>\n</body>\n</html>\n"
    )


def _progress(trials: Sequence[TrialRecord], metric: str) -> str:
    return "<h2>The search</h2>\n" + pair(
        section(
            figure_progress(trials, metric),
            "Dotted lines part the rounds: after each, the predictor learns from all so far.",
        ),
        section(
            figure_progress(trials, metric, against="seconds"), "Wall time of the search stage."
        ),
    )


def _drawings(result: Mapping[str, Any]) -> str:
    parts = ["<h2>The architectures</h2>"]
    for position, model in enumerate(result["models"]):
        architecture = Architecture.from_dict(model["architecture"])
        loss = number(model["test"]["logloss"])
        about = (
            f"<b>Model {model['rank']}</b>: test log loss {loss}, {count(model['parameters'])} "
            f"parameters, {count(model['flops'])} FLOPs <code>{escape(model['key'][:12])}</code>"
        )
        picture = f"<div class='drawing'>{architecture.to_svg()}</div>"
        # The winner is shown; the others open on a click, so that the page stays short.
        opened = " open" if position == 0 else ""
        parts.append(f"<details{opened}><summary>{about}</summary>{picture}</details>")
    return "\n".join(parts)


def _background(result: Mapping[str, Any]) -> str:
    dataset, space = result["dataset"], result["space"]
    facts = {
        "data": f"{dataset['name']}: "
        + ", ".join(f"{rows:,} {split}" for split, rows in dataset["rows"].items())
        + " rows",
        "features": f"{dataset['dense_features']} dense, {dataset['sparse_fields']} categorical",
        "fingerprint": dataset["fingerprint"],
        "space": f"{space['name']}: {space['size']:.3g} genotypes, {space['slots']} slots "
        f"({space['counting_rule']})",
        "seeds": ", ".join(f"{name} {value}" for name, value in result["seeds"].items()),
        "versions": ", ".join(f"{name} {value}" for name, value in result["versions"].items()),
        "created": result["created"],
    }
    listed = "".join(f"<dt>{k}</dt><dd>{escape(str(v))}</dd>" for k, v in facts.items())
    settings = "".join(
        f"<tr><td>{escape(key)}</td><td class='left'>{escape(_setting(value))}</td></tr>"
        for key, value in result["configuration"].items()
    )
    return (
        "<h2>Time, data and settings</h2>\n"
        + pair(
            section(figure_seconds(result["seconds"]), "Wall time by stage.", height=320),
            f"<h3>What was run</h3><dl>{listed}</dl>",
        )
        + "<details><summary>All settings</summary><div class='scroll'>"
        f"<table>{settings}</table></div></details>"
    )


def _setting(value: object) -> str:
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
