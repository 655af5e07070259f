"""Who stands for an arm of `codesign.py`: candidates of a search, raced by training from scratch.

What an evaluator says of an architecture is noisy, and short trainings like what is small. So it
is asked among candidates of about the same size only: the most accurate of each band of sizes are
trained with one seed; further rounds look below the cheapest that lost nothing or, as long as
nothing did, at the next ones of the largest band. The cheapest and the most accurate of those that
passed get the other seeds. All is chosen on validation rows.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from codesign_budgets import Budget

from dagsmith.hardware import Flops
from dagsmith.hardware.pim import pim_costs
from dagsmith.job import Job
from dagsmith.search.trials import Trials
from dagsmith.space import Architecture, Population
from dagsmith.space.component import Value
from dagsmith.space.ctr import PLUS_KINDS
from dagsmith.space.pim import PLUS_PIM_KINDS
from dagsmith.stages import train_models
from dagsmith.supernet import Recipe
from dagsmith.training import fit_penalties, scratch_recipe, training_of

BANDS = 3
"""Bands of sizes: half of the budget and more, a quarter and more, the rest."""
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
        rounds: the first goes through the bands, the others look below the cheapest that passed.
        finalists: candidates that get the other seeds.
        seeds: training seeds of a finalist.
        budget: largest shares of (b)'s costs; what exceeds one is not raced. The first cost is
            the size by which candidates are put in bands, each a factor of two wide but the last.
    """

    width: int
    rounds: int
    finalists: int
    seeds: int
    budget: Budget

    def band(self, costs: Mapping[str, float], of: Mapping[str, float]) -> int:
        """Which band of sizes costs are in: 0 down to half of the budget, 1 to a quarter, ..."""
        cost, most = next(iter(self.budget.items()))
        # There are models without a single product.
        times = most * of[cost] / max(1.0, costs[cost])
        return min(BANDS - 1, int(math.log2(max(1.0, times))))


def costs_of(job: Job, net: Architecture) -> dict[str, float]:
    """Costs on the hardware that the architecture names, else on the default hardware."""
    kinds = PLUS_PIM_KINDS if any(node.kind == "crossbar" for node in net.nodes) else PLUS_KINDS
    population = Population.from_architectures([net], kinds)
    found = pim_costs(population, table_rows=float(job.table_rows))
    found["flops"] = Flops().cost(population)
    return {name: float(found[name][0]) for name in COSTS}


def fitted_recipe(job: Job, net: Architecture) -> Recipe:
    """The recipe of the searched models with the embedding penalty that is best for this one."""
    kept = job.path / f"penalties-{net.key}.json"
    job.progress.begin(f"{job.path.parent.name}, penalty of a hand-made model")
    try:
        return fit_penalties(job, {net.key: net}, scratch_recipe(job), kept)[net.key].recipe
    finally:
        job.progress.end()


def trained(
    job: Job, nets: Sequence[Architecture], seeds: int, recipe: Recipe | None = None
) -> dict[str, Entry]:
    """Train each from scratch with its hardware; means over the seeds, by key.

    Args:
        job: whose data and recipe.
        nets: with hardware.
        seeds: training seeds; those that were done before stand.
        recipe: else that of the searched models.
    """
    first, recipe = job.settings.seed, recipe or scratch_recipe(job)
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
                "key": net.key,
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


def share(costs: Mapping[str, float], of: Mapping[str, float], by: Iterable[str]) -> float:
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
        return share(entry["costs"], of, race.budget)

    kept = [c for c in archive if not _beyond(c, race, of)] or archive
    for number in range(race.rounds):
        passed = [cost(entry) for entry in raced.values() if entry["valid"] <= limit]
        left = [c for c in kept if c.net.key not in raced]
        if passed:
            left = [c for c in left if share(c.costs, of, race.budget) < min(passed)]
        raced |= trained(job, _drawn(left, race, of, spread=not number), 1)
    passing = sorted((e for e in raced.values() if e["valid"] <= limit), key=cost)
    best = sorted(passing or raced.values(), key=_loss)
    # One seed may have been lucky: with the cheapest goes the one that is least likely to fail.
    final = [*passing[: (race.finalists + 1) // 2], *best]
    keys = list(dict.fromkeys(entry["key"] for entry in final))[: race.finalists]
    nets = [Architecture.from_dict(raced[key]["architecture"]) for key in keys]
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


def _beyond(candidate: Candidate, race: Race, of: Mapping[str, float]) -> bool:
    return any(candidate.costs[name] > most * of[name] for name, most in race.budget.items())


def _drawn(
    left: Sequence[Candidate], race: Race, of: Mapping[str, float], *, spread: bool
) -> list[Architecture]:
    """The most accurate of each band in turn, or of the largest band first.

    Never two of one size: most of what has the same size is the same model.
    """
    size = next(iter(race.budget))
    kept: dict[float, Candidate] = {}
    for candidate in sorted(left, key=lambda c: c.loss):
        kept.setdefault(candidate.costs[size], candidate)
    places: dict[int, int] = {}
    ranked = []
    for candidate in kept.values():
        band = race.band(candidate.costs, of)
        place = places[band] = places.get(band, -1) + 1
        ranked.append(((place, band) if spread else (band, place), candidate.net))
    return [net for _, net in sorted(ranked, key=lambda row: row[0])[: race.width]]
