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
from optuna.samplers import BaseSampler, PartialFixedSampler
from optuna.trial import FrozenTrial, TrialState

from dagsmith.search.budget import Budget
from dagsmith.search.errors import SearchError
from dagsmith.search.objectives import Objective
from dagsmith.search.record import (
    CONSTRAINTS,
    KEY,
    PREDICTED,
    PREDICTED_STD,
    Record,
    RecordReader,
    constraints_of,
    interrupted,
)
from dagsmith.search.study import study_objectives
from dagsmith.search.surrogate import CostLimit, Costs
from dagsmith.space import Genotype, Genotypes, SearchSpace

Genes = tuple[tuple[int, int], ...]
"""Slots that are fixed, and their codes: ``((column, code), ...)``."""

_COMPOSED = 256
"""Random architectures tried for something new where slots are fixed."""


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
    record. The proposal's canonical key is written into the trial at once, so that no two workers
    of a study evaluate the same architecture: a proposal that another trial has by then is passed
    over. Parameters that are no slots of the space are drawn at random.

    Slots that are fixed, by ``enqueue_trial`` or a ``PartialFixedSampler``, keep their value: the
    other slots of the proposals follow `propose`, and what is so composed is new as well, if there
    is anything new. Constraints that the objective told with ``trial.set_constraint`` are also
    written in the form of Optuna 4, which optuna-dashboard reads.

    `propose` must be a pure function of its arguments: all randomness comes from the generator that
    it is given, so that a search that was interrupted goes on exactly as it would have.

    Args:
        space: the search space; the objective calls ``space.suggest(trial)``.
        seed: seed of all randomness; None draws one.
        batch: proposals made at a time inside a plain Optuna study.
        objectives: the study's objectives, to know which of them are costs.
        costs: computes costs of populations.
        limits: budgets for some of them, which `budget` keeps proposals to. Samplers that weigh
            costs against quality themselves give none here.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        seed: int | None = None,
        batch: int = 8,
        objectives: Sequence[Objective] = (),
        costs: Costs | None = None,
        limits: Sequence[CostLimit] = (),
    ) -> None:
        if batch < 1:
            raise SearchError(f"batch is {batch}; expected at least 1")
        self.space = space
        self.seed = int(np.random.SeedSequence(seed).generate_state(1)[0])
        self.batch = batch
        self.objectives = tuple(objectives)
        self.budget = Budget(space, costs, limits)
        self._reader = RecordReader(space)
        self._distributions: dict[str, BaseDistribution] = dict(space.distributions())
        self._other = optuna.samplers.RandomSampler(self.seed)
        self._lock = threading.Lock()
        self._queues: dict[Genes, list[tuple[Proposals, int]]] = {}
        self._issued: frozenset[str] = frozenset()
        self._exhausted: set[Genes] = set()

    @abstractmethod
    def propose(self, record: Record, count: int, rng: np.random.Generator) -> Proposals:
        """Return up to `count` proposals; fewer only if the space has no more to offer."""

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All slots of the space."""
        return dict(self._distributions)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The next proposal's choices, for the slots in `search_space`."""
        drawn = {
            name: self._other.sample_independent(study, trial, name, distribution)
            for name, distribution in search_space.items()
            if name not in self._distributions
        }
        if search_space and len(drawn) == len(search_space):
            return drawn
        fixed = self._fixed(study, trial)
        with self._lock:
            genotype = self._next(study, trial, fixed)
        params = self.space.to_params(genotype)
        return drawn | {name: value for name, value in params.items() if name in search_space}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A random value for a parameter that is no slot of the space."""
        return self._other.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Write the trial's constraints so that optuna-dashboard shows them, too."""
        constraints = constraints_of(trial)
        listed = {str(index) for index in range(len(constraints))}
        # A constraint that is itself called "0" would be told twice, and Optuna warns of that.
        if constraints and CONSTRAINTS not in trial.system_attrs and not listed & set(constraints):
            study._storage.set_trial_system_attr(
                trial._trial_id, CONSTRAINTS, list(constraints.values())
            )

    def reseed_rng(self) -> None:
        """Draw another seed, as Optuna asks of samplers that are copied to several workers."""
        self.seed = int(np.random.SeedSequence().generate_state(1)[0])
        self._other.reseed_rng()

    def _fixed(self, study: optuna.Study, trial: FrozenTrial) -> Genes:
        """Slots that are not ours to choose in this trial, and their codes."""
        given = dict(trial.system_attrs.get("fixed_params", {}))
        outer: object = study.sampler
        if isinstance(outer, PartialFixedSampler):
            given = outer._fixed_params | given
        return tuple(
            (column, slot.choices.index(given[slot.name]))
            for column, slot in enumerate(self.space.slots)
            if slot.name in given and given[slot.name] in slot.choices
        )

    def _next(self, study: optuna.Study, trial: FrozenTrial, fixed: Genes) -> Genotype:
        """The next proposal that no other trial has, claimed for this one."""
        if len(fixed) == len(self.space.slots):
            # Nothing is left to choose, and the architecture may be a known one.
            return np.array([code for _, code in fixed], np.int16)
        queue = self._queues.setdefault(fixed, [])
        while True:
            if not queue:
                queue += self._filled(study, trial, fixed)
            if not queue:
                break
            proposals, row = queue.pop(0)
            if self._claim(study, trial, proposals, row):
                return np.asarray(proposals.genotypes[row])
        # All of a small space is known; Optuna's loop must get an answer all the same.
        rng = np.random.default_rng([self.seed, trial.number])
        genotype: Genotype = _with_genes(self.space.sample(1, rng), fixed)[0]
        study._storage.set_trial_user_attr(trial._trial_id, KEY, self._reader.key(genotype))
        return genotype

    def _filled(
        self, study: optuna.Study, trial: FrozenTrial, fixed: Genes
    ) -> list[tuple[Proposals, int]]:
        """New proposals; none if the space has no more to offer."""
        if fixed in self._exhausted:
            return []
        rng = np.random.default_rng([self.seed, trial.number])
        others = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
        record = self._reader.read(others, study.directions)
        record = record.with_seen(self._issued | self._waiting(others))
        proposals = self.propose(record, self.batch, rng)
        if fixed:
            proposals = self._composed(proposals, record, fixed, rng)
        if not len(proposals):
            self._exhausted.add(fixed)
        self._issued = self._issued | frozenset(proposals.keys)
        return [(proposals, row) for row in range(len(proposals))]

    def _waiting(self, trials: Sequence[FrozenTrial]) -> frozenset[str]:
        """Keys of what is enqueued: its turn will come without us."""
        enqueued = [
            self._reader.genotype(trial.system_attrs.get("fixed_params", trial.params))
            for trial in trials
            if trial.state == TrialState.WAITING
        ]
        return frozenset(self._reader.key(g) for g in enqueued if g is not None)

    def _composed(
        self, proposals: Proposals, record: Record, fixed: Genes, rng: np.random.Generator
    ) -> Proposals:
        """The proposals with fixed genes, as far as that is new; else random ones with them."""
        more = self.space.sample(_COMPOSED, rng)
        genotypes = _with_genes(np.concatenate([proposals.genotypes, more]), fixed)
        rows, keys = first_unseen(self.space, genotypes, record.seen, max(len(proposals), 1))
        return Proposals(genotypes[rows], keys)

    def _claim(
        self, study: optuna.Study, trial: FrozenTrial, proposals: Proposals, row: int
    ) -> bool:
        """Announce the proposal; False if another trial of the study has its architecture.

        The key is written first and then compared: of two workers at the same time at least one
        sees the other, and gives way.
        """
        storage, number, key = study._storage, trial._trial_id, proposals.keys[row]
        storage.set_trial_user_attr(number, KEY, key)
        for other in study.get_trials(deepcopy=False):
            if other.number != trial.number and self._has(other, key):
                return False
        if proposals.mean is None or proposals.std is None:
            return True
        for column, objective in enumerate(study_objectives(study)):
            storage.set_trial_user_attr(
                number, PREDICTED + objective.name, float(proposals.mean[row, column])
            )
            storage.set_trial_user_attr(
                number, PREDICTED_STD + objective.name, float(proposals.std[row, column])
            )
        return True

    def _has(self, trial: FrozenTrial, key: str) -> bool:
        """Whether the trial evaluates, or has evaluated, the architecture with this key."""
        if trial.state == TrialState.WAITING or interrupted(trial):
            return False
        if KEY in trial.user_attrs:
            return str(trial.user_attrs[KEY]) == key
        genotype = self._reader.genotype(trial.params)
        return genotype is not None and self._reader.key(genotype) == key


def _with_genes(genotypes: Genotypes, fixed: Genes) -> Genotypes:
    changed = genotypes.copy()
    for column, code in fixed:
        changed[:, column] = code
    return changed


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
