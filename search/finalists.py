"""Which of the evaluated architectures are worth training from scratch."""

from dataclasses import dataclass

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from dagsmith.search.errors import SearchError
from dagsmith.search.ledger import in_order_of_proposals
from dagsmith.search.limits import excess
from dagsmith.search.pareto import crowding_distance, domination_ranks
from dagsmith.search.record import RecordReader
from dagsmith.search.study import study_objectives
from dagsmith.search.surrogate import CostLimit, Costs, PredictorFactory, Surrogate
from dagsmith.space import Architecture, SearchSpace


@dataclass(frozen=True)
class Finalist:
    """An architecture chosen for training from scratch.

    Args:
        trial: number of its trial.
        key: its canonical key.
        architecture: the architecture.
        values: its measured values.
        predicted: what a predictor fitted to all trials says, or None without one.
        score: what it was chosen by: with one objective the standardised quality, with several
            minus the domination rank.
    """

    trial: int
    key: str
    architecture: Architecture
    values: tuple[float, ...]
    predicted: tuple[float, ...] | None
    score: float


def select_finalists(
    study: optuna.Study,
    space: SearchSpace,
    k: int,
    *,
    predictor: PredictorFactory | None = None,
    weight: float = 0.5,
    costs: Costs | None = None,
    limits: tuple[CostLimit, ...] = (),
    budget: tuple[CostLimit, ...] = (),
    seed: int = 0,
) -> list[Finalist]:
    """Choose the `k` best distinct architectures of a study, best first.

    A measured value is the truth plus noise, and the best of many measured values is lucky: a
    predictor fitted to all of them smooths over like architectures, so the quality is

        z = (1 - weight) z_measured + weight z_predicted,

    in standard deviations of the record. With several objectives the Pareto front comes first, its
    least crowded members leading, then the next front.

    Args:
        study: a study over `space`.
        space: its search space.
        k: how many are wanted; fewer come if the study has fewer.
        predictor: makes a predictor; None goes by the measured values alone.
        weight: share of the prediction, 0 to 1.
        costs: computes costs of populations, if limits are given.
        limits: soft limits on costs.
        budget: limits beyond which an architecture is left out.
        seed: seed of the predictor.

    Raises:
        SearchError: `k` below 1, a weight out of range, or no trial within the budget; the nearest
            is named.
    """
    if k < 1:
        raise SearchError(f"{k} finalists wanted; expected at least 1")
    if not 0 <= weight <= 1:
        raise SearchError(f"weight is {weight}; expected a share from 0 to 1")
    reader = RecordReader(space)
    trials = []
    seen: set[str] = set()
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    for trial in in_order_of_proposals(complete):
        genotype = reader.genotype(trial.params)
        if genotype is None or not np.isfinite(trial.values).all():
            continue
        key = reader.key(genotype, trial.user_attrs)
        if key not in seen:
            seen.add(key)
            trials.append(trial)
    if budget and trials:
        trials = _within(trials, space, reader, budget, costs)
    if not trials:
        return []
    record = reader.read(trials, study.directions)
    population = space.decode_many(record.genotypes)
    learn = predictor is not None and weight > 0 and Surrogate.can_learn(record)
    surrogate = Surrogate(
        space,
        record,
        predictor if learn else None,
        seed,
        objectives=study_objectives(study),
        costs=costs,
        limits=limits,
    )
    quality = surrogate.standardised(record.quality * record.signs)
    predicted = surrogate.predict(population)[0] if learn else None
    if predicted is not None:
        quality = (1 - weight) * quality + weight * surrogate.standardised(predicted)
    score, order = _ranking(quality - surrogate.penalty(population)[:, None])
    return [
        Finalist(
            trial=trials[row].number,
            key=reader.key(record.genotypes[row], trials[row].user_attrs),
            architecture=space.decode(record.genotypes[row]),
            values=tuple(trials[row].values),
            predicted=None if predicted is None else tuple(map(float, predicted[row])),
            score=float(score[row]),
        )
        for row in order[:k]
    ]


def _within(
    trials: list[FrozenTrial],
    space: SearchSpace,
    reader: RecordReader,
    budget: tuple[CostLimit, ...],
    costs: Costs | None,
) -> list[FrozenTrial]:
    """The trials whose costs are within every limit of the budget."""
    if costs is None:
        raise SearchError("a budget needs the `costs` that compute what it limits")
    genotypes = [reader.genotype(trial.params) for trial in trials]
    found = costs(space.decode_many(np.array(genotypes, np.int16)))
    far = excess(found, budget)
    if far.min() > 0:
        row = int(far.argmin())
        reached = ", ".join(f"{b.cost} {float(found[b.cost][row]):.4g}" for b in budget)
        asked = ", ".join(f"{b.cost} {b.limit:.4g}" for b in budget)
        raise SearchError(
            f"none of {len(trials)} trials is within the budget ({asked}); the nearest is trial "
            f"{trials[row].number} with {reached}"
        )
    return [trial for trial, beyond in zip(trials, far, strict=True) if beyond == 0]


def _ranking(quality: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Score and order, best first, of ``[rows, objectives]``."""
    if quality.shape[1] == 1:
        return quality[:, 0], np.argsort(-quality[:, 0], kind="stable")
    ranks = domination_ranks(quality)
    crowding = np.zeros(len(quality))
    for rank in np.unique(ranks):
        members = ranks == rank
        crowding[members] = crowding_distance(quality[members])
    return -ranks.astype(float), np.lexsort((-crowding, ranks))
