"""From the study, which is the only record of a search, to what result and report need."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from dagsmith.search.ledger import in_order_of_proposals
from dagsmith.search.objectives import Objective
from dagsmith.search.pareto import pareto_front
from dagsmith.search.record import (
    ARCHITECTURE,
    COST,
    FIDELITY,
    KEY,
    METRIC,
    PREDICTED,
    PREDICTED_STD,
    ROUND,
    evaluated,
)
from dagsmith.search.trial_record import TrialRecord
from dagsmith.space import Architecture

_PAUSE_S = 600.0


class Trials:
    """The finished trials of a study, as the job reads them.

    Args:
        study: written by `dagsmith.search.run_search`.
        objectives: of the study; the first is what models are ranked by.
    """

    def __init__(self, study: optuna.Study, objectives: Sequence[Objective]) -> None:
        self.objectives = tuple(objectives)
        self.quality = self.objectives[0]
        self.finished = in_order_of_proposals(
            [t for t in study.get_trials(deepcopy=False) if evaluated(t) and KEY in t.user_attrs]
        )
        self.complete = [t for t in self.finished if t.state == TrialState.COMPLETE]
        self._by_number = {trial.number: trial for trial in self.finished}
        self._place = {trial.number: place for place, trial in enumerate(self.finished)}

    def __getitem__(self, number: int) -> FrozenTrial:
        return self._by_number[number]

    def with_keys(self, keys: Sequence[str]) -> list[int]:
        """Numbers of the trials of these architectures, in the order of `keys`."""
        known = {str(trial.user_attrs[KEY]): trial.number for trial in self.finished}
        return [known[key] for key in keys if key in known]

    def place(self, trial: FrozenTrial) -> int:
        """Its place in the order of proposals, from 0.

        Optuna's own number also counts trials that were interrupted, and would make the result of
        a resumed search another one.
        """
        return self._place[trial.number]

    def architecture(self, trial: FrozenTrial) -> Architecture:
        """The architecture that the trial evaluated."""
        return Architecture.from_json(str(trial.user_attrs[ARCHITECTURE]))

    def metrics(self, trial: FrozenTrial) -> dict[str, float]:
        """What was measured, objectives included."""
        return self._group(trial, METRIC, cost=False)

    def costs(self, trial: FrozenTrial) -> dict[str, float]:
        """The costs, objectives included."""
        return self._group(trial, COST, cost=True)

    def opinions(self, trial: FrozenTrial) -> dict[str, Any]:
        """What supernet and predictor said of the architecture, as the result has it."""
        mean = trial.user_attrs.get(PREDICTED + self.quality.name)
        std = trial.user_attrs.get(PREDICTED_STD + self.quality.name)
        return {
            "trial": self.place(trial),
            "supernet": self.metrics(trial) or None,
            "predictor": None if mean is None else {"mean": mean, "std": std},
        }

    def records(self) -> list[TrialRecord]:
        """What the report shows of each trial.

        ``elapsed_s`` counts from the first start; a pause of more than ten minutes between two
        trials is an interruption of the search and is left out. Seconds in which several trials
        ran side by side count once.
        """
        elapsed, records = self._elapsed(), list[TrialRecord]()
        for trial in self.finished:
            records.append(
                {
                    "number": self.place(trial),
                    "state": "complete" if trial.state == TrialState.COMPLETE else "failed",
                    "round": int(trial.user_attrs.get(ROUND, 0)),
                    "key": str(trial.user_attrs[KEY]),
                    "metrics": self.metrics(trial),
                    "costs": self.costs(trial),
                    "predicted_mean": trial.user_attrs.get(PREDICTED + self.quality.name),
                    "predicted_std": trial.user_attrs.get(PREDICTED_STD + self.quality.name),
                    "fidelity": str(trial.user_attrs.get(FIDELITY, "")),
                    "elapsed_s": elapsed.get(trial.number, 0.0),
                }
            )
        return records

    def _elapsed(self) -> dict[int, float]:
        """Seconds from the first start to each trial's end, by its number."""
        spans = sorted(
            (trial.datetime_complete, trial.datetime_start, trial.number)
            for trial in self.finished
            if trial.datetime_complete is not None and trial.datetime_start is not None
        )
        found: dict[int, float] = {}
        elapsed, reached = 0.0, min((start for _, start, _ in spans), default=None)
        for end, start, number in spans:
            assert reached is not None
            pause = (start - reached).total_seconds()
            elapsed += pause if 0 < pause <= _PAUSE_S else 0.0
            elapsed += (end - max(reached, start)).total_seconds()
            found[number], reached = elapsed, end
        return found

    def front(self) -> list[FrozenTrial]:
        """The completed trials on the Pareto front of quality and FLOPs, best quality first."""
        if not self.complete:
            return []
        values = [
            [self.metrics(trial)[self.quality.name], self.costs(trial)["flops"]]
            for trial in self.complete
        ]
        chosen = pareto_front(np.array(values), [self.quality.direction, "minimize"])
        return [self.complete[int(index)] for index in chosen]

    def at_random(self, count: int, without: Sequence[int], seed: int) -> list[FrozenTrial]:
        """Up to `count` completed trials, to measure rankings on more than the best.

        Those with a recorded prediction come first, because only they tell of the predictor.

        Args:
            count: how many.
            without: numbers of trials that are not wanted.
            seed: of the draw.
        """
        rest = [trial for trial in self.complete if trial.number not in set(without)]
        order = np.random.default_rng([seed, 1]).permutation(len(rest))
        shuffled = [rest[int(index)] for index in order]
        mark = PREDICTED + self.quality.name
        return sorted(shuffled, key=lambda trial: mark not in trial.user_attrs)[:count]

    def _group(self, trial: FrozenTrial, prefix: str, *, cost: bool) -> dict[str, float]:
        """Attributes below `prefix`, and the objectives of that kind, which are trial values."""
        attributes = {
            name.removeprefix(prefix): float(value)
            for name, value in trial.user_attrs.items()
            if name.startswith(prefix)
        }
        if trial.state != TrialState.COMPLETE:
            return attributes
        values = zip(self.objectives, trial.values, strict=True)
        return {o.name: float(value) for o, value in values if o.cost == cost} | attributes
