"""The search loop: rounds of proposals, each evaluated architecture a trial of the study."""

import math
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import optuna
from optuna.exceptions import UpdateFinishedTrialError

from dagsmith.data.evaluations import Evaluation, Evaluator, streamed
from dagsmith.search.designs import DESIGNS, Design
from dagsmith.search.drawing_turn import DrawingTurn, DrawnRound
from dagsmith.search.errors import SearchError
from dagsmith.search.ledger import Ledger
from dagsmith.search.patience import LOST, patiently
from dagsmith.search.proposing import Proposing, SamplerFactory
from dagsmith.search.record import (
    KEY,
    WORKER,
)
from dagsmith.search.study import study_objectives
from dagsmith.search.surrogate import CostLimit, Costs
from dagsmith.search.trial_writer import Candidate, TrialWriter
from dagsmith.search.workers import release_dead_trials, worker_name
from dagsmith.space import Genotypes, SearchSpace
from dagsmith.space.errors import nearest

if TYPE_CHECKING:
    # Figures need plotly, which a search without pages does not wait for.
    from dagsmith.search.study_pages import StudyPages

Progress = Callable[[str, int, int | None], None]
"""Called with a stage, how much of it is done, and of how much (None if unknown)."""

_PLACE = zlib.crc32(worker_name().encode())
POLL_S = 0.5
"""Seconds between two looks at what other workers are doing."""


@dataclass(frozen=True)
class SearchSummary:
    """What one call of `run_search` did.

    Args:
        evaluated: architectures evaluated in the study by now, failed ones included.
        failed: those of them that failed.
        added: how many this call evaluated.
        rounds: rounds begun so far; round 0 is the initial design.
        exhausted: whether the space had no more architectures to offer.
        timed_out: whether time was up before all were evaluated.
        proposing_s: seconds this call spent on proposals, fitting included.
        evaluating_s: seconds it spent in the evaluator.
        waiting_s: seconds it spent waiting for other workers.
        storing_s: seconds it spent reading and writing trials.
    """

    evaluated: int
    failed: int
    added: int
    rounds: int
    exhausted: bool
    timed_out: bool
    proposing_s: float
    evaluating_s: float
    waiting_s: float
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
    first: Genotypes | None = None,
    at_once: int = 1,
    timeout: float | None = None,
) -> SearchSummary:
    """Evaluate architectures until the study holds `trials` of them.

    Round 0 is `first` and then `initial` architectures, random ones by default; every later round
    is `batch` proposals of the sampler, all drawn from the record as it was when the round began,
    by a generator seeded with (seed, round). Each is saved as soon as it is evaluated. So the
    trials follow from the seed and the evaluations alone: after an interruption the same call goes
    on in the middle of the round, and ends with the trials of an uninterrupted run. Calling again
    with more trials goes on in the same way.

    Any number of processes may call this for one study, on several machines if its storage allows:
    they join the search. One of them draws a round, and all take from it; when nothing is left, the
    first one to notice draws the next round, though others are still evaluating. Whoever creates
    the first trial of an architecture evaluates it. What a dead worker leaves is taken up.

    A storage that does not answer is waited for, ten minutes long.

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
        first: architectures that are worth knowing in any case, such as hand-made ones; they are
            evaluated before all others, in this order, ``[count, slots]``.
        at_once: architectures that the evaluator is asked for together; one that trains them side
            by side then has something to do for every core. The trials do not depend on it. What a
            `StreamingEvaluator` has finished is saved while it works on the others; of another one
            nothing is known before all of them are evaluated.
        timeout: seconds after which this call begins no further evaluation; what it has begun it
            finishes. Of a study without any evaluation it makes the first in any case.

    Raises:
        SearchError: a setting out of range, or an evaluation that lacks an objective.
        SpaceError: no genotypes of the space in `first`.
        StudyError: the storage was lost; what was finished is in it.
    """
    counts = {"trials": trials, "initial": initial, "batch": batch, "at_once": at_once}
    for name, value in counts.items():
        if value < 1:
            raise SearchError(f"{name} is {value}; expected at least 1")
    if timeout is not None and not timeout >= 0:
        raise SearchError(f"timeout is {timeout}; expected at least 0 seconds")
    if seed < 0:
        raise SearchError(f"seed is {seed}; expected at least 0")
    if design not in DESIGNS:
        raise SearchError(f"unknown design {design!r}; {nearest(design, DESIGNS)}")
    proposing = Proposing(
        study,
        space,
        sampler,
        seed,
        costs,
        design,
        pages,
        limits,
        evaluator.fidelity,
        None if first is None else space.check(first),
    )
    search = _Search(study, space, evaluator, proposing, progress, pages, at_once, timeout)
    return search.run(trials, [initial, batch])


