"""NAS-Bench-101: cells of up to seven vertices and nine edges.

Source: Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019,
arXiv 1902.09635.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dagsmith.space.architecture import Architecture
from dagsmith.space.cells import (
    CELL_KINDS,
    CELL_OPERATIONS,
    Adjacency,
    cells,
    reached,
    reaching,
    upper_pairs,
)
from dagsmith.space.errors import SpaceError, nearest
from dagsmith.space.isomorphism import isomorphism_fingerprint
from dagsmith.space.population import Population
from dagsmith.space.search_space import Genotype, Genotypes, SearchSpace, Slot

VERTICES = 7
MOST_EDGES = 9
OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
"""The choices of each inner vertex, by the benchmark's names."""

_INNER = VERTICES - 2
_OUTPUT = VERTICES - 1
_SOURCE, _TARGET = upper_pairs(VERTICES)
_PAIRS = len(_SOURCE)
_PAIR_INDEX = {
    pair: index for index, pair in enumerate(zip(_SOURCE.tolist(), _TARGET.tolist(), strict=True))
}
_CODES = np.array(
    [CELL_OPERATIONS.index(name) for name in ("conv3x3", "conv1x1", "max_pool3x3")], np.int16
)
_NAMES = ("input", *(f"vertex{inner}" for inner in range(1, _OUTPUT)), "output")
_TRIES = 64


