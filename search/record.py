"""The record: what a study knows of a space at one moment, as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from dagsmith.search.objectives import signs
from dagsmith.space import Genotype, Genotypes, SearchSpace

CONSTRAINTS = "constraints"
"""System attribute of a trial: Optuna 5 writes ``constraints:NAME``, Optuna 4 wrote a list."""
KEY = "key"
ARCHITECTURE = "architecture"
ROUND = "round"
POSITION = "position"
FIDELITY = "fidelity"
SECONDS = "seconds"
SEED = "seed"
FAILURE = "failure"
INTERRUPTED = "interrupted"
WORKER = "worker"
PREDICTED = "predicted."
PREDICTED_STD = "predicted_std."
COST = "costs."
METRIC = "metrics."
"""User attributes of a trial. Those that end in a dot are followed by an objective's, cost's or
metric's name: ``predicted.logloss``, ``costs.flops``, ``metrics.auc``."""


@dataclass(frozen=True)
class Record:
    """What is known when proposals are made; proposals depend on nothing else.

    Args:
        genotypes: int16 ``[trials, slots]`` of the completed trials, oldest first.
        quality: float64 ``[trials, objectives]``: their values, signed so that higher is better.
        signs: ``[objectives]``: 1 where the study maximizes, -1 where it minimizes.
        seen: canonical keys of all that was evaluated, failed or is being evaluated.
        pending: int16 ``[running, slots]`` of what is being evaluated now; None is nothing.
        constraints: float64 ``[trials, constraints]``: what ``trial.set_constraint`` was told,
            feasible where at most 0; NaN where a trial was told none of that name. None is none.
    """

    genotypes: Genotypes
    quality: NDArray[np.float64]
    signs: NDArray[np.float64]
    seen: frozenset[str]
    pending: Genotypes | None = None
    constraints: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.genotypes)

    @property
    def violation(self) -> NDArray[np.float64]:
        """By how much each trial misses its constraints in sum, ``[trials]``; 0 is feasible.

        As in Optuna, a trial that was told no constraint is feasible.
        """
        if self.constraints is None:
            return np.zeros(len(self))
        total: NDArray[np.float64] = np.maximum(np.nan_to_num(self.constraints), 0.0).sum(axis=1)
        return total

    def with_seen(self, keys: frozenset[str]) -> "Record":
        """The same record with more keys that must not be proposed again."""
        return replace(self, seen=self.seen | keys)


def interrupted(trial: FrozenTrial) -> bool:
    """Whether the trial ended because its process did: nothing is known of its architecture.

    A trial of the search loop that failed by itself carries its reason; one that was failed from
    outside (a stale heartbeat, a dead process) does not.
    """
    return (
        trial.state == TrialState.FAIL
        and ROUND in trial.user_attrs
        and FAILURE not in trial.user_attrs
    )


def evaluated(trial: FrozenTrial) -> bool:
    """Whether the trial counts as an evaluated architecture, successful or not."""
    return trial.state.is_finished() and not interrupted(trial)


def constraints_of(trial: FrozenTrial) -> dict[str, float]:
    """What a trial was told by ``set_constraint``, by name.

    Constraints of Optuna 4 (a list) are read too, where there are no named ones: our samplers write
    a copy of the named ones in that form, for the dashboard.
    """
    prefix = f"{CONSTRAINTS}:"
    attributes = trial.system_attrs
    named = {
        key.removeprefix(prefix): float(value)
        for key, value in attributes.items()
        if key.startswith(prefix)
    }
    listed = attributes.get(CONSTRAINTS) or ()
    return named or {str(index): float(value) for index, value in enumerate(listed)}


class RecordReader:
    """Reads trials of any study over a space; remembers what it has decoded.

    Trials that lack a slot, or hold a choice that the space does not have, are left out: other
    parameters may stand beside the slots, and enqueued or foreign trials may be partial.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self._codes = [
            (slot.name, {choice: code for code, choice in enumerate(slot.choices)})
            for slot in space.slots
        ]
        self._keys: dict[bytes, str] = {}

    def read(self, trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]) -> Record:
        """Return the record of `trials` (in the order of their numbers)."""
        genotypes: list[Genotype] = []
        pending: list[Genotype] = []
        values: list[Sequence[float]] = []
        constraints: list[Mapping[str, float]] = []
        seen: set[str] = set()
        for trial in trials:
            if interrupted(trial):
                continue
            genotype = self.genotype(trial.params)
            if genotype is None:
                # A running trial that has suggested nothing yet may already carry its key.
                if KEY in trial.user_attrs:
                    seen.add(str(trial.user_attrs[KEY]))
                continue
            if trial.state != TrialState.WAITING:
                seen.add(self.key(genotype, trial.user_attrs))
            if trial.state == TrialState.RUNNING:
                pending.append(genotype)
            if trial.state == TrialState.COMPLETE and np.isfinite(trial.values).all():
                genotypes.append(genotype)
                values.append(trial.values)
                constraints.append(constraints_of(trial))
        sign = signs(directions)
        names = sorted({name for row in constraints for name in row})
        return Record(
            self._table(genotypes),
            np.array(values, float).reshape(len(values), len(sign)) * sign,
            sign,
            frozenset(seen),
            self._table(pending) if pending else None,
            np.array([[row.get(name, np.nan) for name in names] for row in constraints])
            if names
            else None,
        )

    def _table(self, genotypes: Sequence[Genotype]) -> Genotypes:
        return np.array(genotypes, np.int16).reshape(len(genotypes), len(self.space.slots))

    def genotype(self, params: Mapping[str, Any]) -> Genotype | None:
        """The genotype of a trial's parameters, or None if they are not all there."""
        try:
            return np.array([codes[params[name]] for name, codes in self._codes], np.int16)
        except (KeyError, TypeError):
            return None

    def key(self, genotype: Genotype, attributes: Mapping[str, Any] | None = None) -> str:
        """The canonical key of a genotype: as recorded, or computed once."""
        if attributes and KEY in attributes:
            return str(attributes[KEY])
        code = genotype.tobytes()
        if code not in self._keys:
            self._keys[code] = self.space.decode(genotype).key
        return self._keys[code]
