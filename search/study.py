"""The study: the only record of a search, and what it was made for."""

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import optuna
from optuna.storages import BaseStorage

from dagsmith.search.errors import StudyError
from dagsmith.search.objectives import Direction, Objective
from dagsmith.search.quiet import quiet
from dagsmith.search.storage import open_storage
from dagsmith.space import SearchSpace
from dagsmith.space.kind_documents import kinds_to_list

SCHEMA = 1
"""Version of how trials are written; a study of another version is refused."""

MADE_FOR = "dagsmith"
"""Study attribute that says what the study was made for."""
KINDS = "dagsmith.kinds"
"""Study attribute that holds the component kinds, for those who read a study without its space."""
SCORED = "dagsmith.scored"
"""Study attribute that says by which settings its trials are scored."""


def open_study(
    storage: str | Path | BaseStorage,
    name: str,
    space: SearchSpace,
    objectives: Sequence[Objective],
    *,
    context: Mapping[str, str] | None = None,
) -> optuna.Study:
    """Create the study, or load it and check that it was made for the same search.

    Args:
        storage: a file (SQLite), a URL, or a storage of Optuna.
        name: of the study.
        space: its search space; recorded by name and by a digest of its slots.
        objectives: the values of its trials.
        context: whatever else must be the same to go on, such as ``{"data": fingerprint}``.

    Raises:
        StudyError: a storage that cannot be reached; a study that was made for another space,
            other objectives or another context (both are named).
    """
    if not objectives:
        raise StudyError("a study needs at least one objective")
    wanted = _made_for(space, objectives, context or {})
    opened = open_storage(storage)
    with quiet("optuna"):
        study = optuna.create_study(
            storage=opened,
            study_name=name,
            directions=[objective.direction for objective in objectives],
            load_if_exists=True,
        )
    found = study.user_attrs.get(MADE_FOR)
    if found is None:
        if study.get_trials(deepcopy=False):
            raise StudyError(
                f"study {name!r} has trials that dagsmith did not make; choose another name"
            )
        found = {"objectives": [f"value:{d.name.lower()}" for d in study.directions]}
        if [text.split(":")[1] for text in found["objectives"]] != [
            objective.direction for objective in objectives
        ]:
            _refuse(name, found, {"objectives": wanted["objectives"]})
        study.set_user_attr(KINDS, kinds_to_list(space.kinds))
        # One attribute, so that a crash cannot leave half of it.
        study.set_user_attr(MADE_FOR, wanted)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names([objective.name for objective in objectives])
        return study
    _refuse(name, found, wanted)
    if not study.user_attrs.get(KINDS):
        study.set_user_attr(KINDS, kinds_to_list(space.kinds))
    return study


def keep_scoring(study: optuna.Study, settings: Mapping[str, object]) -> None:
    """Record how trials are scored, or check that it is as it was.

    Unlike what `open_study` checks this may differ between studies that a predictor learns from
    together; within one, scores are ranked against each other. A study of an earlier version says
    nothing of it, and is taken as it is.

    Args:
        study: of `open_study`.
        settings: what decides a score, by name, JSON-ready.

    Raises:
        StudyError: trials were scored by others; the first that differs is named.
    """
    found = study.user_attrs.get(SCORED)
    if isinstance(found, Mapping):
        known = {name: value for name, value in settings.items() if name in found}
        _refuse(study.study_name, found, known)
    elif not study.get_trials(deepcopy=False):
        study.set_user_attr(SCORED, dict(settings))


def study_objectives(study: optuna.Study) -> tuple[Objective, ...]:
    """The objectives as `open_study` wrote them, or by the study's metric names."""
    written = study.user_attrs.get(MADE_FOR)
    if isinstance(written, Mapping) and "objectives" in written:
        costs = set(written.get("costs", ()))
        parts = [str(text).rpartition(":") for text in written["objectives"]]
        return tuple(Objective(n, _direction(d), n in costs) for n, _, d in parts)
    count = len(study.directions)
    names = study.metric_names or (
        ["value"] if count == 1 else [f"value{index}" for index in range(count)]
    )
    return tuple(
        Objective(name, _direction(direction.name.lower()))
        for name, direction in zip(names, study.directions, strict=True)
    )


def slots_digest(space: SearchSpace) -> str:
    """Digest of what a genotype means: slots, choices, and what three probes decode to."""
    slots = [[slot.name, list(slot.choices)] for slot in space.slots]
    sizes = space.slot_sizes
    probes = [space.decode(g.astype(np.int16)).key for g in (sizes * 0, sizes // 2, sizes - 1)]
    return hashlib.sha256(json.dumps([slots, probes]).encode()).hexdigest()[:16]


def _made_for(
    space: SearchSpace, objectives: Sequence[Objective], context: Mapping[str, str]
) -> dict[str, object]:
    made_for: dict[str, object] = {
        "schema": SCHEMA,
        "space": space.name,
        "slots": slots_digest(space),
        "objectives": [str(objective) for objective in objectives],
        "costs": [objective.name for objective in objectives if objective.cost],
    }
    for key, value in context.items():
        if key in made_for:
            raise StudyError(f"context {key!r} is recorded by itself; choose another name for it")
        made_for[key] = str(value)
    return made_for


def _refuse(name: str, found: Mapping[str, object], wanted: Mapping[str, object]) -> None:
    for key, value in wanted.items():
        if found.get(key) != value:
            was = found.get(key, "nothing recorded")
            raise StudyError(
                f"study {name!r} was made with {key} {was!r}, not {value!r}; "
                "choose another study name or storage"
            )


def _direction(text: str) -> Direction:
    return "maximize" if text == "maximize" else "minimize"
