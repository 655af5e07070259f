"""Metropolis-Hastings without a predictor: chains that step on what was measured."""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from dagsmith.search.errors import SearchError
from dagsmith.search.objectives import Objective
from dagsmith.search.pareto import constrained_ranks
from dagsmith.search.random_search import filled_up, random_proposals
from dagsmith.search.record import Record
from dagsmith.search.sampler import Proposals, SpaceSampler, first_unseen
from dagsmith.search.surrogate import CostLimit, Costs
from dagsmith.search.temperature import SCHEDULES, Schedule, temperature
from dagsmith.space import Genotypes, SearchSpace
from dagsmith.space.errors import nearest

_TRIES = 16


@dataclass(frozen=True, slots=True)
class MetropolisWalkSettings:
    """How the walk goes.

    Args:
        initial: random architectures to begin with; the chains start at the best of them.
        chains: chains that walk in turns.
        steps: evaluations after which the temperature has fallen to its end.
        mutations: slots redrawn per step.
        temperature: T_0, in standard deviations of the evaluated values.
        schedule: how the temperature falls; see `dagsmith.search.temperature.temperature`.
    """

    initial: int = 16
    chains: int = 4
    steps: int = 150
    mutations: int = 1
    temperature: float = 0.1
    schedule: Schedule = "cosine"

    def __post_init__(self) -> None:
        for name in ("initial", "chains", "steps", "mutations"):
            if getattr(self, name) < 1:
                raise SearchError(f"{name} is {getattr(self, name)}; expected at least 1")
        if not 0 <= self.temperature < np.inf:
            raise SearchError(f"temperature is {self.temperature}; expected at least 0")
        if self.schedule not in SCHEDULES:
            raise SearchError(
                f"unknown schedule {self.schedule!r}; {nearest(self.schedule, SCHEDULES)}"
            )


@final
class MetropolisWalkSampler(SpaceSampler):
    """Evaluates mutants of its chains, and accepts or refuses them by what was measured.

    The plain counterpart of `MetropolisHastingsSampler`, to see what the predictor adds. The chains
    follow from the record alone: the i-th trial after the initial ones belongs to chain i modulo
    their number, and is accepted with ``min(1, exp((s' - s) / T_i))`` by a draw seeded by i. With
    several objectives s is minus the domination rank. With limits on costs a mutant is never
    farther beyond them than what it is a mutant of.

    Args:
        space: the search space.
        settings: how the walk goes.
        seed: seed of all randomness; None draws one.
        batch: proposals made at a time inside a plain Optuna study.
        objectives: the study's objectives.
        costs: computes costs of populations.
        limits: budgets for some of them.

    Example:
        >>> import optuna
        >>> from dagsmith.space import nasrec_small
        >>> sampler = MetropolisWalkSampler(nasrec_small(13, 26), seed=0)
        >>> study = optuna.create_study(sampler=sampler)
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        settings: MetropolisWalkSettings | None = None,
        seed: int | None = None,
        batch: int = 1,
        objectives: tuple[Objective, ...] = (),
        costs: Costs | None = None,
        limits: tuple[CostLimit, ...] = (),
    ) -> None:
        super().__init__(
            space, seed=seed, batch=batch, objectives=objectives, costs=costs, limits=limits
        )
        self.settings = settings or MetropolisWalkSettings()

    def propose(self, record: Record, count: int, rng: np.random.Generator) -> Proposals:
        """Return a mutant of each of the next `count` chains."""
        settings = self.settings
        if len(record) < settings.initial:
            return random_proposals(self.space, record.seen, count, rng, self.budget)
        record = self.budget.constrained(record)
        turns = (len(record) - settings.initial + np.arange(count)) % settings.chains
        current = self._current(record)[turns]
        found = np.zeros((0, len(self.space.slots)), np.int16)
        keys: tuple[str, ...] = ()
        for attempt in range(_TRIES):
            if len(keys) == count:
                break
            mutants = self.budget.mutants(
                current[len(keys) :], rng, settings.mutations + attempt // 4
            )
            seen = record.seen | frozenset(keys)
            rows, new = first_unseen(self.space, mutants, seen, count - len(keys))
            found, keys = np.vstack([found, mutants[rows]]), keys + new
        return filled_up(self.space, record.seen, Proposals(found, keys), count, rng, self.budget)

    def _current(self, record: Record) -> Genotypes:
        """Where each chain stands after all trials of the record, ``[chains, slots]``."""
        settings, score = self.settings, scores(record)
        best = np.argsort(-score[: settings.initial], kind="stable")
        at = best[np.arange(settings.chains) % len(best)]
        for trial in range(settings.initial, len(record)):
            step = trial - settings.initial
            chain = step % settings.chains
            heat = temperature(
                settings.schedule,
                settings.temperature,
                min(step + 1, settings.steps),
                settings.steps,
            )
            gain = score[trial] - score[at[chain]]
            draw = np.log(1.0 - np.random.default_rng(trial).random())
            if gain >= 0 or (heat > 0 and draw * heat < gain):
                at[chain] = trial
        chosen: Genotypes = record.genotypes[at]
        return chosen


def scores(record: Record) -> NDArray[np.float64]:
    """Quality in robust standard deviations, higher is better, ``[trials]``.

    With several objectives, or where constraints are missed, minus the rank instead.
    """
    if record.quality.shape[1] > 1 or (record.violation > 0).any():
        return -constrained_ranks(record.quality, record.violation).astype(float)
    value: NDArray[np.float64] = record.quality[:, 0]
    quartiles = np.quantile(value, [0.25, 0.75])
    return value / (float(quartiles[1] - quartiles[0]) / 1.349 or 1.0)
