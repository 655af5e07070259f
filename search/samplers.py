"""Every sampler by its name: our own, and Optuna's."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import optuna
from optuna.samplers import BaseSampler

from dagsmith.search.errors import SearchError
from dagsmith.search.evolution import EvolutionSettings, RegularizedEvolutionSampler
from dagsmith.search.local_search import LocalSearchSampler
from dagsmith.search.metropolis import MetropolisHastingsSampler
from dagsmith.search.metropolis_settings import MetropolisHastingsSettings
from dagsmith.search.metropolis_walk import MetropolisWalkSampler, MetropolisWalkSettings
from dagsmith.search.objectives import Objective
from dagsmith.search.pareto_sampler import ParetoMetropolisHastingsSampler
from dagsmith.search.random_search import RandomArchitectureSampler
from dagsmith.search.surrogate import CostLimit, Costs, PredictorFactory
from dagsmith.space import SearchSpace
from dagsmith.space.errors import nearest


@dataclass(frozen=True, slots=True)
class _Order:
    """What `make_sampler` was asked for."""

    space: SearchSpace
    seed: int | None
    initial: int
    batch: int
    objectives: tuple[Objective, ...]
    predictor: PredictorFactory | None
    costs: Costs | None
    limits: tuple[CostLimit, ...]


def _chains(
    order: _Order,
    kind: type[MetropolisHastingsSampler] | type[ParetoMetropolisHastingsSampler],
) -> BaseSampler:
    return kind(
        order.space,
        predictor=order.predictor,
        settings=MetropolisHastingsSettings(initial=order.initial),
        seed=order.seed,
        batch=order.batch,
        objectives=order.objectives,
        costs=order.costs,
        limits=order.limits,
    )


def _walk(order: _Order) -> BaseSampler:
    return MetropolisWalkSampler(
        order.space,
        settings=MetropolisWalkSettings(initial=order.initial),
        seed=order.seed,
        batch=order.batch,
        objectives=order.objectives,
        costs=order.costs,
        limits=order.limits,
    )


def _local(order: _Order) -> BaseSampler:
    return LocalSearchSampler(
        order.space,
        initial=order.initial,
        seed=order.seed,
        batch=order.batch,
        objectives=order.objectives,
        costs=order.costs,
        limits=order.limits,
    )


def _evolution(order: _Order) -> BaseSampler:
    return RegularizedEvolutionSampler(
        order.space,
        settings=EvolutionSettings(population=order.initial, tournament=max(2, order.initial // 4)),
        seed=order.seed,
        batch=order.batch,
        objectives=order.objectives,
        costs=order.costs,
        limits=order.limits,
    )


SAMPLERS: dict[str, Callable[[_Order], BaseSampler]] = {
    "mh": lambda order: _chains(order, MetropolisHastingsSampler),
    "mh-pareto": lambda order: _chains(order, ParetoMetropolisHastingsSampler),
    "mh-walk": _walk,
    "evolution": _evolution,
    "local": _local,
    "random": lambda order: RandomArchitectureSampler(
        order.space, seed=order.seed, costs=order.costs, limits=order.limits
    ),
    "tpe": lambda order: optuna.samplers.TPESampler(
        seed=order.seed, n_startup_trials=order.initial
    ),
    "gp": lambda order: optuna.samplers.GPSampler(seed=order.seed, n_startup_trials=order.initial),
    "nsga2": lambda order: optuna.samplers.NSGAIISampler(
        seed=order.seed, population_size=max(2, order.initial)
    ),
    "nsga3": lambda order: optuna.samplers.NSGAIIISampler(
        seed=order.seed, population_size=max(2, order.initial)
    ),
    # QMC sequences are for numbers: choices are drawn at random by it, so it says nothing of that.
    "qmc": lambda order: optuna.samplers.QMCSampler(
        seed=order.seed, warn_independent_sampling=False, warn_asynchronous_seeding=False
    ),
    "bruteforce": lambda order: optuna.samplers.BruteForceSampler(seed=order.seed),
}
"""Samplers by name. CMA-ES is not among them: it samples numbers only, and slots are choices."""


def make_sampler(
    name: str,
    space: SearchSpace,
    seed: int | None = None,
    *,
    initial: int = 32,
    batch: int = 8,
    objectives: tuple[Objective, ...] = (),
    predictor: PredictorFactory | None = None,
    costs: Costs | None = None,
    limits: tuple[CostLimit, ...] = (),
) -> BaseSampler:
    """Make the sampler called `name`; see `SAMPLERS`.

    Args:
        name: ``"mh"``, ``"mh-pareto"``, ``"mh-walk"``, ``"evolution"``, ``"local"``, ``"random"``,
            or one of Optuna's: ``"tpe"``, ``"gp"``, ``"nsga2"``, ``"nsga3"``, ``"qmc"``,
            ``"bruteforce"``.
        space: the search space.
        seed: seed of all randomness; None draws one.
        initial: random architectures before a model is trusted; the population where there is one.
        batch: proposals made at a time.
        objectives: the study's objectives.
        predictor: makes the predictor of ``"mh"`` and ``"mh-pareto"``; None is dagsmith's GNN.
        costs: computes costs of populations, for dagsmith's own.
        limits: on costs, soft ones for these two; the others of dagsmith propose what is within if
            they can. Optuna's samplers see limits as constraints on the trials, which `run_search`
            gives them.

    Raises:
        SearchError: an unknown name, or limits without `costs`.

    Example:
        >>> from dagsmith.space import nasrec_small
        >>> type(make_sampler("tpe", nasrec_small(13, 26), seed=0)).__name__
        'TPESampler'
    """
    if name not in SAMPLERS:
        raise SearchError(f"unknown sampler {name!r}; {nearest(name, SAMPLERS)}")
    order = _Order(space, seed, initial, batch, objectives, predictor, costs, limits)
    with warnings.catch_warnings():
        # Which of Optuna's samplers are experimental is in its documentation.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return SAMPLERS[name](order)
