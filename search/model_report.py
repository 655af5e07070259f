"""The report's first part: what was found, beside what people have made."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from dagsmith.search.figure_style import JOINT_TITLES, duration, larger_is_better, model_title
from dagsmith.search.report_parts import count, number, pair, section
from dagsmith.search.result_figures import figure_models, figure_pareto
from dagsmith.search.trial_record import TrialRecord


def summary_part(result: Mapping[str, Any], title: str) -> str:
    """Heading, one sentence about the best model, and the figures one looks for first."""
    search = result["search"]
    head = (
        f"<h1>{escape(title)}</h1>\n<p class='muted'>Architecture search with "
        f"{escape(search['sampler'])} over {search['complete']} evaluated architectures"
        + (f" ({search['failed']} failed)" if search["failed"] else "")
        + _within(search)
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


def _within(search: Mapping[str, Any]) -> str:
    """Its budgets, and what its predictor knew before; results of before do not say."""
    text = "".join(
        f", {name} at most {count(most)}" for name, most in search.get("limits", {}).items()
    )
    taught = search.get("learned_before")
    return text + (f", with a predictor that knew {escape(', '.join(taught))}" if taught else "")


def _verdict(result: Mapping[str, Any]) -> str:
    """One sentence: the best model against the limit of the data and the best hand-made model."""
    best = result["models"][0]["test"]["logloss"]
    if best is None:
        return "The best model has no test log loss; the table says why."
    text = f"Model 1 reaches a test log loss of <b>{best:.4f}</b>{_alone(result['models'][0])}"
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


def _alone(model: Mapping[str, Any]) -> str:
    """What a taught model reaches as the hand-made ones are trained."""
    return f" (by the labels alone {shown})" if (shown := _untaught(model)) else ""


def models_part(result: Mapping[str, Any], trials: Sequence[TrialRecord], metric: str) -> str:
    """The models beside the hand-made ones: table, figure, Pareto front."""
    corner = "Upper" if larger_is_better(metric) else "Lower"
    if not result["models"]:
        return "<h2>Models</h2><p>No architecture was trained from scratch.</p>"
    return (
        "<h2>Models</h2>\n<p>Each was trained from scratch; figures are means over the training "
        f"seeds. FLOPs are multiply-accumulates per row.{_taught(result)}</p>\n"
        + _model_table(result)
        + pair(
            section(
                figure_models(result, metric),
                "Hand-made models: the same parts and recipe, an embedding penalty of their own."
                if result.get("baselines")
                else "On rows that decided nothing.",
                height=150 + 34 * (len(result["models"]) + len(result.get("baselines", []))),
            ),
            section(
                figure_pareto(result, trials, metric),
                f"{corner} left is better. The numbers in the circles are the models' ranks.",
                height=440,
            ),
        )
    )


def _taught(result: Mapping[str, Any]) -> str:
    """Who was taught by whom, if anybody was."""
    teacher = result.get("teacher")
    if teacher is None:
        return ""
    learned = [str(model["rank"]) for model in result["models"] if model.get("distilled")]
    text = (
        f" The {teacher['members']} trainings of the models have a test log loss of "
        f"{number(teacher['test']['logloss'])} together, at the price of all of them. "
    )
    if not learned:
        return text + "Trained once more from their answers, no model was better (validation rows)."
    models = f"model {learned[0]}" if len(learned) == 1 else f"models {', '.join(learned)}"
    return (
        f"{text}Trained once more from their answers (knowledge distillation), {models} became "
        "better on the validation rows and stand here so; in brackets what the labels alone give."
    )


def _untaught(model: Mapping[str, Any]) -> str:
    """Test log loss of a taught model by the labels alone."""
    alone = model.get("ways", {}).get("alone") if model.get("distilled") else None
    return number(alone["test"]["logloss"]) if alone else ""


def _origin(model: Mapping[str, Any]) -> str:
    """Where a model comes from, if the search did not choose it."""
    if "name" in model:
        return f" ({model_title(model['name'])}, hand-made)"
    return "" if model.get("finalist", True) else " (drawn from the evaluated)"


def _model_table(result: Mapping[str, Any]) -> str:
    taught = any(model.get("distilled") for model in result["models"])
    head = (
        "<tr class='groups'><th></th><th colspan='2'>cost</th><th colspan='2'>test</th>"
        "<th colspan='2'>validation</th><th>search</th><th>predictor</th><th></th></tr>"
        "<tr><th>model</th><th>parameters</th><th>FLOPs</th>"
        f"<th>log loss{' (alone)' if taught else ''}</th><th>AUC</th>"
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
            number(model["test"]["logloss"])
            + (f" ({alone})" if (alone := _untaught(model)) else ""),
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
