"""Active choice in a search: an acquisition function over predicted candidates."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from dagsmith.search.designs import DESIGNS, Design, designed_proposals
from dagsmith.search.errors import SearchError
from dagsmith.search.metropolis import gnn_predictor
from dagsmith.search.objectives import Objective
from dagsmith.search.random_search import random_proposals
from dagsmith.search.record import Record
from dagsmith.search.sampler import Proposals, SpaceSampler, first_unseen
from dagsmith.search.surrogate import PredictorFactory, Surrogate
from dagsmith.space import SearchSpace, isomorphism_fingerprint
from dagsmith.space.errors import nearest

if TYPE_CHECKING:
    from dagsmith.predictor.acquisition import Acquisition

# The names of `dagsmith.predictor.acquisition`, here as well so that torch need not be imported.
_ACQUISITIONS = ("mean", "uncertainty", "ucb", "ei", "thompson")


@dataclass(frozen=True, slots=True)
class AcquisitionSettings:
    """How candidates are made and chosen.

    Args:
        acquisition: what is looked for; see `dagsmith.predictor.acquisition.acquire`.
        beta: optimism of ``"ucb"``.
        initial: completed trials before the predictor is trusted.
        design: how the architectures until then are chosen; see `choose_design`.
        random: random candidates per batch.
        parents: the best evaluated architectures, which are mutated.
        children: mutants of each.
        mutations: slots redrawn per mutant.
    """

    acquisition: "Acquisition" = "ei"
    beta: float = 1.0
    initial: int = 32
    design: Design = "random"
    random: int = 2048
    parents: int = 32
    children: int = 32
    mutations: int = 1

    def __post_init__(self) -> None:
        if self.acquisition not in _ACQUISITIONS:
            raise SearchError(
                f"unknown acquisition {self.acquisition!r}; "
                f"{nearest(self.acquisition, _ACQUISITIONS)}"
            )
        if self.design not in DESIGNS:
            raise SearchError(f"unknown design {self.design!r}; {nearest(self.design, DESIGNS)}")
        if not 0 <= self.beta < math.inf:
            raise SearchError(f"beta is {self.beta}; expected at least 0")
        for name in ("initial", "random", "parents", "children", "mutations"):
            if getattr(self, name) < 1:
                raise SearchError(f"{name} is {getattr(self, name)}; expected at least 1")


@final
class AcquisitionSampler(SpaceSampler):
    """Evaluates what an acquisition function values most: Bayesian optimisation over a pool.

    Until there is enough to learn from, proposals follow a design. Then, for every batch, a
    predictor is fitted to the record; random architectures and mutants of the best are predicted,
    and the best valued are proposed, no two of them isomorphic. For one measured objective; with
    several, or with costs and limits, use `MetropolisHastingsSampler`.

    Source: White, Neiswanger and Savani, "BANANAS: Bayesian Optimization with Neural Architectures
    for Neural Architecture Search", AAAI 2021, arXiv 1910.11858.

    Args:
        space: the search space.
        predictor: makes a fresh predictor from component kinds and a seed, for every fit; None is
            dagsmith's GNN.
        settings: how candidates are made and chosen.
        seed: seed of all randomness; None draws one.
        batch: proposals per fit inside a plain Optuna study.
        objectives: the study's objectives.

    Example:
        >>> import optuna
        >>> from dagsmith.space import nasrec_small
        >>> sampler = AcquisitionSampler(nasrec_small(13, 26), seed=0)
        >>> study = optuna.create_study(sampler=sampler)
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        predictor: PredictorFactory | None = None,
        settings: AcquisitionSettings | None = None,
        seed: int | None = None,
        batch: int = 8,
        objectives: tuple[Objective, ...] = (),
    ) -> None:
        super().__init__(space, seed=seed, batch=batch, objectives=objectives)
        self.settings = settings or AcquisitionSettings()
        self._predictor = predictor or gnn_predictor

    def propose(self, record: Record, count: int, rng: np.random.Generator) -> Proposals:
        """Return `count` proposals with their predictions.

        Raises:
            SearchError: a study with several objectives.
        """
        settings = self.settings
        if len(record.signs) != 1:
            raise SearchError(
                f"acquisition is for one objective, and the study has {len(record.signs)}; "
                "use MetropolisHastingsSampler"
            )
        if len(record) < settings.initial or not Surrogate.can_learn(record):
            return designed_proposals(settings.design, self.space, record, count, rng)
        # The predictor package needs torch, which takes seconds to import.
        from dagsmith.predictor.acquisition import acquire

        quality, sign = record.quality[:, 0], float(record.signs[0])
        known = self.space.decode_many(record.genotypes)
        predictor = self._predictor(self.space.kinds, int(rng.integers(2**31)))
        predictor.fit(known, quality * sign)
        best = np.argsort(-quality, kind="stable")[: settings.parents]
        parents = record.genotypes[best].repeat(settings.children, axis=0)
        genotypes = np.concatenate(
            [
                self.space.mutate(parents, rng, settings.mutations),
                self.space.sample(settings.random, rng),
            ]
        )
        candidates = self.space.decode_many(genotypes)
        prediction = predictor.predict(candidates)
        rows = acquire(
            prediction,
            isomorphism_fingerprint(candidates),
            # Some of the chosen may be running or failed: they are in `seen`, not in the record.
            count + max(len(record.seen) - len(record), 0),
            acquisition=settings.acquisition,
            best=float(quality.max()) * sign,
            rng=rng,
            beta=settings.beta,
            larger_is_better=sign > 0,
            known=isomorphism_fingerprint(known),
        )
        new, keys = first_unseen(self.space, genotypes[rows], record.seen, count)
        chosen = rows[new]
        seen = record.seen | frozenset(keys)
        rest = random_proposals(self.space, seen, count - len(keys), rng)
        added = predictor.predict(self.space.decode_many(rest.genotypes))
        return Proposals(
            np.vstack([genotypes[chosen], rest.genotypes]),
            keys + rest.keys,
            np.concatenate([prediction.mean[chosen], added.mean])[:, None],
            np.concatenate([prediction.std[chosen], added.std])[:, None],
        )
