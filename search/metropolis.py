"""Metropolis-Hastings evolutionary search: many chains over a fitted surrogate."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, final

import numpy as np
from numpy.typing import NDArray

from dagsmith.search.diversity import spread_out
from dagsmith.search.errors import SearchError
from dagsmith.search.objectives import Objective
from dagsmith.search.random_search import random_proposals
from dagsmith.search.record import Record
from dagsmith.search.sampler import Proposals, SpaceSampler
from dagsmith.search.surrogate import CostLimit, Costs, PredictorFactory, Surrogate
from dagsmith.space import Genotypes, SearchSpace, Vocabulary
from dagsmith.space.errors import nearest

if TYPE_CHECKING:
    from dagsmith.predictor import Predictor

Acquisition = Literal["mean", "ucb"]
_ACQUISITIONS = ("mean", "ucb")


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
        acquisition: score by the predicted ``"mean"``, or by ``"ucb"``, mean + beta std.
        beta: the optimism of ``"ucb"``.
        diversity: standard deviations of score that a proposal gives up if it equals another of
            the same batch in every node, and in proportion if in some.
        explore: share of each batch drawn at random, so that the predictor keeps seeing the space.
    """

    initial: int = 32
    warm_up: int = 2048
    chains: int = 256
    steps: int = 40
    children: int = 1
    mutations: int = 1
    temperature: float = 0.1
    acquisition: Acquisition = "mean"
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
        if self.acquisition not in _ACQUISITIONS:
            raise SearchError(
                f"unknown acquisition {self.acquisition!r}; "
                f"{nearest(self.acquisition, _ACQUISITIONS)}"
            )


@final
class MetropolisHastingsSampler(SpaceSampler):
    """MH-ES: evolutionary search whose survivors are chosen as in Metropolis-Hastings.

    For a proposal, a predictor is fitted to the record; then each chain steps from its architecture
    with score s to the best of its mutants, with score s', accepted with probability

        min(1, exp((s' - s) / T_i)),    T_i = T_0 (1 + cos(pi i / N)),    i = 1 .. N,

    so that chains roam first and climb at the end. T_N is 0: there only what is no worse is
    accepted. Everything that any chain has scored competes for the batch; what was evaluated before
    (by canonical key) does not, and what resembles a chosen one pays for it.

    With several objectives each chain has its own weights w and climbs the augmented Chebyshev
    score ``min_j w_j (z_j - z*_j) + 0.05 sum_j w_j (z_j - z*_j)``, with z the standardised values
    and z* the best of the record, so that the chains spread along the Pareto front. Objectives that
    are costs are computed exactly.

    Source: Chen et al., "CSCO: Connectivity Search of Convolutional Operators", CVPRW 2024,
    arXiv 2404.17152; the weights as in Knowles, "ParEGO", 2006.

    Args:
        space: the search space.
        predictor: makes a fresh predictor from component kinds and a seed, for every fit;
            None is dagsmith's GNN.
        settings: how the chains walk.
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
        batch: int = 8,
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
        search = _Chains(self.space, surrogate, self.settings, rng)
        search.walk(record)
        explored = round(self.settings.explore * count)
        genotypes, keys = spread_out(
            self.space,
            search.genotypes,
            search.scores(count - explored),
            record.seen,
            self.settings.diversity,
        )
        if len(keys) < count:
            seen = record.seen | frozenset(keys)
            rest = random_proposals(self.space, seen, count - len(keys), rng)
            genotypes, keys = np.vstack([genotypes, rest.genotypes]), keys + rest.keys
        if not keys:
            return Proposals(genotypes, keys)
        mean, std = surrogate.predict(self.space.decode_many(genotypes))
        return Proposals(genotypes, keys, mean, std)


def gnn_predictor(kinds: Vocabulary, seed: int) -> "Predictor":
    """The default predictor: dagsmith's GNN with its default settings."""
    # torch takes seconds to import, and searches with another sampler do without it.
    from dagsmith.predictor import GNNPredictor

    return GNNPredictor(kinds, seed=seed, unknown="mean")


