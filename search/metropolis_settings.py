"""How Metropolis-Hastings evolutionary search walks, and what it looks for."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from dagsmith.search.errors import SearchError
from dagsmith.search.temperature import SCHEDULES, Schedule
from dagsmith.space.errors import nearest

ChainAcquisition = Literal["mean", "ucb", "thompson", "ehvi"]
CHAIN_ACQUISITIONS: tuple[ChainAcquisition, ...] = get_args(ChainAcquisition)


@dataclass(frozen=True, slots=True)
class MetropolisHastingsSettings:
    """How the chains walk. Scores are in standard deviations of the evaluated values.

    Args:
        initial: completed trials before the predictor is trusted; until then architectures are
            drawn by the slots' weights.
        warm_up: random architectures scored before the chains start (the burn-in).
        chains: chains that walk side by side; they start at the best of the burn-in and of the
            evaluated architectures.
        steps: steps of each chain.
        children: mutants per chain and step; the best of them is the proposal.
        mutations: slots redrawn per mutant.
        temperature: T_0 of the schedule.
        schedule: how the temperature falls; see `dagsmith.search.temperature.temperature`.
        acquisition: what is looked for. ``"mean"``: the predicted mean; ``"ucb"``: mean + beta std;
            ``"thompson"``: every chain, and every pick of the batch, hears one member of the
            ensemble only; ``"ehvi"``: chains walk as for ``"thompson"``, the batch is chosen by
            expected hypervolume improvement (with one objective, expected improvement).
        beta: the optimism of ``"ucb"``.
        diversity: standard deviations of score that a proposal gives up if it equals another of
            the same batch, or a running trial, in every node, and in proportion if in some.
            ``"ehvi"`` spreads by itself.
        explore: share of each batch drawn at random, so that the predictor keeps seeing the space.
    """

    initial: int = 10
    warm_up: int = 2048
    chains: int = 256
    steps: int = 40
    children: int = 1
    mutations: int = 1
    temperature: float = 0.1
    schedule: Schedule = "cosine"
    acquisition: ChainAcquisition = "ucb"
    beta: float = 0.5
    diversity: float = 0.5
    explore: float = 0.0

    def __post_init__(self) -> None:
        for name in ("initial", "warm_up", "chains", "steps", "children", "mutations"):
            if getattr(self, name) < 1:
                raise SearchError(f"{name} is {getattr(self, name)}; expected at least 1")
        for name in ("temperature", "beta", "diversity"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SearchError(f"{name} is {getattr(self, name)}; expected at least 0")
        if not 0 <= self.explore <= 1:
            raise SearchError(f"explore is {self.explore}; expected a share from 0 to 1")
        if self.acquisition not in CHAIN_ACQUISITIONS:
            raise SearchError(
                f"unknown acquisition {self.acquisition!r}; "
                f"{nearest(self.acquisition, CHAIN_ACQUISITIONS)}"
            )
        if self.schedule not in SCHEDULES:
            raise SearchError(
                f"unknown schedule {self.schedule!r}; {nearest(self.schedule, SCHEDULES)}"
            )
