"""The report's second part: how far the rankings can be trusted."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from dagsmith.search.figure_style import JOINT_TITLES
from dagsmith.search.progress_figures import figure_predicted_measured, figure_rank_by_round
from dagsmith.search.rank_figures import comparable, figure_rank_by_component
from dagsmith.search.report_parts import pair, section
from dagsmith.search.result_figures import figure_rank_joints
from dagsmith.search.trial_record import TrialRecord


def ranking_part(result: Mapping[str, Any], trials: Sequence[TrialRecord], metric: str) -> str:
    """Every joint's rank correlation, by round and by component."""
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