class _Chains:
    """The chains of one proposal, and all that they have scored."""

    def __init__(
        self,
        space: SearchSpace,
        surrogate: Surrogate,
        settings: MetropolisHastingsSettings,
        rng: np.random.Generator,
    ) -> None:
        self._space, self._surrogate = space, surrogate
        self._settings, self._rng = settings, rng
        self._pool: list[tuple[Genotypes, NDArray[np.float64], NDArray[np.float64]]] = []

    def walk(self, record: Record) -> None:
        """Burn in, then step all chains from hot to cold."""
        settings, rng = self._settings, self._rng
        weights = chain_weights(settings.chains, len(record.signs), rng)
        current, score = self._start(record, weights)
        child_weights = weights.repeat(settings.children, axis=0)
        for step in range(1, settings.steps + 1):
            mutants = self._space.mutate(
                current.repeat(settings.children, axis=0), rng, settings.mutations
            )
            mutant_scores = self._scalar(*self._evaluate(mutants), child_weights)
            table = mutant_scores.reshape(settings.chains, settings.children)
            best = table.argmax(axis=1)
            rows = np.arange(settings.chains)
            proposal = mutants.reshape(settings.chains, settings.children, -1)[rows, best]
            temperature = cosine_temperature(settings.temperature, step, settings.steps)
            accept = accepted(table[rows, best] - score, temperature, rng)
            current = np.where(accept[:, None], proposal, current)
            score = np.where(accept, table[rows, best], score)

    @property
    def genotypes(self) -> Genotypes:
        """Everything scored, ``[pool, slots]``."""
        return np.concatenate([genotypes for genotypes, _, _ in self._pool])

    def scores(self, count: int) -> NDArray[np.float64]:
        """The pool's score under `count` weightings of the objectives, ``[count, pool]``."""
        quality = np.concatenate([quality for _, quality, _ in self._pool])
        penalty = np.concatenate([penalty for _, _, penalty in self._pool])
        weights = chain_weights(count, quality.shape[1], self._rng)
        return (
            np.stack([self._scalar(quality, penalty, row[None]) for row in weights])
            if count
            else np.zeros((0, len(quality)))
        )

    def _start(
        self, record: Record, weights: NDArray[np.float64]
    ) -> tuple[Genotypes, NDArray[np.float64]]:
        """Each chain takes the best candidate, under its own weights, that no chain has yet."""
        candidates = np.concatenate(
            [record.genotypes, self._space.sample(self._settings.warm_up, self._rng)]
        )
        quality, penalty = self._evaluate(candidates)
        _, distinct = np.unique(
            self._space.decode_many(candidates).fingerprint(), return_index=True
        )
        free = np.zeros(len(candidates), bool)
        free[distinct] = True
        chosen: list[int] = []
        scores: list[float] = []
        for row in weights:
            score = self._scalar(quality, penalty, row[None])
            if not free.any():
                free[distinct] = True
            best = int(np.where(free, score, -np.inf).argmax())
            free[best] = False
            chosen.append(best)
            scores.append(float(score[best]))
        return candidates[chosen], np.array(scores)

    def _evaluate(self, genotypes: Genotypes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        population = self._space.decode_many(genotypes)
        mean, std = self._surrogate.predict(population)
        optimism = self._settings.beta if self._settings.acquisition == "ucb" else 0.0
        quality = self._surrogate.standardised(mean, std, optimism)
        penalty = self._surrogate.penalty(population)
        self._pool.append((genotypes, quality, penalty))
        return quality, penalty

    def _scalar(
        self,
        quality: NDArray[np.float64],
        penalty: NDArray[np.float64],
        weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        if quality.shape[1] == 1:
            return quality[:, 0] - penalty
        gap = weights * (quality - self._surrogate.ideal)
        score: NDArray[np.float64] = gap.min(axis=1) + 0.05 * gap.sum(axis=1) - penalty
        return score


def cosine_temperature(initial: float, step: int, steps: int) -> float:
    """T_i = T_0 (1 + cos(pi i / N)): from almost 2 T_0 down to 0 at the last step."""
    return initial * (1.0 + math.cos(math.pi * step / steps))


def accepted(
    gain: NDArray[np.float64], temperature: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw which steps are accepted: with probability min(1, exp(gain / T)), ``[chains]``.

    The comparison is made in logarithms; at temperature 0 it is exactly ``gain >= 0``.
    """
    draw = np.log(1.0 - rng.random(len(gain)))
    return (gain >= 0) | (draw * temperature < gain) & (temperature > 0)


def chain_weights(count: int, objectives: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Weights of the objectives per chain, ``[count, objectives]``, each row of mean 1.

    Two objectives get an even grid, more a uniform draw from the simplex.
    """
    if objectives == 1:
        return np.ones((count, 1))
    if objectives == 2:
        share = (np.arange(count) + 0.5) / max(count, 1)
        return 2.0 * np.stack([share, 1.0 - share], axis=1)
    return rng.dirichlet(np.ones(objectives), count) * objectives
