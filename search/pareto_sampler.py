"""MH-ES for several objectives: the batch that is expected to enlarge the Pareto front most."""

from dataclasses import replace
from typing import final

import numpy as np

from dagsmith.search.metropolis import MetropolisHastingsSampler
from dagsmith.search.metropolis_settings import MetropolisHastingsSettings
from dagsmith.search.objectives import Objective
from dagsmith.search.record import Record
from dagsmith.search.sampler import Proposals, SpaceSampler
from dagsmith.search.surrogate import CostLimit, Costs, PredictorFactory
from dagsmith.space import SearchSpace


@final
class ParetoMetropolisHastingsSampler(SpaceSampler):
    """The multi-objective variant of `MetropolisHastingsSampler`.

    The chains walk as there: each climbs a weighting of the objectives of its own, and hears one
    member of the ensemble. The batch is then chosen from all that they scored by expected
    hypervolume improvement (`dagsmith.search.hypervolume.hypervolume_batch`), one proposal after
    the other, each as if those before it and the running trials of other workers were done. So no
    weights are needed, and what is certain (a cost) and what is doubtful (a prediction) count as
    much as they are. With one objective it is the expected improvement.

    Args:
        space: the search space.
        predictor: see `MetropolisHastingsSampler`; likewise all others.
        settings: how the chains walk; the acquisition is ``"ehvi"`` in any case.
        seed: seed of all randomness; None draws one.
        batch: proposals per fit inside a plain Optuna study.
        objectives: the study's objectives, to know which of them are costs.
        costs: computes costs of populations.
        limits: soft limits on costs.

    Example:
        >>> import optuna
        >>> from dagsmith.space import nasrec_small
        >>> sampler = ParetoMetropolisHastingsSampler(nasrec_small(13, 26), seed=0)
        >>> study = optuna.create_study(sampler=sampler, directions=["minimize", "minimize"])
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        predictor: PredictorFactory | None = None,
        settings: MetropolisHastingsSettings | None = None,
        seed: int | None = None,
        batch: int = 5,
        objectives: tuple[Objective, ...] = (),
        costs: Costs | None = None,
        limits: tuple[CostLimit, ...] = (),
    ) -> None:
        super().__init__(space, seed=seed, batch=batch, objectives=objectives)
        self.settings = replace(settings or MetropolisHastingsSettings(), acquisition="ehvi")
        self._proposer = MetropolisHastingsSampler(
            space,
            predictor=predictor,
            settings=self.settings,
            seed=seed,
            batch=batch,
            objectives=objectives,
            costs=costs,
            limits=limits,
        )

    def propose(self, record: Record, count: int, rng: np.random.Generator) -> Proposals:
        """Return `count` proposals with their predictions."""
        return self._proposer.propose(record, count, rng)
