"""CSCO: the connectivity between operators, stage by stage.

Source: Zhang et al., "CSCO: Connectivity Search of Convolutional Operators", CVPR Workshops 2024,
arXiv 2404.17152, and its public code.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.space.architecture import Architecture
from dagsmith.space.cells import INPUT, Adjacency, reached, upper_pairs
from dagsmith.space.component import Categorical, ComponentKind, Number, Vocabulary
from dagsmith.space.errors import SpaceError
from dagsmith.space.population import ABSENT, Population
from dagsmith.space.search_space import Genotype, Genotypes, SearchSpace, Slot

OPERATORS = ("depthwise3x3", "depthwise5x5", "depthwise7x7", "conv1x1")
"""Node i of a stage is operator ``i % 4``; node 0 is no operator but where the stage begins."""
NODES = 13
FEWEST_EDGES, MOST_EDGES = 2, 15
"""Limits per stage."""

# Of the published sampler: most readers of a node, and fewest nodes that are read.
_MOST_READERS, _FEWEST_READ = 3, 2
_SOURCE, _TARGET = upper_pairs(NODES)
_PAIRS = len(_SOURCE)
_STAGE_PORTS = ("leaf", "residual")
_OPERATOR = np.arange(1, NODES) % len(OPERATORS)

KINDS = Vocabulary(
    (
        INPUT,
        ComponentKind(
            "stage", (Number("channels", "log"), Number("stride"), Number("repeats")), _STAGE_PORTS
        ),
        ComponentKind("operator", (Categorical("op", OPERATORS), Number("channels", "log"))),
        ComponentKind("stage_output", (), _STAGE_PORTS),
    )
)


@dataclass(frozen=True, slots=True)
class Stage:
    """What is fixed of a stage.

    Args:
        channels: width of its operators.
        stride: of its first cell; above 1, node 0 is a down-sampling inverted residual.
        repeats: how often its cell is stacked.
    """

    channels: int
    stride: int
    repeats: int


class CSCOSpace(SearchSpace):
    """Stages of twelve fixed operators; searched is which operator reads which.

    In a stage, node 0 is the stage's input and nodes 1 to 12 are operators, one slot for each of
    the 78 possible edges between them. An operator concatenates what it reads. The leaves (read by
    no other) are concatenated and projected to the stage's width, and node 0 is added: this is what
    the next stage's node 0 reads, at its ports "leaf" and "residual". Operators that node 0 does
    not reach are left out. Two operators of one type in exchanged places make isomorphic
    architectures, which have one key; `size` counts all 2**(78 * stages) genotypes.

    A stage has 2 to 15 edges. `decode` mends what has not: of more, the first 15 are kept, in the
    order of the slots; where fewer than two are live, the first missing ones of 0->1, 0->2 are
    added. `sample`, `mutate` and `neighbours` give genotypes that need no mending (`valid`).

    Args:
        name: name of the space.
        stages: the stages in order; see `csco_imagenet` and `csco_cifar10`.

    Raises:
        SpaceError: no stages.
    """

    def __init__(self, name: str, stages: Sequence[Stage]) -> None:
        if not stages:
            raise SpaceError("stages are empty; expected at least one")
        self.name = name
        self.kinds = KINDS
        self.stages = tuple(stages)
        pairs = list(zip(_SOURCE.tolist(), _TARGET.tolist(), strict=True))
        self.slots = tuple(
            Slot(f"stage{stage}.{source}->{target}", (False, True))
            for stage in range(1, len(stages) + 1)
            for source, target in pairs
        )

    def valid(self, genotypes: Genotypes) -> NDArray[np.bool_]:
        """Whether all edges are live and each stage has 2 to 15 of them, ``[batch]``."""
        bits = self._bits(genotypes)
        count = bits.sum(axis=1)
        fits = (count >= FEWEST_EDGES) & (count <= MOST_EDGES) & (bits == _live(bits)).all(axis=1)
        return np.asarray(fits.reshape(-1, len(self.stages)).all(axis=1))

    def sample(self, count: int, rng: np.random.Generator) -> Genotypes:
        """Draw `count` genotypes as CSCO does, ``[count, slots]``.

        Each stage draws its number of edges, 2 to 15, and grows from node 0: an edge goes from a
        random node reached so far to a random later one. Drawn again are stages in which fewer
        than two nodes are read or one is read by more than three others.
        """
        wanted = count * len(self.stages)
        found = np.zeros((0, _PAIRS), bool)
        while len(found) < wanted:
            bits = _grown(2 * (wanted - len(found)), rng)
            readers = _adjacency(bits).sum(axis=1)
            kept = (readers.max(axis=1) <= _MOST_READERS) & (
                (readers > 0).sum(axis=1) >= _FEWEST_READ
            )
            found = np.concatenate([found, bits[kept]])
        return found[:wanted].reshape(count, len(self.slots)).astype(np.int16)

    def mutate(
        self, genotypes: Genotypes, rng: np.random.Generator, mutations: int = 1
    ) -> Genotypes:
        """Add or take away `mutations` edges of each row, either with probability 1/2.

        Each time a random stage gets an edge from a live node, or loses one whose target is a leaf
        or has another input: all other edges stay live, and stages keep to their limits. A genotype
        that is not valid is mutated slot by slot, as in any space.
        """
        result = np.array(genotypes, np.int16)
        rows = np.flatnonzero(self.valid(result))
        others = np.setdiff1d(np.arange(len(result)), rows)
        if others.size:
            result[others] = super().mutate(result[others], rng, mutations)
        moved = np.zeros((len(rows), len(self.stages), _PAIRS), bool)
        every = np.arange(len(rows))
        for _ in range(mutations):
            stages = self._bits(result[rows]).reshape(moved.shape)
            chosen = rng.integers(0, len(self.stages), len(rows))
            bits = stages[every, chosen]
            slots, possible = _edge_to_flip(bits, moved[every, chosen], rng)
            moved[every, chosen, slots] |= possible
            stages[every, chosen, slots] ^= possible
            result[rows] = stages.reshape(len(rows), len(self.slots))
        return result

    def decode(self, genotype: Genotype) -> Architecture:
        """Return the architecture of one genotype, ``[slots]``, mended if need be."""
        return self.decode_many(np.asarray(genotype)[None]).architecture(0)

    def decode_many(self, genotypes: Genotypes) -> Population:
        """Return the architectures of ``[batch, slots]`` by array operations.

        Positions are the input, thirteen nodes per stage, and the output. With six stages one
        architecture takes 14 kB: decode large populations in parts.
        """
        batch, stages = len(genotypes), len(self.stages)
        reads = _adjacency(_mended(self._bits(genotypes)))
        reads = reads.reshape(batch, stages, NODES, NODES)
        count = 2 + stages * NODES
        kind = np.full((batch, count), ABSENT, np.int16)
        attributes = np.full((batch, count, KINDS.attribute_count), np.nan, np.float32)
        edges = np.zeros((batch, count, count), np.uint16)
        names = ["input"]
        kind[:, 0], kind[:, -1] = KINDS.index["input"], KINDS.index["stage_output"]
        edges[:, 1, 0] = KINDS.port_bit["residual"]
        for number, stage in enumerate(self.stages):
            start, end = 1 + number * NODES, 1 + (number + 1) * NODES
            names += [f"stage{number + 1}.node{node}" for node in range(NODES)]
            inner = reads[:, number]
            present = np.asarray(inner[:, 1:].any(axis=2))
            kind[:, start] = KINDS.index["stage"]
            attributes[:, start] = (stage.channels, stage.stride, stage.repeats)
            kind[:, start + 1 : end][present] = KINDS.index["operator"]
            attributes[:, start + 1 : end, 0] = np.where(present, _OPERATOR, np.nan)
            attributes[:, start + 1 : end, 1] = np.where(present, stage.channels, np.nan)
            edges[:, start:end, start:end] = inner * np.uint16(KINDS.port_bit["in"])
            leaves = present & ~inner[:, :, 1:].any(axis=1)
            edges[:, end, start + 1 : end] = leaves * np.uint16(KINDS.port_bit["leaf"])
            edges[:, end, start] = KINDS.port_bit["residual"]
        return Population(KINDS, kind, attributes, edges, (*names, "output"))

    def _bits(self, genotypes: Genotypes) -> NDArray[np.bool_]:
        """The edges, a row for each stage of each genotype, ``[batch * stages, 78]``."""
        return np.asarray(genotypes).reshape(-1, _PAIRS) > 0


def csco_imagenet() -> CSCOSpace:
    """CSCO's space for ImageNet: six stages, 468 slots."""
    channels, strides, repeats = (24, 32, 64, 96, 160, 320), (2, 2, 2, 1, 2, 1), (2, 3, 4, 3, 3, 1)
    return CSCOSpace("csco-imagenet", list(map(Stage, channels, strides, repeats)))


