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

from dagsmith.search.figure_style import (
    JOINT_TITLES,
    duration,
    larger_is_better,
    model_title,
)
from dagsmith.search.hardware_report import hardware_part
from dagsmith.search.progress_figures import (
    figure_predicted_measured,
    figure_progress,
    figure_rank_by_round,
)
from dagsmith.search.rank_figures import comparable, figure_rank_by_component
from dagsmith.search.report_parts import count, number, pair, section
from dagsmith.search.result_figures import (
    figure_models,
    figure_pareto,
    figure_rank_joints,
    figure_seconds,
)
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
            _summary(result, title),
            _models(result, trials, metric),
            _ranking(result, trials, metric),
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


def _summary(result: Mapping[str, Any], title: str) -> str:
    search = result["search"]
    head = (
        f"<h1>{escape(title)}</h1>\n<p class='muted'>Architecture search with "
        f"{escape(search['sampler'])} over {search['complete']} evaluated architectures"
        + (f" ({search['failed']} failed)" if search["failed"] else "")
        + f", {duration(result['seconds']['total'])} in all.</p>"
    )
    cards = []
    if result["models"]:
        best = result["models"][0]
        head += f"<p>{_verdict(result)}</p>"
        cards += [
            (number(best["test"]["logloss"]), "test log loss of model 1"),
            (number(best["test"]["auc"]), "its test AUC"),
            (count(best["parameters"]), "its parameters"),
            (count(best["flops"]), "its FLOPs per row"),
        ]
    for row in result["rank_correlation"]:
        if row["metric"] == "kendall_tau" and row["value"] is not None:
            about = f"Kendall τ, {JOINT_TITLES[row['joint']]} (n = {row['n']})"
            cards.append((f"{row['value']:.2f}", about))
    boxes = "".join(f"<div class='card'><b>{b}</b><span>{escape(s)}</span></div>" for b, s in cards)
    return f"{head}\n<div class='cards'>{boxes}</div>"


def _verdict(result: Mapping[str, Any]) -> str:
    """One sentence: the best model against the limit of the data and the best hand-made model."""
    best = result["models"][0]["test"]["logloss"]
    if best is None:
        return "The best model has no test log loss; the table says why."
    text = f"Model 1 reaches a test log loss of <b>{best:.4f}</b>"
    limit = result["dataset"].get("bayes_logloss")
    if limit is not None:
        text += f"; the data's Bayes limit is {limit:.4f}"
    rivals = [b for b in result.get("baselines", []) if b["test"]["logloss"] is not None]
    if rivals:
        rival = min(rivals, key=lambda b: float(b["test"]["logloss"]))
        text += (
            f"; the best hand-made model, {escape(model_title(rival['name']))}, trained by the "
            f"same recipe with a penalty of its own, reaches {rival['test']['logloss']:.4f} "
            f"with {count(rival['flops'])} FLOPs per row"
        )
    return text + "."


def _models(result: Mapping[str, Any], trials: Sequence[TrialRecord], metric: str) -> str:
    corner = "Upper" if larger_is_better(metric) else "Lower"
    if not result["models"]:
        return "<h2>Models</h2><p>No architecture was trained from scratch.</p>"
    return (
        "<h2>Models</h2>\n<p>Each was trained from scratch; figures are means over the training "
        "seeds. FLOPs are multiply-accumulates per row.</p>\n"
        + _model_table(result)
        + pair(
            section(
                figure_models(result, metric),
                "Hand-made models: the same parts and recipe, an embedding penalty of their own.",
                height=150 + 34 * (len(result["models"]) + len(result.get("baselines", []))),
            ),
            section(
                figure_pareto(result, trials, metric),
                f"{corner} left is better. The numbers in the circles are the models' ranks.",
                height=440,
            ),
        )
    )


def _origin(model: Mapping[str, Any]) -> str:
    """Where a model comes from, if the search did not choose it."""
    if "name" in model:
        return f" ({model_title(model['name'])}, hand-made)"
    return "" if model.get("finalist", True) else " (drawn from the evaluated)"