class NASBench101Space(SearchSpace):
    """The cells of NAS-Bench-101: 423,624 different ones up to isomorphism.

    The slots are the 21 possible edges of seven vertices (0 is the input, 6 the output) and the
    operations of the five inner ones: 2**21 * 3**5 = 5.1e8 genotypes, every one counted. A
    genotype means the part of its graph that lies on paths from input to output. Not every such
    graph is in the benchmark, so `decode` mends:

    - A graph without a path gets the edge from input to output (and nothing else is left).
    - As long as more than nine edges are left, the last one (in the order of the slots) is taken
      away whose loss keeps every vertex on a path, or the very last if there is none such; and
      what then lies on no path any more.

    `sample`, `mutate` and `neighbours` give genotypes that need no mending (`valid`).

    Example:
        >>> space = NASBench101Space()
        >>> cell = space.from_matrix([[0, 1, 1], [0, 0, 1], [0, 0, 0]], ["maxpool3x3"])
        >>> [node.name for node in space.decode(cell).nodes]
        ['input', 'vertex1', 'output']
    """

    def __init__(self) -> None:
        self.name = "nasbench101"
        self.kinds = CELL_KINDS
        edges = (Slot(f"{source}->{target}", (False, True)) for source, target in _PAIR_INDEX)
        inner = (Slot(f"vertex{vertex}", OPERATIONS) for vertex in range(1, _OUTPUT))
        self.slots = (*edges, *inner)

    def from_matrix(self, adjacency: ArrayLike, operations: Sequence[str]) -> Genotype:
        """The genotype of a cell as the benchmark writes it.

        Args:
            adjacency: upper triangular 0/1 matrix ``[source, target]`` of 2 to 7 vertices.
            operations: of the inner vertices, or of all with "input" first and "output" last.

        Raises:
            SpaceError: another shape, an edge that does not go forwards, a wrong number of
                operations or an unknown one.
        """
        matrix = np.asarray(adjacency)
        count = len(matrix)
        if matrix.shape != (count, count) or not 2 <= count <= VERTICES:
            raise SpaceError(
                f"the adjacency has shape {matrix.shape}; expected a square of 2 to {VERTICES}"
            )
        if not np.isin(matrix, (0, 1)).all() or np.tril(matrix).any():
            raise SpaceError("the adjacency is not 0/1 with all ones above the diagonal")
        inner = list(operations)
        if len(inner) == count and (inner[0], inner[-1]) == ("input", "output"):
            inner = inner[1:-1]
        if len(inner) != count - 2:
            raise SpaceError(
                f"{len(inner)} operations for {count} vertices; expected one per inner vertex"
            )
        genotype = np.zeros(len(self.slots), np.int16)
        for source, target in np.argwhere(matrix).tolist():
            end = _OUTPUT if target == count - 1 else target
            genotype[_PAIR_INDEX[source, end]] = 1
        for place, name in enumerate(inner):
            if name not in OPERATIONS:
                raise SpaceError(f"unknown operation {name!r}; {nearest(name, OPERATIONS)}")
            genotype[_PAIRS + place] = OPERATIONS.index(name)
        return genotype

    def genotypes_from(self, adjacency_bits: ArrayLike, operations: ArrayLike) -> Genotypes:
        """The genotypes of a table's rows, by array operations.

        Args:
            adjacency_bits: ``[batch]``: bit i, least significant first, is the i-th pair of the
                upper triangle of a 7x7 matrix, row by row. A smaller cell fills its upper left
                corner: of n vertices the output is vertex n - 1.
            operations: ``[batch, 5]``, index into `OPERATIONS`; -1 behind the last inner vertex.

        Returns:
            ``[batch, 26]``.

        Raises:
            SpaceError: another shape or range, a gap between operations, an edge beyond the last
                vertex, with the first row that is off.
        """
        bits, codes = np.asarray(adjacency_bits), np.asarray(operations)
        if bits.ndim != 1 or codes.shape != (len(bits), _INNER):
            raise SpaceError(
                f"adjacency bits of shape {bits.shape} and operations of shape {codes.shape}; "
                f"expected [batch] and [batch, {_INNER}]"
            )
        if bits.dtype.kind not in "iu" or codes.dtype.kind not in "iu":
            raise SpaceError(
                f"adjacency bits are {bits.dtype} and operations {codes.dtype}; expected integers"
            )
        _refuse((bits < 0) | (bits >= 1 << _PAIRS), f"expected {_PAIRS} adjacency bits")
        unknown = (codes < -1) | (codes >= len(OPERATIONS))
        _refuse(unknown.any(axis=1), f"expected operations from -1 to {len(OPERATIONS) - 1}")
        gap = (codes[:, 1:] >= 0) & (codes[:, :-1] < 0)
        _refuse(gap.any(axis=1), "an operation stands behind a -1; expected -1 only at the end")
        edges = (bits[:, None] >> np.arange(_PAIRS)) & 1 > 0
        last = 1 + (codes >= 0).sum(axis=1)
        _refuse(
            (edges & (last[:, None] < _TARGET)).any(axis=1), "an edge goes beyond the last vertex"
        )
        genotypes = np.zeros((len(bits), len(self.slots)), np.int16)
        # Edges into the last vertex move to the output's place.
        rows, pairs = np.nonzero(edges)
        target = np.where(_TARGET[pairs] == last[rows], _OUTPUT, _TARGET[pairs])
        table = np.zeros((VERTICES, VERTICES), np.int64)
        table[_SOURCE, _TARGET] = np.arange(_PAIRS)
        genotypes[rows, table[_SOURCE[pairs], target]] = 1
        genotypes[:, _PAIRS:] = np.maximum(codes, 0)
        return genotypes

    def valid(self, genotypes: Genotypes) -> NDArray[np.bool_]:
        """Whether the live part is a cell of the benchmark as it is, ``[batch]``."""
        edges = _live(_adjacency(genotypes)).sum(axis=(1, 2))
        return np.asarray((edges > 0) & (edges <= MOST_EDGES))

    def sample(self, count: int, rng: np.random.Generator) -> Genotypes:
        """Draw `count` valid genotypes, ``[count, 26]``: uniform ones, kept if they are valid.

        This is how the benchmark's authors sample; small cells are drawn more often than once
        in 423,624.
        """
        found = np.zeros((0, len(self.slots)), np.int16)
        while len(found) < count:
            drawn = super().sample(2 * count + 16, rng)
            found = np.concatenate([found, drawn[self.valid(drawn)]])
        return found[:count]

    def mutate(
        self, genotypes: Genotypes, rng: np.random.Generator, mutations: int = 1
    ) -> Genotypes:
        """As `SearchSpace.mutate`, again until the mutant is also valid.

        Where 64 attempts find none, as for a genotype with many edges too many, the last attempt
        stands; `decode` mends it.
        """
        result = super().mutate(genotypes, rng, mutations)
        for _ in range(_TRIES):
            wrong = np.flatnonzero(~self.valid(result))
            if not wrong.size:
                break
            result[wrong] = super().mutate(np.asarray(genotypes)[wrong], rng, mutations)
        return result

    def decode(self, genotype: Genotype) -> Architecture:
        """Return the cell of one genotype, ``[26]``, mended if need be."""
        return self.decode_many(np.asarray(genotype)[None]).architecture(0)

    def decode_many(self, genotypes: Genotypes) -> Population:
        """Return the cells of ``[batch, 26]`` by array operations; positions are the vertices."""
        reads = _mended(_adjacency(genotypes))
        operation = np.zeros((len(genotypes), VERTICES), np.int16)
        operation[:, 1:_OUTPUT] = _CODES[genotypes[:, _PAIRS:]]
        used = np.asarray(reads.any(axis=1) | reads.any(axis=2))
        return cells(operation, reads, used, _NAMES)


