"""Who stands for an arm of `codesign.py`: candidates of a search, raced by training from scratch.

What an evaluator says of an architecture is noisy, and the cheapest that it likes may be one that
it is wrong about. So several candidates along the front are trained with one seed; further rounds
look just below the cheapest that lost nothing; and only the best of these get the other seeds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np

from dagsmith.hardware import Flops
from dagsmith.hardware.pim import pim_costs
from dagsmith.job import Job
from dagsmith.search import pareto_front
from dagsmith.search.trials import Trials
from dagsmith.space import Architecture, Population
from dagsmith.space.component import Value
from dagsmith.space.ctr import PLUS_KINDS
from dagsmith.space.pim import PLUS_PIM_KINDS
from dagsmith.stages import train_models
from dagsmith.training import scratch_recipe, training_of

COSTS = ("flops", "energy_pj", "latency_ns", "area_mm2", "power_mw")

Entry = dict[str, Any]
"""A trained model: validation and test log loss, noise, AUC, costs, architecture."""


@dataclass(frozen=True)
class Candidate:
    """An evaluated architecture.

    Args:
        net: with its hardware, if it has any.
        loss: its log loss by the evaluator.
        costs: of it.
        params: its choices.
    """

    net: Architecture
    loss: float
    costs: Mapping[str, float]
    params: Mapping[str, Value]


@dataclass(frozen=True)
class Race:
    """How candidates are raced.

    Args:
        width: candidates per round, trained with one seed.
        rounds: the first spreads over the front, the others look below the cheapest that passed.
        finalists: candidates that get the other seeds.
        seeds: training seeds of a finalist.
        by: the costs that count, each as a share of those of (b).
    """

    width: int
    rounds: int
    finalists: int
    seeds: int
    by: tuple[str, ...]


def costs_of(job: Job, net: Architecture) -> dict[str, float]:
    """Costs on the hardware that the architecture names, else on the default hardware."""
    kinds = PLUS_PIM_KINDS if any(node.kind == "crossbar" for node in net.nodes) else PLUS_KINDS
    population = Population.from_architectures([net], kinds)
    found = pim_costs(population, table_rows=float(job.table_rows))
    found["flops"] = Flops().cost(population)
    return {name: float(found[name][0]) for name in COSTS}


def trained(
    job: Job, nets: Sequence[Architecture], seeds: int, recipe_of: str = ""
) -> dict[str, Entry]:
    """Train each from scratch with its hardware; means over the seeds, by key.

    Args:
        job: whose data and recipe.
        nets: with hardware.
        seeds: training seeds; those that were done before stand.
        recipe_of: the hand-made model whose recipe is taken; else that of the searched ones.
    """
    first, recipe = job.settings.seed, scratch_recipe(job, recipe_of)
    work = {
        net.key: [
            training_of(job, "codesign", net, first + index, recipe=recipe)
            for index in range(seeds)
        ]
        for net in nets
    }
    job.progress.begin(f"{job.path.parent.name}, from scratch")
    try:
        train_models(job, [training for runs in work.values() for training in runs])
    finally:
        job.progress.end()
    entries = {}
    for net in nets:
        outcomes = [run.outcome() or {} for run in work[net.key]]
        valid = [o["valid"]["logloss"] for o in outcomes if "valid" in o]
        if valid:
            entries[net.key] = {
                "valid": fmean(valid),
                "noise": stdev(valid) if len(valid) > 1 else 0.0,
                "test": fmean(o["test"]["logloss"] for o in outcomes if "test" in o),
                "auc": fmean(o["test"]["auc"] for o in outcomes if "test" in o),
                "seeds": len(valid),
                "costs": costs_of(job, net),
                "architecture": net.to_dict(),
            }
    return entries


def evaluated(trials: Trials) -> list[Candidate]:
    """What a search evaluated."""
    return [
        Candidate(
            trials.architecture(t), trials.metrics(t)["logloss"], trials.costs(t), dict(t.params)
        )
        for t in trials.complete
    ]


def share(costs: Mapping[str, float], of: Mapping[str, float], by: Sequence[str]) -> float:
    """The worst of the costs, as a share of those of (b): what candidates are chosen by."""
    return max(costs[name] / of[name] for name in by)


def fastest_equal(
    job: Job, archive: Sequence[Candidate], limit: float, of: Mapping[str, float], race: Race
) -> tuple[Entry, list[Entry]]:
    """The cheapest whose log loss from scratch is at most `limit`, else the best.

    Args:
        job: whose data and recipe.
        archive: what the search evaluated.
        limit: validation log loss that counts as equal.
        of: costs of (b).
        race: how.

    Returns:
        Its figures with ``equal``, whether it keeps to the limit; and all that were trained.
    """
    raced: dict[str, Entry] = {}

    def cost(entry: Entry) -> float:
        return share(entry["costs"], of, race.by)

    for number in range(race.rounds):
        passed = [cost(entry) for entry in raced.values() if entry["valid"] <= limit]
        bound = min(passed, default=math.inf)
        left = [c for c in archive if c.net.key not in raced]
        nets = _best(left, bound, race, of) if number else _spread(left, race, of)
        raced |= trained(job, nets, 1)
    passing = sorted((e for e in raced.values() if e["valid"] <= limit), key=cost)
    best = sorted(raced.values(), key=_loss)
    final = (passing or best)[: race.finalists]
    nets = [Architecture.from_dict(entry["architecture"]) for entry in final]
    done = trained(job, nets, race.seeds)
    equal = [entry for entry in done.values() if entry["valid"] <= limit]
    chosen = min(equal, key=cost) if equal else min(done.values(), key=_loss)
    return chosen | {"equal": bool(equal)}, list((raced | done).values())


def most_accurate(job: Job, nets: Sequence[Architecture], seeds: int) -> Entry:
    """The best of some by one seed each, trained with all seeds."""
    first = trained(job, nets, 1)
    best = min(first, key=lambda key: _loss(first[key]))
    return trained(job, [net for net in nets if net.key == best], seeds)[best]


def _loss(entry: Entry) -> float:
    return float(entry["valid"])


def _best_first(
    left: Sequence[Candidate], bound: float, race: Race, of: Mapping[str, float]
) -> list[Candidate]:
    """Whole fronts of candidates below `bound` until there are enough, by log loss."""
    pool = [(c.loss, share(c.costs, of, race.by), c) for c in left]
    pool = [row for row in pool if row[1] < bound] or pool
    kept: list[tuple[float, float, Candidate]] = []
    while pool and len(kept) < race.width:
        values = np.array([row[:2] for row in pool])
        front = set(pareto_front(values, ["minimize", "minimize"]).tolist())
        kept += [row for index, row in enumerate(pool) if index in front]
        pool = [row for index, row in enumerate(pool) if index not in front]
    return [row[2] for row in sorted(kept, key=lambda row: row[0])]


def _spread(
    archive: Sequence[Candidate], race: Race, of: Mapping[str, float]
) -> list[Architecture]:
    """From the most accurate of those below (b)'s costs to cheap ones, evenly.

    Without the worse half of all: the cheapest of a front are useless.
    """
    worst = float(np.median([c.loss for c in archive]))
    front = _best_first([c for c in archive if c.loss <= worst], 1.0, race, of)
    places = np.unique(np.linspace(0, len(front) - 1, race.width).round().astype(int))
    return [front[place].net for place in places]


def _best(
    left: Sequence[Candidate], bound: float, race: Race, of: Mapping[str, float]
) -> list[Architecture]:
    """The most accurate below the bound."""
    return [c.net for c in _best_first(left, bound, race, of)[: race.width]]
