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
    """

    genotypes: Genotypes
    quality: NDArray[np.float64]
    signs: NDArray[np.float64]
    seen: frozenset[str]

    def __len__(self) -> int:
        return len(self.genotypes)

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
        values: list[Sequence[float]] = []
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
            if trial.state == TrialState.COMPLETE and np.isfinite(trial.values).all():
                genotypes.append(genotype)
                values.append(trial.values)
        sign = signs(directions)
        return Record(
            np.array(genotypes, np.int16).reshape(len(genotypes), len(self.space.slots)),
            np.array(values, float).reshape(len(values), len(sign)) * sign,
            sign,
            frozenset(seen),
        )

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