def enumerate_cells(most_vertices: int = VERTICES) -> Genotypes:
    """One genotype for every different cell of NAS-Bench-101, ``[cells, 26]``.

    There are 423,624 (1, 6, 84, 2,441, 62,010 and 359,082 with 2 to 7 vertices): graphs first,
    without operations, one of each isomorphism class; then all operations on each, of which again
    one per class is kept. A few seconds on one core.

    Args:
        most_vertices: 2 to 7, input and output included.

    Raises:
        SpaceError: another number of vertices.
    """
    if not 2 <= most_vertices <= VERTICES:
        raise SpaceError(f"most_vertices is {most_vertices}; expected 2 to {VERTICES}")
    space = NASBench101Space()
    parts = []
    for inner in range(most_vertices - 1):
        graphs = np.concatenate([_first_of_class(space, part) for part in _graphs(inner)])
        graphs = _first_of_class(space, graphs)
        choices = np.array(list(product(range(len(OPERATIONS)), repeat=inner)), np.int16)
        labelled = np.repeat(graphs, len(choices), axis=0)
        labelled[:, _PAIRS : _PAIRS + inner] = np.tile(choices, (len(graphs), 1))
        parts.append(_first_of_class(space, labelled))
    return np.concatenate(parts)


def _graphs(inner: int) -> Iterator[Genotypes]:
    """All graphs on exactly `inner` inner vertices within the limits, without operations."""
    ends = [0, *range(1, inner + 1), _OUTPUT]
    columns = [
        _PAIR_INDEX[source, target]
        for place, source in enumerate(ends)
        for target in ends[place + 1 :]
    ]
    total, chunk = 1 << len(columns), 1 << 16
    for start in range(0, total, chunk):
        codes = np.arange(start, min(total, start + chunk))
        bits = (codes[:, None] >> np.arange(len(columns))) & 1
        genotypes = np.zeros((len(codes), _PAIRS + _INNER), np.int16)
        genotypes[:, columns] = bits
        genotypes = genotypes[bits.sum(axis=1) <= MOST_EDGES]
        reads = _adjacency(genotypes)
        # All vertices are on a path if each but the input reads and each but the output is read.
        reading, is_read = np.asarray(reads.any(axis=2)), np.asarray(reads.any(axis=1))
        yield genotypes[reading[:, ends[1:]].all(axis=1) & is_read[:, ends[:-1]].all(axis=1)]


def _first_of_class(space: NASBench101Space, genotypes: Genotypes) -> Genotypes:
    marks = isomorphism_fingerprint(space.decode_many(genotypes))
    _, first = np.unique(marks, return_index=True)
    return genotypes[np.sort(first)]


def _adjacency(genotypes: Genotypes) -> Adjacency:
    reads = np.zeros((len(genotypes), VERTICES, VERTICES), bool)
    reads[:, _TARGET, _SOURCE] = genotypes[:, :_PAIRS] > 0
    return reads


def _live(reads: Adjacency) -> Adjacency:
    """The edges that lie on a path from the input to the output."""
    return reads & (reached(reads)[:, None, :] & reaching(reads)[:, :, None])


def _mended(reads: Adjacency) -> Adjacency:
    """The live edges, brought within the limits as `NASBench101Space` says."""
    reads = _live(reads)
    reads[~reads.any(axis=(1, 2)), _OUTPUT, 0] = True
    while True:
        rows = np.flatnonzero(reads.sum(axis=(1, 2)) > MOST_EDGES)
        if not rows.size:
            return reads
        much = reads[rows]
        spare = much & (much.sum(axis=2) > 1)[:, :, None] & (much.sum(axis=1) > 1)[:, None, :]
        spare = np.where(spare.any(axis=(1, 2))[:, None, None], spare, much)
        last = _PAIRS - 1 - spare[:, _TARGET, _SOURCE][:, ::-1].argmax(axis=1)
        much[np.arange(len(rows)), _TARGET[last], _SOURCE[last]] = False
        reads[rows] = _live(much)


def _refuse(wrong: ArrayLike, expected: str) -> None:
    """Raise SpaceError for the first row that is wrong."""
    if np.any(wrong):
        raise SpaceError(f"cell {int(np.argmax(wrong))}: {expected}")
