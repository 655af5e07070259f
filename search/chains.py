"""The chains of one proposal, and everything that they have scored."""

import numpy as np
from numpy.typing import NDArray

from dagsmith.search.metropolis_settings import MetropolisHastingsSettings
from dagsmith.search.record import Record
from dagsmith.search.surrogate import Surrogate
from dagsmith.search.temperature import accepted, temperature
from dagsmith.space import Genotypes, SearchSpace

_SMALL = 0.05
"""Weight of the sum in the augmented Chebyshev score, as in ParEGO."""


class Chains:
    """Metropolis-Hastings chains over a surrogate; `walk` them, then look at what they scored.

    Each distinct candidate is decoded and predicted once, however many chains come by.

    Args:
        space: where they walk.
        surrogate: what they climb.
        settings: how they walk.
        rng: source of randomness.
    """

    def __init__(
        self,
        space: SearchSpace,
        surrogate: Surrogate,
        settings: MetropolisHastingsSettings,
        rng: np.random.Generator,
    ) -> None:
        self._space, self._surrogate = space, surrogate
        self._settings, self._rng = settings, rng
        self._rows: dict[int, int] = {}
        self.genotypes: Genotypes = np.zeros((0, len(space.slots)), np.int16)
        """Everything scored, ``[pool, slots]``, no two alike as they lie."""
        self.quality: NDArray[np.float64] = np.zeros((1, 0, len(surrogate.signs)))
        """As the acquisition sees it, ``[views, pool, objectives]``."""
        self.penalty: NDArray[np.float64] = np.zeros(0)
        """What limits and constraints take off, ``[pool]``."""

    def walk(self, record: Record) -> None:
        """Burn in, then step all chains from hot to cold."""
        settings, rng = self._settings, self._rng
        candidates = np.concatenate([record.genotypes, self._space.sample(settings.warm_up, rng)])
        self._score(candidates)
        chains = np.arange(settings.chains)
        weights = chain_weights(settings.chains, len(record.signs), rng)
        views = chains % len(self.quality)
        current, score = self._start(weights, views)
        for step in range(1, settings.steps + 1):
            mutants = self._space.mutate(
                current.repeat(settings.children, axis=0), rng, settings.mutations
            )
            rows = self._score(mutants).reshape(settings.chains, settings.children)
            table = self._scalar(rows, views[:, None], weights[:, None])
            best = table.argmax(axis=1)
            proposal = mutants.reshape(settings.chains, settings.children, -1)[chains, best]
            heat = temperature(settings.schedule, settings.temperature, step, settings.steps)
            accept = accepted(table[chains, best] - score, heat, rng)
            current = np.where(accept[:, None], proposal, current)
            score = np.where(accept, table[chains, best], score)

    def scores(self, count: int) -> NDArray[np.float64]:
        """The pool's score as each of `count` picks sees it, ``[count, pool]``.

        Picks have weightings of the objectives of their own, and hear one view each: all members of
        the ensemble in turn, where there are several.
        """
        weights = chain_weights(count, self.quality.shape[2], self._rng)
        turns = -(-count // len(self.quality))
        views = np.concatenate(
            [self._rng.permutation(len(self.quality)) for _ in range(turns)] or [np.zeros(0, int)]
        )
        pool = np.arange(len(self.genotypes))
        picks = [
            self._scalar(pool, np.full(len(pool), view), row[None])
            for row, view in zip(weights, views[:count], strict=True)
        ]
        return np.stack(picks) if picks else np.zeros((0, len(pool)))

    def _start(
        self, weights: NDArray[np.float64], views: NDArray[np.int64]
    ) -> tuple[Genotypes, NDArray[np.float64]]:
        """Each chain takes the best candidate, under its own score, that no chain has yet."""
        pool = np.arange(len(self.genotypes))
        free = np.ones(len(pool), bool)
        chosen: list[int] = []
        scores: list[float] = []
        for row, view in zip(weights, views, strict=True):
            score = self._scalar(pool, np.full(len(pool), view), row[None])
            if not free.any():
                free[:] = True
            best = int(np.where(free, score, -np.inf).argmax())
            free[best] = False
            chosen.append(best)
            scores.append(float(score[best]))
        return self.genotypes[chosen], np.array(scores)

    def _score(self, genotypes: Genotypes) -> NDArray[np.int64]:
        """The candidates' rows in the pool, ``[batch]``; new ones are predicted and added."""
        population = self._space.decode_many(genotypes)
        prints = population.fingerprint().tolist()
        first = {mark: row for row, mark in reversed(list(enumerate(prints)))}
        new = sorted(row for mark, row in first.items() if mark not in self._rows)
        if new:
            part = population[np.array(new)]
            quality = self._surrogate.quality(part, self._settings.acquisition, self._settings.beta)
            before = self.quality if len(self.genotypes) else quality[:, :0]
            for place, row in enumerate(new, len(self.genotypes)):
                self._rows[prints[row]] = place
            self.genotypes = np.concatenate([self.genotypes, genotypes[new]])
            self.quality = np.concatenate([before, quality], axis=1)
            self.penalty = np.concatenate([self.penalty, self._surrogate.penalty(part)])
        return np.array([self._rows[mark] for mark in prints], np.int64)

    def _scalar(
        self,
        rows: NDArray[np.int64],
        views: NDArray[np.int64],
        weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """One number per row of the pool: its quality, or the augmented Chebyshev score."""
        quality, penalty = self.quality[views, rows], self.penalty[rows]
        if quality.shape[-1] == 1:
            return np.asarray(quality[..., 0] - penalty)
        gap = weights * (quality - self._surrogate.ideal)
        return np.asarray(gap.min(axis=-1) + _SMALL * gap.sum(axis=-1) - penalty)


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
