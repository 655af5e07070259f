"""The searches of `codesign.py` that one supernet scores: together, hardware afterwards, at random.

What is wanted is the best log loss at costs far below those of (b), so the searches minimize log
loss under budgets: shares of (b)'s costs, in steps. (With log loss and three costs as objectives
of equal rank, which agree among each other, chains spend most evaluations on the cheapest corner.)
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from codesign_race import Candidate, costs_of, evaluated

from dagsmith.data.evaluations import Evaluation, Evaluator
from dagsmith.files import write_text
from dagsmith.hardware.pim import Hardware
from dagsmith.job import Job
from dagsmith.search import make_sampler, open_study, parse_objectives, run_search
from dagsmith.search.limits import HARD
from dagsmith.search.surrogate import CostLimit
from dagsmith.search.trials import Trials
from dagsmith.space import Architecture, NASRecPIMSpace, RestrictedSpace, SearchSpace

Budget = Mapping[str, float]
"""Largest share of (b)'s costs, by cost."""
TOGETHER: tuple[Budget, ...] = (
    {"flops": 0.4, "energy_pj": 0.2, "latency_ns": 0.25},
    {"flops": 0.15, "energy_pj": 0.06, "latency_ns": 0.1},
)
"""Budgets of the joint search, each for its share of the evaluations."""
AFTER: tuple[Budget, ...] = (
    {"energy_pj": 0.6, "latency_ns": 0.4},
    {"energy_pj": 0.3, "latency_ns": 0.1},
)
"""Those of the search of hardware for a model, whose FLOPs are what they are."""


@dataclass(frozen=True)
class NoWorseThan:
    """An evaluator for which log losses end at that of the base rate.

    By how much a net of too few ADC bits is worse than no model says nothing, and log losses of 10
    would be most of what a predictor has to explain.

    Args:
        evaluator: who evaluates.
        base: log loss of the base rate.
    """

    evaluator: Evaluator
    base: float
    fidelity: str = "supernet"

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """Evaluate each, and cut off."""
        return [
            replace(found, metrics=self._cut(found.metrics))
            for found in self.evaluator.evaluate(architectures)
        ]

    def _cut(self, metrics: Mapping[str, float]) -> dict[str, float]:
        return {
            name: min(value, self.base) if name == "logloss" else value
            for name, value in metrics.items()
        }


@dataclass(frozen=True)
class Searches:
    """Searches by one evaluator, each kept in a folder of its own.

    Args:
        joint: the job of the joint space.
        evaluator: scores mapped architectures.
        sampler: who proposes.
        of: costs of (b).
        out: where the studies lie.
    """

    joint: Job
    evaluator: Evaluator
    sampler: str
    of: Mapping[str, float]
    out: Path

    def together(self, trials: int) -> list[Candidate]:
        """Model and hardware."""
        return self._run("together", self.joint.space, self.sampler, trials, TOGETHER)

    def hardware_after(self, alone: Job, model: Architecture, trials: int) -> list[Candidate]:
        """The hardware of a model that the search `alone` found."""
        space = self.joint.space
        if not isinstance(space, NASRecPIMSpace):
            raise TypeError(f"{space.name} has no hardware")
        params = next(
            dict(trial.params)
            for trial in alone.trials.complete
            if alone.trials.architecture(trial).key == model.key
        )
        return self._run("after", RestrictedSpace(space, params), self.sampler, trials, AFTER)

    def at_random(self, trials: int) -> list[Candidate]:
        """Random architectures of the joint space."""
        # The joint search begins with random ones: others, or the two would share them.
        return self._run("random", self.joint.space, "random", trials, ({},), other=10_000)

    def on_default(self, models: Sequence[Candidate]) -> list[Candidate]:
        """Models on the default hardware; their scores are kept in a file."""
        path = self.out / "default.json"
        nets = [Hardware().equip(model.net) for model in models]
        if path.is_file():
            losses: list[float] = json.loads(path.read_text(encoding="utf-8"))
        else:
            found = self.evaluator.evaluate(nets)
            losses = [float(e.metrics.get("logloss", np.inf)) for e in found]
            write_text(path, json.dumps(losses) + "\n")
        rows = zip(nets, losses, strict=True)
        return [Candidate(net, loss, costs_of(self.joint, net)) for net, loss in rows]

    def _run(
        self,
        name: str,
        space: SearchSpace,
        sampler: str,
        trials: int,
        budgets: Sequence[Budget],
        other: int = 0,
    ) -> list[Candidate]:
        folder, objectives = self.out / name, parse_objectives("logloss")
        folder.mkdir(parents=True, exist_ok=True)
        study = open_study(folder / "study.db", name, space, objectives)
        progress = self.joint.progress
        progress.begin(name)
        initial = min(32, max(4, trials // 4))

        def told(stage: str, done: int, total: int | None) -> None:
            progress.update(done, trials)

        try:
            for step, budget in enumerate(budgets, start=1):
                limits = tuple(
                    CostLimit(cost, portion * self.of[cost], HARD)
                    for cost, portion in budget.items()
                )
                run_search(
                    study,
                    space,
                    self.evaluator,
                    sampler=lambda seed, limits=limits: make_sampler(  # type: ignore[misc]
                        sampler,
                        space,
                        seed,
                        initial=initial,
                        objectives=objectives,
                        costs=self.joint.costs,
                        limits=limits,
                    ),
                    trials=trials * step // len(budgets),
                    initial=initial,
                    seed=self.joint.settings.seed + other,
                    costs=self.joint.costs,
                    progress=told,
                )
        finally:
            progress.end()
        return evaluated(Trials(study, objectives))
