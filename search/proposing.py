"""The proposals of a round, from a study's trials to candidates that are ready to become trials."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from dagsmith.search.coverage import covering_rows
from dagsmith.search.designs import Design, designed_proposals
from dagsmith.search.drawing_turn import DrawnRound
from dagsmith.search.ledger import in_order_of_proposals, round_of
from dagsmith.search.limits import excess
from dagsmith.search.record import (
    ARCHITECTURE,
    FIDELITY,
    KEY,
    POSITION,
    PREDICTED,
    PREDICTED_STD,
    ROUND,
    WORKER,
    Record,
    RecordReader,
)
from dagsmith.search.rehearsal import Rehearsed, rehearse
from dagsmith.search.sampler import Proposals, SpaceSampler, first_unseen
from dagsmith.search.study import study_objectives
from dagsmith.search.surrogate import CostLimit, Costs
from dagsmith.search.trial_writer import Candidate
from dagsmith.search.workers import worker_name
from dagsmith.space import Architecture, Genotypes, SearchSpace

if TYPE_CHECKING:
    from dagsmith.search.study_pages import StudyPages

SamplerFactory = Callable[[int], BaseSampler]
"""From a seed to a fresh sampler, such as ``lambda seed: make_sampler("tpe", space, seed)``."""


_POOL = 128
"""Random architectures among which those are looked for that have what the others lack."""
_DRAWN = 16
"""Architectures drawn for each of round 0 where there are budgets, which few of them may meet."""


class Proposing:
    """Draws the rounds of a search.

    Args:
        study: from `open_study`.
        space: its search space.
        sampler: makes a fresh sampler from a seed, for every round.
        seed: seed of all proposals.
        costs: computes costs of populations.
        design: how the architectures of round 0 are chosen.
        pages: draws the architectures for the dashboard.
        limits: budgets, as constraints for Optuna's samplers; round 0 keeps to them.
        fidelity: of the evaluator.
        first: what round 0 begins with, ``[count, slots]``.
    """

    def __init__(
        self,
        study: optuna.Study,
        space: SearchSpace,
        sampler: SamplerFactory,
        seed: int,
        costs: Costs | None,
        design: Design,
        pages: "StudyPages | None",
        limits: Sequence[CostLimit],
        fidelity: str,
        first: Genotypes | None = None,
    ) -> None:
        self._study, self._space, self._sampler, self._seed = study, space, sampler, seed
        self._costs, self._pages, self._limits = costs, pages, tuple(limits)
        self._design: Design = design
        self._fidelity, self._first = fidelity, first
        self._objectives = study_objectives(study)
        self._reader = RecordReader(space)

    def draw(self, number: int, size: int, trials: Sequence[FrozenTrial]) -> DrawnRound:
        """The proposals of a round: with one worker, a function of seed and earlier rounds.

        Args:
            number: of the round; 0 is the initial design.
            size: how many are wanted.
            trials: all trials of the study.
        """
        earlier = [trial for trial in trials if round_of(trial) < number]
        return DrawnRound(number, self._propose(in_order_of_proposals(earlier), number, size))

    def candidates(self, drawn: DrawnRound, claimed: Callable[[str], bool]) -> list[Candidate]:
        """Proposals as trials to be; those whose key is `claimed` are left out."""
        proposals = drawn.rehearsed.proposals
        rows = [r for r, key in enumerate(proposals.keys) if not claimed(key)]
        if not rows:
            return []
        population = self._space.decode_many(proposals.genotypes)
        costs = self._costs(population) if self._costs else {}
        candidates = []
        for row in rows:
            architecture = self._space.decode(proposals.genotypes[row])
            attributes: dict[str, Any] = {
                KEY: proposals.keys[row],
                ARCHITECTURE: architecture.to_json(),
                ROUND: drawn.number,
                POSITION: row,
                FIDELITY: self._fidelity,
                WORKER: worker_name(),
            }
            if proposals.mean is not None and proposals.std is not None:
                for column, objective in enumerate(self._objectives):
                    attributes[PREDICTED + objective.name] = float(proposals.mean[row, column])
                    attributes[PREDICTED_STD + objective.name] = float(proposals.std[row, column])
            candidates.append(
                Candidate(
                    key=proposals.keys[row],
                    architecture=architecture,
                    params=self._space.to_params(proposals.genotypes[row]),
                    attributes=attributes,
                    costs={name: float(column[row]) for name, column in costs.items()},
                    notes=drawn.rehearsed.notes[row]
                    | self._picture(proposals.keys[row], architecture),
                )
            )
        return candidates

    def _picture(self, key: str, architecture: Architecture) -> dict[str, str]:
        return self._pages.picture(key, architecture) if self._pages else {}

    def _propose(self, earlier: list[FrozenTrial], round_: int, size: int) -> Rehearsed:
        rng = np.random.default_rng([self._seed, round_])
        record = self._reader.read(earlier, self._study.directions)
        if round_ == 0:
            proposals = self._initial(record, size, rng)
            return Rehearsed(proposals, ({},) * len(proposals))
        sampler = self._sampler(int(rng.integers(2**31)))
        if isinstance(sampler, SpaceSampler):
            proposals = sampler.propose(record, size, rng)
            return Rehearsed(proposals, ({},) * len(proposals))
        directions = self._study.directions
        return rehearse(sampler, self._reader, earlier, directions, size, rng, self._limits)

    def _initial(self, record: Record, size: int, rng: np.random.Generator) -> Proposals:
        """What is evaluated first in any case, `size` architectures of the design, and the rest.

        The rest is what has the kinds and choices that all these lack; it comes with `first` only.
        """
        if self._first is None or not len(self._first):
            return self._designed(record, size, rng)
        rows, keys = first_unseen(self._space, self._first, record.seen, len(self._first))
        others = self._designed(record.with_seen(frozenset(keys)), size, rng)
        genotypes = np.vstack([self._first[rows], others.genotypes])
        keys += others.keys
        pool = self._designed(record.with_seen(frozenset(keys)), _POOL, rng)
        decoded = [self._space.decode_many(each) for each in (pool.genotypes, genotypes)]
        new = covering_rows(*decoded)
        covering = tuple(pool.keys[row] for row in new)
        return Proposals(np.vstack([genotypes, pool.genotypes[new]]), keys + covering)

    def _designed(self, record: Record, size: int, rng: np.random.Generator) -> Proposals:
        """Architectures of the design; of many drawn, those within budget (or nearest to it)."""
        if not self._limits or self._costs is None:
            return designed_proposals(self._design, self._space, record, size, rng)
        many = designed_proposals(self._design, self._space, record, _DRAWN * size, rng)
        far = excess(self._costs(self._space.decode_many(many.genotypes)), self._limits)
        rows = np.sort(np.argsort(far, kind="stable")[:size])
        return Proposals(many.genotypes[rows], tuple(many.keys[row] for row in rows))