def csco_cifar10() -> CSCOSpace:
    """CSCO's space for CIFAR-10: three stages, 234 slots."""
    return CSCOSpace("csco-cifar10", [Stage(16, 1, 3), Stage(32, 2, 3), Stage(64, 2, 3)])


def _adjacency(bits: NDArray[np.bool_]) -> Adjacency:
    reads = np.zeros((len(bits), NODES, NODES), bool)
    reads[:, _TARGET, _SOURCE] = bits
    return reads


def _live(bits: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The edges whose source node 0 reaches, ``[rows, 78]``; all others lead nowhere or to it."""
    return bits & reached(_adjacency(bits))[:, _SOURCE]


def _mended(bits: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The live edges, brought within the limits as `CSCOSpace` says."""
    live = _live(bits)
    # Edges into a node come before those out of it, so what is kept of the first stays live.
    live &= live.cumsum(axis=1) <= MOST_EDGES
    for pair in range(FEWEST_EDGES):  # 0->1 and 0->2 are the first pairs
        live[:, pair] |= live.sum(axis=1) < FEWEST_EDGES
    return live


def _grown(count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Graphs that grew from node 0, edge by edge, ``[count, 78]``."""
    index = np.zeros((NODES, NODES), np.int64)
    index[_SOURCE, _TARGET] = np.arange(_PAIRS)
    bits = np.zeros((count, _PAIRS), bool)
    known = np.zeros((count, NODES - 1), bool)  # all but the last node, which no edge leaves
    known[:, 0] = True
    missing = rng.integers(FEWEST_EDGES, MOST_EDGES + 1, count)
    while (rows := np.flatnonzero(missing)).size:
        source = _any_of(known[rows], rng)
        target = rng.integers(source + 1, NODES)
        pair = index[source, target]
        missing[rows] -= ~bits[rows, pair]
        bits[rows, pair] = True
        inner = target < NODES - 1
        known[rows[inner], target[inner]] = True
    return bits


def _edge_to_flip(
    bits: NDArray[np.bool_], fixed: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """An edge of each row to add or to take away, and whether there is one, ``[rows]`` both."""
    reads = _adjacency(bits)
    count = bits.sum(axis=1)[:, None]
    inputs, readers = reads.sum(axis=2)[:, _TARGET], reads.sum(axis=1)[:, _TARGET]
    addable = ~bits & reached(reads)[:, _SOURCE] & (count < MOST_EDGES) & ~fixed
    removable = bits & ((inputs > 1) | (readers == 0)) & (count > FEWEST_EDGES) & ~fixed
    add = (rng.random(len(bits)) < 0.5)[:, None]
    add = (add | ~removable.any(axis=1, keepdims=True)) & addable.any(axis=1, keepdims=True)
    candidates = np.where(add, addable, removable)
    return _any_of(candidates, rng), np.asarray(candidates.any(axis=1))


def _any_of(candidates: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """The index of a random true entry of each row."""
    return np.asarray(np.where(candidates, rng.random(candidates.shape), -1.0).argmax(axis=1))