def _model_table(result: Mapping[str, Any]) -> str:
    head = (
        "<tr class='groups'><th></th><th colspan='2'>cost</th><th colspan='2'>test</th>"
        "<th colspan='2'>validation</th><th>search</th><th>predictor</th><th></th></tr>"
        "<tr><th>model</th><th>parameters</th><th>FLOPs</th><th>log loss</th><th>AUC</th>"
        "<th>log loss</th><th>AUC</th><th>log loss</th><th>predicted</th><th>seeds</th></tr>"
    )
    rows = []
    reasons = []
    named = [(f"model {m['rank']}{_origin(m)}", m, "") for m in result["models"]]
    named += [(model_title(b["name"]), b, " class='hand'") for b in result.get("baselines", [])]
    for name, model, mark in named:
        predicted = model.get("predictor") or {}
        cells = [
            escape(name),
            count(model["parameters"]),
            count(model["flops"]),
            number(model["test"]["logloss"]),
            number(model["test"]["auc"]),
            number(model["valid"]["logloss"]),
            number(model["valid"]["auc"]),
            number((model.get("supernet") or {}).get("logloss")),
            number(predicted.get("mean"))
            + (f" ± {predicted['std']:.4f}" if predicted.get("std") is not None else ""),
            str(len(model.get("seeds", [])) or ""),
        ]
        rows.append(f"<tr{mark}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        reasons += [
            f"{name}, {split}: {reason}"
            for split in ("valid", "test")
            for reason in (model[split].get("reasons") or {}).values()
        ]
    notes = "".join(f"<p class='caption'>{escape(reason)}</p>" for reason in dict.fromkeys(reasons))
    return f"<div class='scroll'><table>{head}{''.join(rows)}</table></div>{notes}"


def _ranking(result: Mapping[str, Any], trials: Sequence[TrialRecord], metric: str) -> str:
    rows = result["rank_correlation"]
    missing = [
        f"{JOINT_TITLES.get(row['joint'], row['joint'])}: {row['reason']}"
        for row in rows
        if row["value"] is None and row["metric"] == "kendall_tau"
    ]
    notes = "".join(f"<p class='caption'>Not measured: {escape(text)}.</p>" for text in missing)
    predicted = [t for t in trials if t["predicted_mean"] is not None and t["state"] == "complete"]
    sections = []
    if any(row["value"] is not None for row in rows):
        sections.append(
            section(
                figure_rank_joints(rows),
                "1 is a perfect ranking, 0 is chance. From-scratch joints are measured on every "
                "architecture that this run trained from scratch.",
                height=300,
            )
        )
    if any(r["value"] is not None for r in result["rounds"]):
        sections.append(
            section(
                figure_rank_by_round(result["rounds"]),
                "Later rounds compare better and more similar architectures, which is harder.",
            )
        )
    if predicted:
        sections.append(
            section(
                figure_predicted_measured(predicted, metric),
                "Every prediction was recorded before its architecture was evaluated.",
            )
        )
    compared = comparable(result.get("components", []))
    if compared:
        sections.append(
            section(
                figure_rank_by_component(compared),
                "The predictor's ranking among the trials that have a component, against the rest; "
                "the worst ranked first. Some of many differ by chance, and components that come "
                "together cannot be told apart.",
                height=130 + 44 * min(len(compared), 16),
            )
        )
    table = _correlation_table(rows)
    if table:
        sections.append(table)
    return (
        "<h2>How far the rankings can be trusted</h2>\n"
        "<p>A search is only as good as its ranking: the predictor's of what the search measures, "
        f"and that one's of what training from scratch gives.</p>{notes}\n{pair(*sections)}"
    )


def _correlation_table(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = "".join(
        f"<tr><td>{escape(JOINT_TITLES.get(r['joint'], r['joint']))}</td>"
        f"<td class='left'>{escape(r['metric'].replace('_', ' '))}</td><td>{r['value']:.3f}</td>"
        f"<td>{r['low']:.3f} to {r['high']:.3f}</td><td>{r['n']}</td></tr>"
        for r in rows
        if r["value"] is not None
    )
    if not cells:
        return ""
    return (
        "<h3>All rank metrics</h3><p class='caption'>n is the number of architectures compared.</p>"
        "<div class='scroll'><table>"
        "<tr><th>joint</th><th class='left'>metric</th><th>value</th>"
        "<th>95 % interval</th><th>n</th></tr>"
        f"{cells}</table></div>"
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
