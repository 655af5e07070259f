"""The search loop: rounds of proposals, each evaluated architecture a trial of the study."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from dagsmith.data.evaluations import Evaluation, Evaluator
from dagsmith.search.designs import DESIGNS, Design, designed_proposals
from dagsmith.search.errors import SearchError
from dagsmith.search.record import (
    ARCHITECTURE,
    FIDELITY,
    KEY,
    POSITION,
    PREDICTED,
    PREDICTED_STD,
    ROUND,
    WORKER,
    RecordReader,
    evaluated,
)
from dagsmith.search.rehearsal import Rehearsed, rehearse
from dagsmith.search.sampler import SpaceSampler
from dagsmith.search.study import study_objectives
from dagsmith.search.surrogate import CostLimit, Costs
from dagsmith.search.trial_writer import Candidate, TrialWriter
from dagsmith.search.workers import release_dead_trials, worker_name
from dagsmith.space import Architecture, SearchSpace
from dagsmith.space.errors import nearest

if TYPE_CHECKING:
    # Figures need plotly, which a search without pages does not wait for.
    from dagsmith.search.study_pages import StudyPages

SamplerFactory = Callable[[int], BaseSampler]
"""From a seed to a fresh sampler, such as ``lambda seed: make_sampler("tpe", space, seed)``."""
Progress = Callable[[str, int, int | None], None]
"""Called with a stage, how much of it is done, and of how much (None if unknown)."""


@dataclass(frozen=True)
class SearchSummary:
    """What one call of `run_search` did.

    Args:
        evaluated: architectures evaluated in the study by now, failed ones included.
        failed: those of them that failed.
        added: how many this call evaluated.
        rounds: rounds begun so far; round 0 is the initial design.
        exhausted: whether the space had no more architectures to offer.
        proposing_s: seconds this call spent on proposals, fitting included.
        evaluating_s: seconds it spent in the evaluator.
        storing_s: seconds it spent reading and writing trials.
    """

    evaluated: int
    failed: int
    added: int
    rounds: int
    exhausted: bool
    proposing_s: float
    evaluating_s: float
    storing_s: float


def run_search(
    study: optuna.Study,
    space: SearchSpace,
    evaluator: Evaluator,
    *,
    sampler: SamplerFactory,
    trials: int,
    initial: int = 32,
    batch: int = 8,
    seed: int = 0,
    costs: Costs | None = None,
    progress: Progress | None = None,
    design: Design = "random",
    pages: "StudyPages | None" = None,
    limits: Sequence[CostLimit] = (),
) -> SearchSummary:
    """Evaluate architectures until the study holds `trials` of them.

    Round 0 is `initial` architectures, random ones by default; every later round is `batch`
    proposals of the sampler, all drawn from the record as it was when the round began, by a
    generator seeded with (seed, round). Each is evaluated and saved before the next. So the trials
    follow from the seed and the evaluations alone: after an interruption the same call goes on in
    the middle of the round, and ends with the trials of an uninterrupted run. Calling again with
    more trials goes on in the same way.

    An architecture is evaluated once. Samplers that repeat one are answered from the record and
    asked again. An evaluation that fails makes a failed trial with its reason, counts, and is not
    repeated; one that was interrupted does not count.

    Args:
        study: from `open_study`.
        space: the study's search space.
        evaluator: evaluates architectures.
        sampler: makes a fresh sampler from a seed, for every round.
        trials: evaluated architectures to reach, those already in the study included.
        initial: architectures of round 0.
        batch: architectures of each later round.
        seed: seed of all proposals.
        costs: computes costs of populations; they are recorded with each trial.
        progress: told of ``"search"`` after every evaluation.
        design: how the architectures of round 0 are chosen; see `choose_design`.
        pages: writes what optuna-dashboard shows, between rounds and at the end.
        limits: budgets, as constraints for Optuna's samplers; ours are made with theirs.

    Raises:
        SearchError: a setting out of range, or an evaluation that lacks an objective.
    """
    for name, value in (("trials", trials), ("initial", initial), ("batch", batch)):
        if value < 1:
            raise SearchError(f"{name} is {value}; expected at least 1")
    if seed < 0:
        raise SearchError(f"seed is {seed}; expected at least 0")
    if design not in DESIGNS:
        raise SearchError(f"unknown design {design!r}; {nearest(design, DESIGNS)}")
    search = _Search(study, space, evaluator, sampler, seed, costs, progress, design, pages, limits)
    return search.run(trials, [initial, batch])


class _Search:
    """One call of `run_search`, and the seconds that it spends where."""

    def __init__(
        self,
        study: optuna.Study,
        space: SearchSpace,
        evaluator: Evaluator,
        sampler: SamplerFactory,
        seed: int,
        costs: Costs | None,
        progress: Progress | None,
        design: Design,
        pages: "StudyPages | None",
        limits: Sequence[CostLimit],
    ) -> None:
        self._study, self._space, self._evaluator = study, space, evaluator
        self._design: Design = design
        self._pages = pages
        self._limits = tuple(limits)
        self._sampler, self._seed, self._costs = sampler, seed, costs
        self._progress = progress or (lambda stage, done, total: None)
        self._objectives = study_objectives(study)
        self._writer = TrialWriter(study, space, self._objectives)
        self._reader = RecordReader(space)
        self._began = time.perf_counter()
        self._proposing = self._evaluating = 0.0

    def run(self, trials: int, sizes: list[int]) -> SearchSummary:
        """Go through the rounds, from the first that is not complete."""
        released = [_round(trial) for trial in release_dead_trials(self._study)]
        record = self._trials()
        # A released trial may belong to an earlier round, if other workers have gone on without it.
        round_ = min([max(map(_round, record), default=0), *released])
        round_ = max(round_, 0)
        before = done = _count(record)
        self._progress("search", done, trials)
        exhausted = False
        while done < trials and not exhausted:
            size = sizes[min(round_, 1)]
            if sum(_round(t) == round_ and evaluated(t) for t in self._trials()) < size:
                candidates = self._candidates(round_, size)
                exhausted = not candidates
                for candidate in candidates:
                    if done < trials and self._evaluate(candidate):
                        done = _count(self._trials())
                        self._progress("search", done, trials)
            round_ += not exhausted and done < trials
            if self._pages:
                self._pages.update()
        if self._pages:
            self._pages.update(final=True)
        record = self._trials()
        return SearchSummary(
            evaluated=done,
            failed=sum(evaluated(t) and t.state != TrialState.COMPLETE for t in record),
            added=done - before,
            rounds=max(map(_round, record), default=-1) + 1,
            exhausted=exhausted,
            proposing_s=self._proposing,
            evaluating_s=self._evaluating,
            storing_s=time.perf_counter() - self._began - self._proposing - self._evaluating,
        )

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _candidates(self, round_: int, size: int) -> list[Candidate]:
        """The proposals of a round: a function of seed, round and earlier rounds alone."""
        began = time.perf_counter()
        earlier = [trial for trial in self._trials() if _round(trial) < round_]
        rehearsed = self._propose(earlier, round_, size)
        proposals = rehearsed.proposals
        population = self._space.decode_many(proposals.genotypes) if len(proposals) else None
        costs = self._costs(population) if self._costs and population else {}
        candidates = []
        for row, key in enumerate(proposals.keys):
            architecture = self._space.decode(proposals.genotypes[row])
            attributes: dict[str, Any] = {
                KEY: key,
                ARCHITECTURE: architecture.to_json(),
                ROUND: round_,
                POSITION: row,
                FIDELITY: self._evaluator.fidelity,
                WORKER: worker_name(),
            }
            if proposals.mean is not None and proposals.std is not None:
                for column, objective in enumerate(self._objectives):
                    attributes[PREDICTED + objective.name] = float(proposals.mean[row, column])
                    attributes[PREDICTED_STD + objective.name] = float(proposals.std[row, column])
            candidates.append(
                Candidate(
                    key=key,
                    architecture=architecture,
                    params=self._space.to_params(proposals.genotypes[row]),
                    attributes=attributes,
                    costs={name: float(column[row]) for name, column in costs.items()},
                    notes=rehearsed.notes[row] | self._picture(key, architecture),
                )
            )
        self._proposing += time.perf_counter() - began
        return candidates

    def _picture(self, key: str, architecture: Architecture) -> dict[str, str]:
        return self._pages.picture(key, architecture) if self._pages else {}

    def _propose(self, earlier: list[FrozenTrial], round_: int, size: int) -> Rehearsed:
        rng = np.random.default_rng([self._seed, round_])
        record = self._reader.read(earlier, self._study.directions)
        if round_ == 0:
            proposals = designed_proposals(self._design, self._space, record, size, rng)
            return Rehearsed(proposals, ({},) * len(proposals))
        sampler = self._sampler(int(rng.integers(2**31)))
        if isinstance(sampler, SpaceSampler):
            proposals = sampler.propose(record, size, rng)
            return Rehearsed(proposals, ({},) * len(proposals))
        directions = self._study.directions
        return rehearse(sampler, self._reader, earlier, directions, size, rng, self._limits)

    def _evaluate(self, candidate: Candidate) -> bool:
        """Make the candidate a trial and evaluate it, unless somebody has or is about to."""
        if self._claimed(candidate.key, None):
            return False
        trial = self._writer.begin(candidate)
        if self._claimed(candidate.key, trial):
            # Two workers were quick; the one with the lower trial goes on.
            self._writer.interrupt(trial, "another worker evaluates the same architecture")
            return False
        try:
            evaluation = self._ask_evaluator(candidate, trial)
            self._writer.finish(trial, candidate, evaluation)
        except BaseException as error:
            self._writer.interrupt(trial, f"{type(error).__name__}: {error}".rstrip(": "))
            raise
        return True

    def _ask_evaluator(self, candidate: Candidate, trial: int) -> Evaluation:
        began = time.perf_counter()
        try:
            with self._writer.heartbeat(trial):
                evaluations = self._evaluator.evaluate([candidate.architecture])
        finally:
            self._evaluating += time.perf_counter() - began
        if len(evaluations) != 1:
            raise SearchError(f"the evaluator gave {len(evaluations)} evaluations; expected 1")
        return evaluations[0]

    def _claimed(self, key: str, before: int | None) -> bool:
        """Whether a trial (made before the one with id `before`) has this architecture."""
        return any(
            trial.user_attrs.get(KEY) == key
            and (evaluated(trial) or trial.state == TrialState.RUNNING)
            and (before is None or trial._trial_id < before)
            for trial in self._trials()
        )


def _round(trial: FrozenTrial) -> int:
    """The round of a trial; -1 for one that the loop did not make."""
    return int(trial.user_attrs.get(ROUND, -1))


def _count(trials: list[FrozenTrial]) -> int:
    return sum(evaluated(trial) for trial in trials)
