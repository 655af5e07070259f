"""A trial in words, as Markdown: what was measured, what had been predicted, what it costs."""

from optuna.trial import FrozenTrial

from dagsmith.search.component_ranking import components
from dagsmith.search.record import (
    FAILURE,
    FIDELITY,
    KEY,
    PREDICTED,
    PREDICTED_STD,
    ROUND,
    SECONDS,
    SEED,
)
from dagsmith.search.trials import Trials


def trial_note(trial: FrozenTrial, trials: Trials) -> str:
    """The note of a finished trial.

    Args:
        trial: one of `trials`.
        trials: of the study.
    """
    attributes = trial.user_attrs
    kinds = sorted(
        (name, count)
        for name, count in components(trials.architecture(trial)).items()
        if "." not in name
    )
    parts = ", ".join(f"{count} {name}" for name, count in kinds)
    lines = [f"**Architecture** `{str(attributes.get(KEY, ''))[:12]}`: {parts}", ""]
    if attributes.get(FAILURE):
        lines += [f"**Failed**: {attributes[FAILURE]}", ""]
    metrics, costs = trials.metrics(trial), trials.costs(trial)
    predicted = [name.removeprefix(PREDICTED) for name in attributes if name.startswith(PREDICTED)]
    names = dict.fromkeys([*metrics, *(name for name in predicted if name not in costs)])
    lines += ["| | value | predicted before |", "|---|---|---|"]
    lines += [_row(trial, name, metrics.get(name)) for name in names]
    lines += [f"| {name} | {value:,.6g} | |" for name, value in costs.items()]
    lines.append("")
    lines.append(_how(trial))
    return "\n".join(lines)


def _row(trial: FrozenTrial, name: str, value: float | None) -> str:
    mean = trial.user_attrs.get(PREDICTED + name)
    std = trial.user_attrs.get(PREDICTED_STD + name)
    said = "" if mean is None else f"{mean:.5g}" + ("" if std is None else f" ± {std:.2g}")
    return f"| {name} | {'' if value is None else f'{value:.6g}'} | {said} |"


def _how(trial: FrozenTrial) -> str:
    attributes = trial.user_attrs
    how = f"Fidelity `{attributes.get(FIDELITY) or 'unknown'}`"
    if SECONDS in attributes:
        how += f", {attributes[SECONDS]:.3g} s"
    if SEED in attributes:
        how += f", seed {attributes[SEED]}"
    return f"{how}; round {attributes.get(ROUND, 'none')}."
