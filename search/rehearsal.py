"""Proposals of Optuna's own samplers, asked on a copy of the record in memory.

Each parameter that a study suggests is a transaction of its storage; forty slots on SQLite cost
more than the sampler itself. On a copy in memory they cost nothing, a duplicate can be answered
and asked again, and what is proposed depends on the record and the seed alone, so that an
interrupted search goes on as it would have.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from dagsmith.search.quiet import quiet
from dagsmith.search.random_search import filled_up
from dagsmith.search.record import COST, RecordReader, evaluated
from dagsmith.search.sampler import Proposals
from dagsmith.search.surrogate import CostLimit
from dagsmith.space import Genotype

_TRIES = 20


@dataclass(frozen=True)
class Rehearsed:
    """Proposals, and the notes that the sampler made on each (an NSGA-II generation, say).

    Args:
        proposals: what to evaluate.
        notes: system attributes per proposal; the sampler expects them on the trials later.
    """

    proposals: Proposals
    notes: tuple[dict[str, Any], ...]


def rehearse(
    sampler: BaseSampler,
    reader: RecordReader,
    trials: Sequence[FrozenTrial],
    directions: Sequence[StudyDirection],
    count: int,
    rng: np.random.Generator,
    limits: Sequence[CostLimit] = (),
) -> Rehearsed:
    """Ask `sampler` for `count` architectures that were not evaluated before.

    A proposal whose architecture is known is answered with its known values, in the copy, and asked
    again; after 20 answers per proposal the last one is mutated until it is new. Where its mutants
    are all known the rest is drawn at random: another part of the space may have more to offer.

    Args:
        sampler: a fresh sampler of Optuna.
        reader: reads trials of the space.
        trials: the record; those without all slots are left out.
        directions: of the study.
        count: how many proposals are wanted.
        rng: source of randomness for mutations and random proposals.
        limits: on costs; Optuna's samplers see them as constraints on the trials so far.
    """
    space = reader.space
    with quiet("optuna"):
        copy = optuna.create_study(directions=list(directions), sampler=sampler)
    known: dict[str, FrozenTrial] = {}
    for trial in trials:
        genotype = reader.genotype(trial.params)
        if genotype is None or not (evaluated(trial) or trial.state == TrialState.RUNNING):
            continue
        known[reader.key(genotype, trial.user_attrs)] = trial
        copy.add_trial(
            optuna.create_trial(
                state=trial.state,
                values=trial.values,
                params={slot.name: trial.params[slot.name] for slot in space.slots},
                distributions={slot.name: trial.distributions[slot.name] for slot in space.slots},
                system_attrs=dict(trial.system_attrs),
                constraints=_constraints(trial, limits),
            )
        )
    distributions: dict[str, BaseDistribution] = dict(space.distributions())
    genotypes: list[Genotype] = []
    keys: list[str] = []
    notes: list[dict[str, Any]] = []
    taken = set(known)
    repeats = 0
    while len(keys) < count:
        asked = copy.ask(distributions)
        genotype = space.from_params(asked.params)
        key = reader.key(genotype)
        if key in taken and repeats < _TRIES * count:
            repeats += 1
            _answer(copy, asked, known.get(key))
            continue
        for attempt in range(_TRIES):
            if key not in taken:
                break
            genotype = space.mutate(genotype[None], rng, 1 + attempt // 4)[0]
            key = reader.key(genotype)
        if key in taken:
            break
        taken.add(key)
        genotypes.append(genotype)
        keys.append(key)
        notes.append(dict(copy.get_trials(deepcopy=False)[asked.number].system_attrs))
    table = np.array(genotypes, np.int16).reshape(len(genotypes), len(space.slots))
    found = filled_up(space, frozenset(known), Proposals(table, tuple(keys)), count, rng)
    return Rehearsed(found, (*notes, *({} for _ in found.keys[len(keys) :])))


def _constraints(trial: FrozenTrial, limits: Sequence[CostLimit]) -> dict[str, float] | None:
    """How far a trial is beyond each limit, in factors of e: at most 0 is feasible."""
    if not limits or any(COST + limit.cost not in trial.user_attrs for limit in limits):
        return None
    values = [float(trial.user_attrs[COST + limit.cost]) for limit in limits]
    return {
        limit.cost: math.log(max(value, 1e-300) / limit.limit)
        for value, limit in zip(values, limits, strict=True)
    }


def _answer(copy: optuna.Study, asked: optuna.Trial, known: FrozenTrial | None) -> None:
    """Tell the copy what is known of a repeated proposal, or that it leads nowhere."""
    try:
        if known is not None and known.state == TrialState.COMPLETE:
            copy.tell(asked, known.values)
        else:
            copy.tell(asked, state=TrialState.FAIL)
    except RuntimeError:
        # Brute force calls study.stop() when it has seen all, which only optimize() allows.
        return
