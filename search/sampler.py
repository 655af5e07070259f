"""Samplers that know a search space: from a record to proposals, and from there to Optuna."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from dagsmith.search.errors import SearchError
from dagsmith.search.objectives import Objective
from dagsmith.search.record import KEY, PREDICTED, PREDICTED_STD, Record, RecordReader
from dagsmith.search.study import study_objectives
from dagsmith.space import Genotypes, SearchSpace


@dataclass(frozen=True)
class Proposals:
    """Architectures to evaluate next, none of them in the record.

    Args:
        genotypes: int16 ``[count, slots]``.
        keys: their canonical keys.
        mean: what was predicted for them, ``[count, objectives]`` in the objectives' own units.
        std: the prediction's standard deviation; 0 where a cost is known exactly.
    """

    genotypes: Genotypes
    keys: tuple[str, ...]
    mean: NDArray[np.float64] | None = None
    std: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.keys)


class SpaceSampler(BaseSampler, ABC):
    """A sampler of architectures: write `propose`, and it works in every Optuna study.

    The life of a trial: Optuna asks `infer_relative_search_space`, which answers with all slots of
    the space, and then `sample_relative` for their values. That takes the next proposal from a
    queue; when the queue is empty, `propose` fills it with `batch` new ones from the study's
    record. Parameters that are no slots of the space are drawn at random.

    `propose` must be a pure function of its arguments: all randomness comes from the generator that
    it is given, so that a search that was interrupted goes on exactly as it would have.

    Args:
        space: the search space; the objective calls ``space.suggest(trial)``.
        seed: seed of all randomness; None draws one.
        batch: proposals made at a time inside a plain Optuna study.
        objectives: the study's objectives, to know which of them are costs.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        seed: int | None = None,
        batch: int = 8,
        objectives: Sequence[Objective] = (),
    ) -> None:
        if batch < 1:
            raise SearchError(f"batch is {batch}; expected at least 1")
        self.space = space
        self.seed = int(np.random.SeedSequence(seed).generate_state(1)[0])
        self.batch = batch
        self.objectives = tuple(objectives)
        self._reader = RecordReader(space)
        self._distributions: dict[str, BaseDistribution] = dict(space.distributions())
        self._other = optuna.samplers.RandomSampler(self.seed)
        self._lock = threading.Lock()
        self._queue: list[tuple[Proposals, int]] = []
        self._issued: frozenset[str] = frozenset()
        self._exhausted = False

    @abstractmethod
    def propose(self, record: Record, count: int, rng: np.random.Generator) -> Proposals:
        """Return up to `count` proposals; fewer only if the space has no more to offer."""

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All slots of the space."""
        return self._distributions

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The next proposal's choices, for the slots in `search_space`."""
        with self._lock:
            if not self._queue:
                self._fill(study, trial)
            proposals, row = self._queue.pop(0)
        fixed = trial.system_attrs.get("fixed_params", {})
        if len(search_space) == len(self.space.slots) and not fixed and row < len(proposals):
            self._announce(study, trial, proposals, row)
        params = self.space.to_params(proposals.genotypes[row])
        return {name: value for name, value in params.items() if name in search_space}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A random value for a parameter that is no slot of the space."""
        return self._other.sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        """Draw another seed, as Optuna asks of samplers that are copied to several workers."""
        self.seed = int(np.random.SeedSequence().generate_state(1)[0])
        self._other.reseed_rng()

    def _fill(self, study: optuna.Study, trial: FrozenTrial) -> None:
        rng = np.random.default_rng([self.seed, trial.number])
        proposals = Proposals(np.zeros((0, len(self.space.slots)), np.int16), ())
        if not self._exhausted:
            others = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
            record = self._reader.read(others, study.directions).with_seen(self._issued)
            proposals = self.propose(record, self.batch, rng)
        if not len(proposals):
            # All of a small space is evaluated; Optuna's loop must get an answer all the same.
            self._exhausted = True
            self._queue = [(Proposals(self.space.sample(1, rng), ()), 0)]
            return
        self._issued = self._issued | frozenset(proposals.keys)
        self._queue = [(proposals, row) for row in range(len(proposals))]

    def _announce(
        self, study: optuna.Study, trial: FrozenTrial, proposals: Proposals, row: int
    ) -> None:
        """Write key and prediction into the trial: other workers and the rank tracker read them."""
        storage, number = study._storage, trial._trial_id
        storage.set_trial_user_attr(number, KEY, proposals.keys[row])
        if proposals.mean is None or proposals.std is None:
            return
        for column, objective in enumerate(study_objectives(study)):
            storage.set_trial_user_attr(
                number, PREDICTED + objective.name, float(proposals.mean[row, column])
            )
            storage.set_trial_user_attr(
                number, PREDICTED_STD + objective.name, float(proposals.std[row, column])
            )


def first_unseen(
    space: SearchSpace, genotypes: Genotypes, seen: frozenset[str], count: int
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The first `count` rows whose architectures are new, and their keys.

    New means: not in `seen`, and not isomorphic to an earlier row.

    Args:
        space: the space of the genotypes.
        genotypes: ``[batch, slots]``, in order of preference.
        seen: keys that do not count as new.
        count: how many are wanted.
    """
    rows: list[int] = []
    keys: list[str] = []
    taken = set(seen)
    # Most repetitions are equal as they lie, and a fingerprint costs far less than a key.
    _, distinct = np.unique(space.decode_many(genotypes).fingerprint(), return_index=True)
    for row in np.sort(distinct):
        if len(rows) == count:
            break
        key = space.decode(genotypes[row]).key
        if key not in taken:
            taken.add(key)
            rows.append(int(row))
            keys.append(key)
    return np.array(rows, np.int64), tuple(keys)
