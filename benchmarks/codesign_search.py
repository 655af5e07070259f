"""The searches of `codesign.py`: models alone, together with hardware, hardware afterwards, random.

What is wanted of the arms is the best log loss at costs below those of (b), so their searches
minimize log loss under budgets, shares of (b)'s costs. (With log loss and three costs as objectives
of equal rank, which agree among each other, chains spend most evaluations on the cheapest corner.)
What is wanted of a front is its hypervolume, so `Searches.for_the_front` seeks that.

A search with hardware begins with models on the default hardware, and with neighbours of them that
keep to the budgets: what one would try first, and where the predictor learns what saves what. Its
ADCs have the bits that lose nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from codesign_budgets import (
    AFTER,
    LOSSLESS,
    MISSING,
    TOGETHER,
    Budget,
    limits_of,
    with_missing_bits,
    within,
)
from codesign_race import Candidate, evaluated

from dagsmith.data.evaluations import Evaluation, Evaluator
from dagsmith.hardware.pim import Hardware
from dagsmith.job import Job
from dagsmith.search import make_sampler, open_study, parse_objectives, run_search
from dagsmith.search.surrogate import Costs
from dagsmith.search.trials import Trials
from dagsmith.space import (
    Architecture,
    Genotypes,
    PIMSpace,
    RestrictedSpace,
    SearchSpace,
)
from dagsmith.space.component import Value
from dagsmith.stages import AT_ONCE
from dagsmith.training import trainings_at_once

ROUND = 4
"""Evaluations between two fits of the predictor."""
INITIAL = 2
"""Random architectures beside the starts."""
FIXED: dict[str, Value] = {"trunk": False}
"""What is not searched: beside its streams ctr-plus has NASRec's choice blocks, and one evaluation
with them takes as long as ten without."""


class NoWorseThan:
    """An evaluator for which log losses end at that of the base rate.

    By how much a net of too few ADC bits is worse than no model says nothing, and log losses of 10
    would be most of what a predictor has to explain.

    Args:
        evaluator: who evaluates.
        base: log loss of the base rate.
    """

    def __init__(self, evaluator: Evaluator, base: float) -> None:
        self._evaluator, self._base = evaluator, base
        self.fidelity = evaluator.fidelity

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """Evaluate each, and cut off."""
        return [
            replace(found, metrics=self._cut(found.metrics))
            for found in self._evaluator.evaluate(architectures)
        ]

    def _cut(self, metrics: Mapping[str, float]) -> dict[str, float]:
        return {
            name: min(value, self._base) if name == "logloss" else value
            for name, value in metrics.items()
        }


class Known:
    """An evaluator that repeats what is known of some architectures.

    Args:
        evaluator: who evaluates the others.
        losses: log losses, by key.
    """

    def __init__(self, evaluator: Evaluator, losses: Mapping[str, float]) -> None:
        self._evaluator, self._losses = evaluator, losses
        self.fidelity = evaluator.fidelity

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """Repeat, or evaluate."""
        new = [net for net in architectures if net.key not in self._losses]
        done = iter(self._evaluator.evaluate(new) if new else [])
        return [
            Evaluation(net, {"logloss": self._losses[net.key]}, {}, self.fidelity)
            if net.key in self._losses
            else next(done)
            for net in architectures
        ]


@dataclass(frozen=True)
class Searches:
    """Searches of one seed, each kept in a folder of its own.

    Args:
        model: the job of the models without hardware.
        joint: the job of the joint space.
        plain: scores models.
        mapped: scores models with their hardware.
        sampler: who proposes.
        flops: most FLOPs of a model.
        out: where the studies lie.
    """

    model: Job
    joint: Job
    plain: Evaluator
    mapped: Evaluator
    sampler: str
    flops: float
    out: Path

    def alone(self, trials: int) -> list[Candidate]:
        """Models without hardware, the hand-made ones of their space first.

        Those beyond the FLOPs are avoided: short trainings like what has everything.
        """
        job = self.model
        space = _searched(job.space)
        kept = {slot.name for slot in space.slots}
        points = [job.space.to_params(point) for point in job.handmade.values()]
        first = [space.from_params({k: v for k, v in p.items() if k in kept}) for p in points]
        initial = min(16, max(4, trials // 4))
        return self._run(
            "model",
            job,
            space,
            self.plain,
            trials,
            budget={"flops": 1.0},
            of={"flops": self.flops},
            initial=initial,
            first=np.stack(first) if first else None,
        )

    def together(
        self, models: Sequence[Candidate], starts: int, trials: int, of: Mapping[str, float]
    ) -> list[Candidate]:
        """Model and hardware, from models on the default hardware.

        Args:
            models: of `alone`; the first evaluations, and not repeated: 8 bits change little.
            starts: how many of them, the most accurate, get a neighbour within the budget.
            trials: evaluations beside those of the models.
            of: costs of (b).
        """
        narrow = _searched(self._space)
        first, evaluator = self._taken_up(narrow, models)
        best = self._points(narrow, most_accurate_of(models, starts, self.flops))
        return self._run(
            "together",
            self.joint,
            narrow,
            evaluator,
            len(models) + trials,
            budget=TOGETHER,
            of=of,
            first=np.vstack([first, self._nearest(narrow, best, TOGETHER, of)]),
        )

    def hardware_after(
        self, model: Candidate, trials: int, of: Mapping[str, float]
    ) -> list[Candidate]:
        """The hardware of one model of `alone`, from the default one."""
        space = self._space
        narrow = RestrictedSpace(_searched(space), model.params)
        given = narrow.from_params(on_default(space, {}))[None]
        return self._run(
            "after",
            self.joint,
            narrow,
            self.mapped,
            trials,
            budget=AFTER,
            of=of,
            first=np.vstack([given, self._nearest(narrow, given, AFTER, of)]),
        )

    def at_random(self, trials: int) -> list[Candidate]:
        """Random architectures of the joint space whose ADCs lose nothing either."""
        narrow = _searched(self._space)
        first = self._drawn(narrow, trials, 10_000)
        return self._run(
            "random", self.joint, narrow, self.mapped, trials, sampler="random", first=first
        )

    def for_the_front(
        self, models: Sequence[Candidate], starts: int, trials: int
    ) -> list[Candidate]:
        """Model and hardware for log loss, energy and latency at once, by expected hypervolume.

        It begins with the most accurate models on the default hardware, which are known, and random
        architectures, a quarter of all.

        Args:
            models: of `alone`.
            starts: how many of them.
            trials: evaluations, those of the models included.
        """
        narrow = _searched(self._space)
        points, evaluator = self._taken_up(narrow, most_accurate_of(models, starts, self.flops))
        # Not those of `at_random`, or the two would share them.
        drawn = self._drawn(narrow, trials // 4 - len(points), 20_000)
        return self._run(
            "front",
            self.joint,
            narrow,
            evaluator,
            trials,
            budget={},
            sampler="mh-pareto",
            first=np.vstack([points, drawn]),
            objectives="logloss,energy_pj,latency_ns",
        )

    def _taken_up(
        self, space: SearchSpace, models: Sequence[Candidate]
    ) -> tuple[Genotypes, Evaluator]:
        """Models on the default hardware, and an evaluator that knows them already."""
        points = self._points(space, models)
        losses = {
            space.decode(point).key: model.loss for point, model in zip(points, models, strict=True)
        }
        return points, Known(self.mapped, losses)

    def _points(self, space: SearchSpace, models: Sequence[Candidate]) -> Genotypes:
        """Models on the default hardware, as genotypes."""
        return np.stack(
            [space.from_params(on_default(self._space, model.params)) for model in models]
        )

    def _drawn(self, space: SearchSpace, count: int, place: int) -> Genotypes:
        """Random architectures whose ADCs lose nothing."""
        rng = np.random.default_rng([self.joint.settings.seed, place])
        drawn = space.sample(16 * max(1, count), rng)
        missing = with_missing_bits(self.joint.costs)(space.decode_many(drawn))[MISSING]
        kept: Genotypes = drawn[missing == 1.0][: max(1, count)]
        return kept

    @property
    def _space(self) -> PIMSpace:
        space = self.joint.space
        if not isinstance(space, PIMSpace):
            raise TypeError(f"{space.name} has no hardware")
        return space

    def _nearest(
        self, space: SearchSpace, starts: Genotypes, budget: Budget, of: Mapping[str, float]
    ) -> Genotypes:
        """A neighbour of each, at least two, that keeps to the budget."""
        rng = np.random.default_rng([self.joint.settings.seed, 11])
        again = np.arange(max(2, len(starts))) % len(starts)
        costs = with_missing_bits(self.joint.costs)
        return within(space, starts[again], costs, limits_of(budget, of), rng)

    def _run(
        self,
        name: str,
        job: Job,
        space: SearchSpace,
        evaluator: Evaluator,
        trials: int,
        *,
        budget: Budget | None = None,
        of: Mapping[str, float] | None = None,
        sampler: str = "",
        initial: int = INITIAL,
        first: Genotypes | None = None,
        objectives: str = "logloss",
    ) -> list[Candidate]:
        folder, wanted = self.out / name, parse_objectives(objectives)
        folder.mkdir(parents=True, exist_ok=True)
        study = open_study(
            folder / "study.db",
            name,
            space,
            wanted,
            context={"data": job.dataset.fingerprint, "evaluator": evaluator.fidelity},
        )
        costs: Costs = job.costs
        limits = limits_of(budget or {}, of or {})
        if budget is not None and job is self.joint:
            costs, limits = with_missing_bits(costs), (*limits, LOSSLESS)
        progress = job.progress
        progress.begin(f"{self.out.name}, {name}")

        def told(stage: str, done: int, total: int | None) -> None:
            progress.update(done, trials)

        try:
            run_search(
                study,
                space,
                evaluator,
                sampler=lambda seed: make_sampler(
                    sampler or self.sampler,
                    space,
                    seed,
                    initial=initial,
                    objectives=wanted,
                    costs=costs,
                    limits=limits,
                ),
                trials=trials,
                initial=initial,
                batch=ROUND,
                seed=job.settings.seed,
                costs=costs,
                progress=told,
                limits=limits,
                first=first,
                at_once=AT_ONCE * trainings_at_once(job),
            )
        finally:
            progress.end()
        return evaluated(Trials(study, wanted))[:trials]


def most_accurate_of(found: Sequence[Candidate], count: int, flops: float) -> list[Candidate]:
    """The best of those with no more FLOPs, best first."""
    return sorted((c for c in found if c.costs["flops"] <= flops), key=lambda c: c.loss)[:count]


def _searched(space: SearchSpace) -> SearchSpace:
    """The space without what is `FIXED`."""
    names = {slot.name for slot in space.slots}
    fixed = {name: value for name, value in FIXED.items() if name in names}
    return RestrictedSpace(space, fixed) if fixed else space


def on_default(space: PIMSpace, model: Mapping[str, Value]) -> dict[str, Value]:
    """A point of the joint space: a model's choices, and the default hardware at every place."""
    values = asdict(Hardware())
    return dict(model) | {
        slot.name: values[slot.name.rpartition(".")[2]] for slot in space.hardware_slots
    }
