"""The search space: named slots, genotypes as integer arrays, and how one decodes to a graph."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution

from dagsmith.space.architecture import Architecture
from dagsmith.space.component import Value, Vocabulary
from dagsmith.space.errors import SpaceError, nearest
from dagsmith.space.isomorphism import isomorphism_fingerprint
from dagsmith.space.population import Population

Genotype = NDArray[np.int16]
"""``[slots]``: the index of the choice taken in each slot."""
Genotypes = NDArray[np.int16]
"""``[batch, slots]``: a population of genotypes."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One decision of a search space.

    Args:
        name: unique and readable (``"block3.dense_width"``); it is the parameter's name in Optuna.
        choices: the values to choose from; at least one.
        weights: how often `SearchSpace.sample` draws each choice, relatively; None is uniform.
    """

    name: str
    choices: tuple[Value, ...]
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.choices or len(set(self.choices)) != len(self.choices):
            raise SpaceError(f"slot {self.name!r} needs at least one choice, all different")
        if self.weights is not None and (
            len(self.weights) != len(self.choices) or min(self.weights) <= 0
        ):
            raise SpaceError(f"slot {self.name!r} needs one weight above 0 per choice")


class SearchSpace(ABC):
    """A set of architectures, described by slots and by how a genotype is decoded.

    The story of a genotype: `sample` draws one small integer per slot; `decode` turns them into
    the architecture they mean, leaving out what cannot reach the output; `mutate` redraws slots
    until the *architecture* changes, because many genotypes mean the same one. In a study the
    slots are the parameters of a trial: `suggest` asks for them, `from_params` reads them back.

    To define a space, set `name`, `kinds` and `slots` and write `decode`. Override `decode_many`
    as well where array operations can do it faster; `dagsmith.space.testing` holds both to agree.

    Attributes:
        name: the space's name, recorded in studies so that two spaces are not mixed up.
        kinds: the vocabulary of component kinds of its architectures.
        slots: the decisions, in order.
    """

    name: str
    kinds: Vocabulary
    slots: tuple[Slot, ...]
    _mutation_tries: ClassVar[int] = 64

    @abstractmethod
    def decode(self, genotype: Genotype) -> Architecture:
        """Return the architecture that `genotype` (``[slots]``) means, without unreachable parts.

        Its last node is the output: everything else reaches it.
        """

    def decode_many(self, genotypes: Genotypes) -> Population:
        """Return the architectures of ``[batch, slots]`` as arrays."""
        return Population.from_architectures([self.decode(row) for row in genotypes], self.kinds)

    @property
    def slot_sizes(self) -> NDArray[np.int64]:
        """Number of choices of each slot, ``[slots]``."""
        return np.array([len(slot.choices) for slot in self.slots], np.int64)

    def size(self) -> int:
        """Number of genotypes, the product of the slots' choices; several may mean one net."""
        return math.prod(len(slot.choices) for slot in self.slots)

    def sample(self, count: int, rng: np.random.Generator) -> Genotypes:
        """Draw `count` genotypes, each slot by its weights, ``[count, slots]``."""
        columns = [self._draw(slot, count, rng) for slot in self.slots]
        return np.stack(columns, axis=1) if columns else np.zeros((count, 0), np.int16)

    def mutate(
        self, genotypes: Genotypes, rng: np.random.Generator, mutations: int = 1
    ) -> Genotypes:
        """Redraw `mutations` slots of each row, again until its architecture differs.

        A mutation of a dead gene changes nothing and is no proposal, so it is tried again (up to
        64 times; in a space of one architecture the row stays as it is). What is compared are the
        decoded arrays: in a space whose arrays tell isomorphic graphs apart, a few mutants (one in
        500 cells of NAS-Bench-101) are isomorphic to their parent.

        Args:
            genotypes: ``[batch, slots]``.
            rng: source of randomness.
            mutations: slots redrawn per attempt, at most the number of slots with a choice.

        Returns:
            ``[batch, slots]``, a new array.
        """
        free = np.flatnonzero(self.slot_sizes > 1)
        result = np.array(genotypes, np.int16)
        if not free.size:
            return result
        before = self._marks(result)
        pending = np.arange(len(result))
        for _ in range(self._mutation_tries):
            proposal = np.array(genotypes, np.int16)[pending]
            # The first `mutations` of a random order of the free slots, per row.
            slots = rng.permuted(np.tile(free, (len(pending), 1)), axis=1)[:, :mutations]
            for chosen in slots.T:
                self._redraw(proposal, chosen, rng)
            changed = self._marks(proposal) != before[pending]
            result[pending[changed]] = proposal[changed]
            pending = pending[~changed]
            if not pending.size:
                break
        return result

    def valid(self, genotypes: Genotypes) -> NDArray[np.bool_]:
        """Which rows of ``[batch, slots]`` are proper members; in most spaces all are.

        A space whose `decode` mends some genotypes says here which need none.
        """
        return np.ones(len(genotypes), bool)

    def neighbours(self, genotype: Genotype) -> Genotypes:
        """All valid genotypes one slot away whose architecture differs, one per architecture."""
        rows = [
            np.where(np.arange(len(self.slots)) == slot, choice, genotype)
            for slot, size in enumerate(self.slot_sizes)
            for choice in range(size)
            if choice != genotype[slot]
        ]
        if not rows:
            return np.zeros((0, len(self.slots)), np.int16)
        candidates = np.array(rows, np.int16)
        # Before equal architectures are merged: one that is mended must not stand for a valid one.
        candidates = candidates[self.valid(candidates)]
        # Exact, but several times slower than the marks of arrays that `mutate` compares.
        marks = isomorphism_fingerprint(
            self.decode_many(np.vstack([genotype[None].astype(np.int16), candidates]))
        )
        _, first = np.unique(marks[1:], return_index=True)
        keep = np.sort(first[marks[1:][first] != marks[0]])
        return np.asarray(candidates[keep])

    def check(self, genotypes: Genotypes) -> Genotypes:
        """Return the genotypes as int16 ``[batch, slots]``; raise SpaceError naming what is off."""
        array = np.asarray(genotypes)
        if array.ndim != 2 or array.shape[1] != len(self.slots):
            raise SpaceError(
                f"genotypes have shape {array.shape}; space {self.name!r} expects "
                f"[batch, {len(self.slots)}]"
            )
        bad = np.argwhere((array < 0) | (array >= self.slot_sizes))
        if len(bad):
            row, column = (int(index) for index in bad[0])
            slot = self.slots[column]
            raise SpaceError(
                f"genotype {row}: slot {slot.name!r} is {array[row, column]}; "
                f"expected 0 to {len(slot.choices) - 1}"
            )
        return array.astype(np.int16)

    def to_params(self, genotype: Genotype) -> dict[str, Value]:
        """The genotype as readable Optuna parameters, ``{slot name: choice}``."""
        return {
            slot.name: slot.choices[int(gene)]
            for slot, gene in zip(self.slots, genotype, strict=True)
        }

    def from_params(self, params: Mapping[str, Value]) -> Genotype:
        """Read parameters back; raise SpaceError for a slot or choice that does not exist."""
        names = [slot.name for slot in self.slots]
        for name in params:
            if name not in names:
                raise SpaceError(
                    f"space {self.name!r} has no slot {name!r}; {nearest(name, names)}"
                )
        genes = []
        for slot in self.slots:
            if slot.name not in params:
                raise SpaceError(f"slot {slot.name!r} of space {self.name!r} is missing")
            if params[slot.name] not in slot.choices:
                raise SpaceError(
                    f"slot {slot.name!r} has no choice {params[slot.name]!r}; "
                    f"{nearest(str(params[slot.name]), map(str, slot.choices))}"
                )
            genes.append(slot.choices.index(params[slot.name]))
        return np.array(genes, np.int16)

    def distributions(self) -> dict[str, BaseDistribution]:
        """The Optuna distribution of every slot."""
        return {slot.name: CategoricalDistribution(slot.choices) for slot in self.slots}

    def suggest(self, trial: optuna.Trial) -> Architecture:
        """Ask an Optuna trial for every slot, and return the architecture."""
        params: dict[str, Value] = {}
        for slot in self.slots:
            params[slot.name] = trial.suggest_categorical(slot.name, slot.choices)  # type: ignore[assignment]
        return self.decode(self.from_params(params))

    def describe(self) -> str:
        """A few lines for people: the slots, and the size with its counting rule."""
        free: Sequence[Slot] = [slot for slot in self.slots if len(slot.choices) > 1]
        return (
            f"{self.name}: {len(free)} slots with a choice, {self.size():.3g} genotypes "
            "(product of the slots' choices; dead genes are counted, isomorphic ones not merged)"
        )

    def _marks(self, genotypes: Genotypes) -> NDArray[np.uint64]:
        """What `mutate` tells architectures apart by, ``[batch]``."""
        return self.decode_many(genotypes).fingerprint()

    @staticmethod
    def _draw(slot: Slot, count: int, rng: np.random.Generator) -> Genotype:
        if slot.weights is None:
            return rng.integers(0, len(slot.choices), count).astype(np.int16)
        weights = np.array(slot.weights, float)
        return rng.choice(len(slot.choices), count, p=weights / weights.sum()).astype(np.int16)

    def _redraw(
        self, genotypes: Genotypes, slots: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        """Give row i another choice in slot ``slots[i]`` than its current one, by the weights."""
        rows = np.arange(len(genotypes))
        weights = self._weights[slots]
        weights[rows, genotypes[rows, slots]] = 0.0
        cumulative = weights.cumsum(axis=1)
        drawn = rng.random(len(genotypes)) * cumulative[:, -1]
        genotypes[rows, slots] = (cumulative <= drawn[:, None]).sum(axis=1)

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        """Sampling weights as a table ``[slots, most choices]``, zero beyond a slot's own."""
        table = np.zeros((len(self.slots), int(self.slot_sizes.max(initial=1))))
        for row, slot in enumerate(self.slots):
            table[row, : len(slot.choices)] = 1.0 if slot.weights is None else slot.weights
        return table
