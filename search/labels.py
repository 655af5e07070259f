"""What several studies have measured, as one list that a predictor can learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from dagsmith.data.kind_inference import infer_kinds
from dagsmith.search.errors import SearchError, StudyError
from dagsmith.search.objectives import Objective
from dagsmith.search.record import ARCHITECTURE, FIDELITY, KEY, PREDICTED, SEED
from dagsmith.search.study import KINDS, MADE_FOR, study_objectives
from dagsmith.space import Architecture, ArchitectureError, Vocabulary
from dagsmith.space.errors import nearest
from dagsmith.space.kind_documents import kinds_from_list, merge_kinds

_NO_CONTEXT = ("schema", "space", "slots", "objectives", "costs")
"""What two studies may differ in and still measure the same."""


@dataclass(frozen=True, slots=True)
class Label:
    """One evaluated architecture.

    Args:
        study: name of the study.
        trial: number of the trial.
        key: canonical key.
        architecture: what was evaluated.
        value: what was measured.
        forecast: what the search had predicted before, or None.
        seed: of the evaluation, or None.
        finished: when.
    """

    study: str
    trial: int
    key: str
    architecture: Architecture
    value: float
    forecast: float | None
    seed: int | None
    finished: datetime


@dataclass(frozen=True)
class Labels:
    """All labels of some studies, oldest first.

    Args:
        kinds: component kinds of all their spaces.
        objective: what was measured.
        fidelity: how it was measured.
        rows: the labels.
        context: on what, as the studies say it: the fingerprint of the data under ``"data"``, and
            whatever else was given to `open_study`. Empty if they say nothing.
    """

    kinds: Vocabulary
    objective: Objective
    fidelity: str
    rows: tuple[Label, ...]
    context: Mapping[str, str]


def read_labels(
    studies: Sequence[optuna.Study], objective: str | None = None, fidelity: str | None = None
) -> Labels:
    """Read the completed trials of studies whose spaces share component kinds.

    Running, failed and interrupted trials, values that are not finite, and trials without an
    architecture (which dagsmith did not write) are left out.

    Args:
        studies: from `open_study`, or loaded by name.
        objective: which value; the first that is measured, if None.
        fidelity: take only evaluations of this fidelity; by default all must have the same.

    Raises:
        StudyError: no study; a study without architectures; studies of different data, whose
            values mean different things; evaluations of several fidelities.
        SearchError: an objective that a study lacks, or has in another direction.
        ArchitectureError: spaces whose kinds are not the same.
    """
    if not studies:
        raise StudyError("no study to learn from; expected at least one")
    context = _same_context(studies)
    chosen = _objective(studies[0], objective)
    rows: list[Label] = []
    fidelities: set[str] = set()
    for study in studies:
        other = _objective(study, chosen.name)
        if other.direction != chosen.direction:
            raise SearchError(
                f"study {study.study_name!r} has {other}, study {studies[0].study_name!r} {chosen}"
            )
        column = [each.name for each in study_objectives(study)].index(chosen.name)
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        known = [trial for trial in trials if ARCHITECTURE in trial.user_attrs]
        if trials and not known:
            raise StudyError(
                f"study {study.study_name!r} has {len(trials)} completed trials, but none with an "
                "architecture; expected a study that a search of dagsmith wrote"
            )
        for trial in known:
            found = str(trial.user_attrs.get(FIDELITY, ""))
            if fidelity in (None, found) and np.isfinite(trial.values[column]):
                fidelities.add(found)
                rows.append(_label(study.study_name, trial, column, chosen.name))
    if len(fidelities) > 1:
        raise StudyError(
            f"the trials were evaluated in {len(fidelities)} ways ({', '.join(sorted(fidelities))})"
            "; choose one fidelity"
        )
    rows.sort(key=lambda row: (row.finished, row.study, row.trial))
    kinds = _kinds(studies, rows)
    return Labels(kinds, chosen, min(fidelities, default=fidelity or ""), tuple(rows), context)


def made_for(study: optuna.Study) -> dict[str, Any]:
    """What a study says it was made for (`open_study`); empty if it says nothing."""
    written = study.user_attrs.get(MADE_FOR)
    return dict(written) if isinstance(written, Mapping) else {}


def _label(study: str, trial: FrozenTrial, column: int, objective: str) -> Label:
    attributes = trial.user_attrs
    try:
        architecture = Architecture.from_json(str(attributes[ARCHITECTURE]))
    except ArchitectureError as error:
        raise StudyError(f"study {study!r}, trial {trial.number}: {error}") from None
    forecast = attributes.get(PREDICTED + objective)
    seed = attributes.get(SEED)
    return Label(
        study,
        trial.number,
        str(attributes.get(KEY) or architecture.key),
        architecture,
        float(trial.values[column]),
        None if forecast is None else float(forecast),
        None if seed is None else int(seed),
        trial.datetime_complete or datetime.min,
    )


def _objective(study: optuna.Study, name: str | None) -> Objective:
    objectives = {each.name: each for each in study_objectives(study)}
    if name is None:
        return next((o for o in objectives.values() if not o.cost), next(iter(objectives.values())))
    if name not in objectives:
        raise SearchError(
            f"study {study.study_name!r} has no objective {name!r}; {nearest(name, objectives)}"
        )
    return objectives[name]


def _same_context(studies: Sequence[optuna.Study]) -> dict[str, str]:
    """What the studies were measured on; on other data, values are no labels of the same target."""
    contexts = [
        {key: str(value) for key, value in made_for(study).items() if key not in _NO_CONTEXT}
        for study in studies
    ]
    first, one = studies[0], contexts[0]
    for study, other in zip(studies[1:], contexts[1:], strict=True):
        for key in dict.fromkeys([*one, *other]):
            if one.get(key) != other.get(key):
                raise StudyError(
                    f"study {first.study_name!r} was made with {key} {one.get(key)!r}, study "
                    f"{study.study_name!r} with {other.get(key)!r}; their values do not compare"
                )
    return one


def _kinds(studies: Sequence[optuna.Study], rows: Sequence[Label]) -> Vocabulary:
    """As the studies declare them; those of older studies are inferred from what they hold."""
    written = [study.user_attrs.get(KINDS) for study in studies]
    declared = [kinds_from_list(documents) for documents in written if documents]
    if len(declared) < len(studies):
        undeclared = {
            study.study_name
            for study, documents in zip(studies, written, strict=True)
            if not documents
        }
        architectures = [row.architecture for row in rows if row.study in undeclared]
        if architectures:
            declared.append(infer_kinds(architectures))
    return merge_kinds(declared)