class _Search:
    """One worker's part in a search, and the seconds that it spends where."""

    def __init__(
        self,
        study: optuna.Study,
        space: SearchSpace,
        evaluator: Evaluator,
        proposals: Proposing,
        progress: Progress | None,
        pages: "StudyPages | None",
        at_once: int,
        timeout: float | None,
    ) -> None:
        self._study, self._evaluator, self._pages = study, evaluator, pages
        self._at_once, self._timeout = at_once, timeout
        self._progress = progress or (lambda stage, done, total: None)
        self._writer = TrialWriter(study, space, study_objectives(study))
        self._proposals = proposals
        self._began = time.perf_counter()
        self._proposing = self._evaluating = self._waiting = 0.0
        self._turn = DrawingTurn(study)
        self._candidates: list[Candidate] = []
        self._exhausted = False

    def run(self, trials: int, sizes: list[int]) -> SearchSummary:
        """Take up what is orphaned, then what is left of the last round, then draw the next one."""
        patiently(lambda: release_dead_trials(self._study))
        ledger = self._ledger = patiently(lambda: Ledger(self._study))
        self._trials, added = trials, 0
        self._read_last_round()
        self._progress("search", ledger.evaluated, trials)
        while ledger.evaluated < trials and not self._late:
            if ledger.evaluated + ledger.in_progress >= trials:
                # The others are about to finish; should one die, its part is taken up here.
                self._wait()
                continue
            left = trials - ledger.evaluated - ledger.in_progress
            # Too late for more than the one that is made in any case.
            candidates = self._next_candidates(1 if self._time_is_up else min(self._at_once, left))
            if candidates:
                added += self._evaluate(candidates)
            elif self._exhausted and not ledger.in_progress:
                break
            elif self._exhausted or not self._draw_next(sizes):
                self._wait()
        self._show(final=True)
        return SearchSummary(
            evaluated=ledger.evaluated,
            failed=ledger.failed,
            added=added,
            rounds=ledger.last_round + 1,
            exhausted=self._exhausted,
            timed_out=self._late and ledger.evaluated < trials,
            proposing_s=self._proposing,
            evaluating_s=self._evaluating,
            waiting_s=self._waiting,
            storing_s=time.perf_counter()
            - self._began
            - self._proposing
            - self._evaluating
            - self._waiting,
        )

    @property
    def _seconds_left(self) -> float:
        if self._timeout is None:
            return math.inf
        return self._timeout - (time.perf_counter() - self._began)

    @property
    def _time_is_up(self) -> bool:
        return self._seconds_left <= 0

    @property
    def _late(self) -> bool:
        return self._time_is_up and self._ledger.evaluated > 0

    def _show(self, *, final: bool = False) -> None:
        pages = self._pages
        if pages:
            patiently(lambda: pages.update(final=final))

    def _next_candidates(self, count: int) -> list[Candidate]:
        """Orphans, then proposals that nobody has taken: the first ones for who is alone."""
        orphans = [self._writer.again(orphan) for orphan in self._ledger.orphans[:count]]
        self._candidates = [c for c in self._candidates if not self._ledger.claimed(c.key)]
        taken = {orphan.key for orphan in orphans}
        free = [candidate for candidate in self._candidates if candidate.key not in taken]
        # Workers that finish together would all reach for the same ones.
        first = _PLACE % len(free) if free and self._ledger.others_running else 0
        return (orphans + free[first:] + free[:first])[:count]

    def _read_last_round(self) -> int:
        """Take over the last round as the study has it; return its number, -1 if there is none."""
        drawn = patiently(self._turn.last)
        if drawn is None:
            return -1
        self._candidates = self._proposals.candidates(drawn, self._ledger.claimed)
        return drawn.number

    def _draw_next(self, sizes: list[int]) -> bool:
        """Draw the next round, unless another worker does; return whether there may be new work."""
        last = self._read_last_round()
        if self._next_candidates(1):
            return True
        # A study of before rounds were kept: its last one may be incomplete, and is drawn again.
        number = last + 1 if last >= 0 else max(self._ledger.last_round, 0)
        if not patiently(lambda: self._turn.take(number, others=self._ledger.shared)):
            return False
        try:
            drawn = self._draw_taken(last, number, sizes)
        except BaseException:
            with suppress(*LOST):
                self._turn.give_back()
            raise
        if drawn is None:
            patiently(self._turn.give_back)
            self._exhausted = True
            return False
        patiently(lambda: self._turn.write(drawn))
        self._candidates = self._proposals.candidates(drawn, self._ledger.claimed)
        self._show()
        return True

    def _draw_taken(self, last: int, number: int, sizes: list[int]) -> DrawnRound | None:
        """The round of our turn; None if the space has no more to offer."""
        patiently(lambda: release_dead_trials(self._study))
        self._refresh()
        drawn = self._draw(number, sizes[min(number, 1)])
        if last < 0 and not self._untaken(drawn):
            drawn = self._draw(number + 1, sizes[1])
        return drawn if self._untaken(drawn) else None

    def _draw(self, number: int, size: int) -> DrawnRound:
        began = time.perf_counter()
        drawn = self._proposals.draw(number, size, self._ledger.trials)
        self._proposing += time.perf_counter() - began
        return drawn

    def _untaken(self, drawn: DrawnRound) -> bool:
        return any(not self._ledger.claimed(key) for key in drawn.rehearsed.proposals.keys)

    def _wait(self) -> None:
        """Wait for other workers, and look whether one of them has died."""
        began = time.perf_counter()
        time.sleep(POLL_S)
        patiently(lambda: release_dead_trials(self._study))
        self._refresh()
        self._waiting += time.perf_counter() - began

    def _evaluate(self, candidates: Sequence[Candidate]) -> int:
        """Make candidates trials and evaluate them; return how many were.

        One that another worker is about to evaluate is left to him.
        """
        begun: dict[int, Candidate] = {}
        added = 0
        try:
            for candidate in candidates:
                trial = self._begin(candidate)
                begun[trial] = candidate
                self._refresh()
                if self._ledger.claimed(candidate.key, trial):
                    # Two workers were quick; the one with the lower trial goes on.
                    del begun[trial]
                    self._release(trial, "another worker evaluates the same architecture")
            if begun:
                added = self._ask_evaluator(begun)
        except BaseException as error:
            for trial in begun:
                with suppress(*LOST):
                    self._writer.interrupt(trial, f"{type(error).__name__}: {error}".rstrip(": "))
            raise
        return added

    def _release(self, trial: int, reason: str) -> None:
        """Leave the trial's architecture to whoever takes it up."""
        patiently(lambda: self._writer.interrupt(trial, reason))
        self._refresh()

    def _finish(self, trial: int, candidate: Candidate, evaluation: Evaluation) -> bool:
        try:
            patiently(lambda: self._writer.finish(trial, candidate, evaluation))
        except UpdateFinishedTrialError:
            # Taken for dead while its heartbeat did not come through: somebody takes it up.
            return False
        return True

    def _begin(self, candidate: Candidate) -> int:
        try:
            return self._writer.begin(candidate)
        except LOST:
            # Whether the trial was made before the answer got lost, only the storage knows.
            self._refresh()
            for trial in self._ledger.running:
                mine = trial.user_attrs.get(WORKER) == worker_name()
                if mine and trial.user_attrs.get(KEY) == candidate.key:
                    return trial._trial_id
            return patiently(lambda: self._writer.begin(candidate))

    def _refresh(self) -> None:
        patiently(self._ledger.refresh)

    def _ask_evaluator(self, begun: dict[int, Candidate]) -> int:
        """Evaluate trials, and take each out of `begun` as it ends; return how many were saved."""
        trials, added = list(begun), 0
        nets = [candidate.architecture for candidate in begun.values()]
        in_any_case = len(trials) == 1 and not self._ledger.evaluated
        until = math.inf if in_any_case else time.time() + self._seconds_left
        with ExitStack() as stack:
            for trial in trials:
                stack.enter_context(self._writer.heartbeat(trial))
            stream = stack.enter_context(closing(streamed(self._evaluator, nets, until)))
            for place, evaluation in self._watched(stream):
                trial = trials[place]
                added += self._finish(trial, begun[trial], evaluation)
                del begun[trial]
                self._refresh()
                self._progress("search", self._ledger.evaluated, self._trials)
        # The clock that `until` means may be set, or run while the machine sleeps: with some of
        # them evaluated, what is missing was late.
        late = until < math.inf and (self._time_is_up or len(begun) < len(trials))
        if begun and not late:
            done = len(trials) - len(begun)
            raise SearchError(f"the evaluator gave {done} evaluations; expected {len(trials)}")
        for trial in list(begun):
            self._release(trial, "time was up before it began")
            del begun[trial]
        return added

    def _watched(
        self, stream: Iterator[tuple[int, Evaluation]]
    ) -> Iterator[tuple[int, Evaluation]]:
        """The same, with a clock that runs while the evaluator works."""
        while True:
            began = time.perf_counter()
            try:
                found = next(stream, None)
            finally:
                self._evaluating += time.perf_counter() - began
            if found is None:
                return
            yield found
