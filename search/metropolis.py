"""Metropolis-Hastings evolutionary search: many chains over a fitted surrogate."""

from typing import TYPE_CHECKING, final

import numpy as np

from dagsmith.search.chains import Chains
from dagsmith.search.diversity import spread_out
from dagsmith.search.hypervolume import hypervolume_batch
from dagsmith.search.metropolis_settings import MetropolisHastingsSettings
from dagsmith.search.objectives import Objective
from dagsmith.search.random_search import filled_up, random_proposals
from dagsmith.search.record import Record
from dagsmith.search.sampler import Proposals, SpaceSampler, first_unseen
from dagsmith.search.surrogate import CostLimit, Costs, PredictorFactory, Surrogate
from dagsmith.space import Genotypes, SearchSpace, Vocabulary

if TYPE_CHECKING:
    from dagsmith.predictor import Predictor

_SHORTLIST = 64
"""Candidates per proposal wanted that the hypervolume is computed for, and as many more as are
known: enough to find unlike ones among the best."""


@final
class MetropolisHastingsSampler(SpaceSampler):
    """MH-ES: evolutionary search whose survivors are chosen as in Metropolis-Hastings.

    For a proposal, a predictor is fitted to the record; then each chain steps from its architecture
    with score s to the best of its mutants, with score s', accepted with probability

        min(1, exp((s' - s) / T_i)),    T_i = T_0 (1 + cos(pi i / N)),    i = 1 .. N,

    so that chains roam first and climb at the end. T_N is 0: there only what is no worse is
    accepted. Everything that any chain has scored competes for the batch; what was evaluated before
    (by canonical key) does not, and what resembles a chosen or a running one pays for it.

    With several objectives each chain has its own weights w and climbs the augmented Chebyshev
    score ``min_j w_j (z_j - z*_j) + 0.05 sum_j w_j (z_j - z*_j)``, with z the standardised values
    and z* the best of the record, so that the chains spread along the Pareto front. Objectives that
    are costs are computed exactly. `ParetoMetropolisHastingsSampler` chooses the batch by expected
    hypervolume improvement.

    Constraints told by ``trial.set_constraint`` are predicted as objectives are; what is expected
    to miss one pays in proportion.

    Source: Zhang et al., "CSCO: Connectivity Search of Convolutional Operators", CVPRW 2024,
    arXiv 2404.17152; the weights as in Knowles, "ParEGO", 2006.

    Args:
        space: the search space.
        predictor: makes a fresh predictor from component kinds and a seed, for every fit;
            None is dagsmith's GNN.
        settings: how the chains walk, and what they look for.
        seed: seed of all randomness; None draws one.
        batch: proposals per fit inside a plain Optuna study.
        objectives: the study's objectives, to know which of them are costs.
        costs: computes costs of populations.
        limits: soft limits on costs.

    Example:
        >>> import optuna
        >>> from dagsmith.space import nasrec_small
        >>> sampler = MetropolisHastingsSampler(nasrec_small(13, 26), seed=0)
        >>> study = optuna.create_study(sampler=sampler)
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
        self.settings = settings or MetropolisHastingsSettings()
        self.costs = costs
        self.limits = limits
        self._predictor = predictor or gnn_predictor

    def propose(self, record: Record, count: int, rng: np.random.Generator) -> Proposals:
        """Return `count` proposals with their predictions."""
        if len(record) < self.settings.initial or not Surrogate.can_learn(record):
            return random_proposals(self.space, record.seen, count, rng)
        surrogate = Surrogate(
            self.space,
            record,
            self._predictor,
            int(rng.integers(2**31)),
            objectives=self.objectives,
            costs=self.costs,
            limits=self.limits,
        )
        return chain_proposals(self.space, surrogate, self.settings, record, count, rng)


def chain_proposals(
    space: SearchSpace,
    surrogate: Surrogate,
    settings: MetropolisHastingsSettings,
    record: Record,
    count: int,
    rng: np.random.Generator,
) -> Proposals:
    """Walk chains over a fitted surrogate, and choose a batch of what they have scored."""
    chains = Chains(space, surrogate, settings, rng)
    chains.walk(record)
    wanted = count - round(settings.explore * count)
    if settings.acquisition == "ehvi":
        genotypes, keys = _by_hypervolume(space, surrogate, chains, record, wanted)
    else:
        genotypes, keys = spread_out(
            space,
            chains.genotypes,
            chains.scores(wanted),
            record.seen,
            settings.diversity,
            record.pending,
        )
    found = filled_up(space, record.seen, Proposals(genotypes, keys), count, rng)
    if not len(found):
        return found
    mean, std = surrogate.predict(space.decode_many(found.genotypes))
    return Proposals(found.genotypes, found.keys, mean, std)


def _by_hypervolume(
    space: SearchSpace, surrogate: Surrogate, chains: Chains, record: Record, count: int
) -> tuple[Genotypes, tuple[str, ...]]:
    """The new candidates that promise most hypervolume together, and their keys."""
    # Whatever is good under some weighting and to some member is looked at closely.
    scores = chains.scores(max(count, 2 * len(chains.quality)))
    ranks = (-scores).argsort(axis=1, kind="stable").argsort(axis=1).min(axis=0)
    best = ranks.argsort(kind="stable")[: _SHORTLIST * max(count, 1) + len(record.seen)]
    new, keys = first_unseen(space, chains.genotypes[best], record.seen, _SHORTLIST * count)
    rows = best[new]
    pending = None
    if record.pending is not None:
        running = space.decode_many(record.pending)
        pending = surrogate.quality(running, "ehvi") - surrogate.penalty(running)[:, None]
    chosen = hypervolume_batch(
        chains.quality[:, rows] - chains.penalty[rows, None],
        surrogate.front,
        count,
        pending=pending,
        tie=-ranks[rows].astype(float),
    )
    return chains.genotypes[rows[chosen]], tuple(keys[row] for row in chosen)


def gnn_predictor(kinds: Vocabulary, seed: int) -> "Predictor":
    """The default predictor: dagsmith's GNN with its default settings."""
    # torch takes seconds to import, and searches with another sampler do without it.
    from dagsmith.predictor import GNNPredictor

    return GNNPredictor(kinds, seed=seed, unknown="mean")
