"""Graph features of any typed DAG: counts, paths and degrees, for models that are no networks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.node_features import NodeFeatures, Tokens
from dagsmith.space import ABSENT, Categorical, Population, Vocabulary

_CHUNK_NUMBERS = 1 << 20
"""Numbers per array of the path counting: what fits the caches."""
_MOST_PATHS = 1e30
"""Where the number of paths stops growing; a 32-bit number holds it."""
_FAR = 1e4
"""More nodes than a path has."""


@dataclass(frozen=True)
class GraphFeatures:
    r"""Describes a graph by numbers that do not depend on the order of its nodes.

    Nodes are told apart by their marks: a node bears the mark of what it is (its kind with the
    values of its attributes, a token), that of its kind, and that of any node. A row then holds

    - the sums of the node features (`NodeFeatures`), and the means of numbers and flags;
    - for each mark m: the nodes that bear it, and the edges into and out of them;
    - the number p of paths from a source to a sink, as log(1 + p), and for each mark the nodes on
      all paths together, as log(1 + .), on the average path, and on the path that has most and
      least of them: of any node, that is the length of the longest and of the shortest path;
    - for each port, and each pair of tokens or of kinds: the edges from one to the other.

    Columns that do not vary in the fitted architectures are left out. At most
    `MOST_TOKENS` tokens and `MOST_PAIRS` pairs are told apart, and paths are counted by token only
    where there are at most `MOST_PATH_TOKENS`: they cost more than all the rest. A node with
    another token counts as the nearest token of its kind (in distance of node features), and has no
    token if its kind was not there; what it is by kind and number is counted in any case.

    The features are in the manner of GRAF (Kadlecova et al., "Surprisingly Strong Performance
    Prediction with Neural Graph Features", ICML 2024, arXiv 2404.16551), for graphs of any kind.

    Args:
        nodes: encoding of nodes.
        tokens: features of the tokens, ``[tokens, width]``.
        token_kind: the kind of each token, ``[tokens]``.
        token_pairs: codes of the pairs of tokens whose edges are counted, ascending.
        kind_pairs: codes of the pairs of kinds, ascending.
        kept: which of all columns vary, ``[all columns]``.

    Example:
        >>> from dagsmith.space import NASBench201Space
        >>> space = NASBench201Space()
        >>> cells = space.decode_many(space.every_cell()[::25])
        >>> features = GraphFeatures.fit(cells)
        >>> features.transform(cells).shape == (625, features.width)
        True
    """

    MOST_TOKENS = 64
    """Tokens told apart, the most frequent ones."""
    MOST_PATH_TOKENS = 16
    """Tokens up to which paths are counted by token, too; with more only by kind."""
    MOST_PAIRS = 256
    """Pairs of tokens, or of kinds, told apart: those neither rare nor everywhere."""

    nodes: NodeFeatures
    tokens: NDArray[np.float32]
    token_kind: NDArray[np.int16]
    token_pairs: NDArray[np.int64]
    kind_pairs: NDArray[np.int64]
    kept: NDArray[np.bool_]

    @staticmethod
    def fit(population: Population) -> "GraphFeatures":
        """Learn tokens, pairs and the columns that vary from ``[batch]`` architectures.

        Raises:
            PredictorError: for no architectures.
        """
        if not len(population):
            raise PredictorError("graph features are fitted on architectures; got none")
        nodes = NodeFeatures.fit(population)
        found = Tokens.of(population, nodes)
        kinds = _kind_of_tokens(population, found)
        frequency = np.bincount(found.index[population.present], minlength=len(kinds))
        # By their features, so that the order of the architectures decides nothing.
        order = np.lexsort((*found.features.T[::-1], -frequency))[: GraphFeatures.MOST_TOKENS]
        tokens, token_kind = found.features[order], kinds[order]
        token = _nearest(found, kinds, tokens, token_kind)[found.index]
        token[~population.present] = ABSENT
        token_edges = _Edges.of(population, token, len(tokens))
        kind_edges = _Edges.of(population, population.kind, len(population.vocabulary))
        everything = GraphFeatures(
            nodes,
            tokens,
            token_kind,
            token_edges.most_telling(GraphFeatures.MOST_PAIRS, len(population)),
            kind_edges.most_telling(GraphFeatures.MOST_PAIRS, len(population)),
            np.ones(0, np.bool_),
        )
        rows = everything._all_columns(population)
        return GraphFeatures(
            nodes,
            tokens,
            token_kind,
            everything.token_pairs,
            everything.kind_pairs,
            np.ptp(rows, axis=0) > 0,
        )

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.kept.sum())

    def transform(self, population: Population) -> NDArray[np.float32]:
        """Return the rows of a population, ``[batch, width]``.

        Raises:
            PredictorError: a population over other component kinds.
        """
        if population.vocabulary != self.nodes.kinds:
            raise PredictorError(
                f"the population is over {population.vocabulary}; "
                f"these features were fitted over {self.nodes.kinds}"
            )
        if not len(population):
            return np.zeros((0, self.width), np.float32)
        return self._all_columns(population)[:, self.kept]

    def _all_columns(self, population: Population) -> NDArray[np.float32]:
        """Whether they vary or not."""
        population = population.compact()
        found = Tokens.of(population, self.nodes)
        kinds = _kind_of_tokens(population, found)
        nearest = _nearest(found, kinds, self.tokens, self.token_kind)
        marks = _marks(nearest, kinds, len(self.tokens), len(population.vocabulary))
        # What has no token has the last one, of no features and no marks.
        looks = np.concatenate([found.features, np.zeros_like(found.features[:1])])
        marks = np.concatenate([marks, np.zeros_like(marks[:1])])
        nearest = np.append(nearest, ABSENT)
        few = len(self.tokens) <= self.MOST_PATH_TOKENS
        first_on_paths = 0 if few else len(self.tokens)
        step = max(1, _CHUNK_NUMBERS // (population.node_count * marks.shape[1] + 1))
        parts = []
        for start in range(0, len(population), step):
            rows = slice(start, start + step)
            part, index = population[rows], found.index[rows]
            token = _Edges.of(part, nearest[index], len(self.tokens))
            kind = _Edges.of(part, part.kind, len(population.vocabulary))
            columns = (
                _looks(population.vocabulary, looks[index].sum(axis=1)),
                _marks_and_paths(part.edges > 0, part.present, marks[index], first_on_paths),
                token.counts(self.token_pairs, len(part)),
                kind.counts(self.kind_pairs, len(part)),
            )
            parts.append(np.concatenate(columns, axis=1).astype(np.float32))
        return np.concatenate(parts)


@dataclass(frozen=True)
class _Edges:
    """The edges of a population one by one: their row, and the code of port, source and target."""

    row: NDArray[np.int64]
    code: NDArray[np.int64]

    @staticmethod
    def of(population: Population, label: NDArray[np.integer], labels: int) -> "_Edges":
        """Read the edges between nodes of `label`, ``[batch, nodes]``; `ABSENT` has none."""
        row, target, source = np.nonzero(population.edges)
        bits = population.edges[row, target, source]
        begin = label[row, source].astype(np.int64)
        end = label[row, target].astype(np.int64)
        known = (begin != ABSENT) & (end != ABSENT)
        rows, codes = [], []
        for port in range(len(population.vocabulary.ports)):
            there = known & (bits >> port & 1 > 0)
            rows.append(row[there])
            codes.append((port * labels + begin[there]) * labels + end[there])
        return _Edges(np.concatenate(rows), np.concatenate(codes))

    def most_telling(self, most: int, batch: int) -> NDArray[np.int64]:
        """The codes that nearest half of the rows have, at most so many, ascending."""
        codes, which = np.unique(self.code, return_inverse=True)
        pairs = np.unique(which * batch + self.row) // batch
        having = np.bincount(pairs, minlength=len(codes))
        # What is in every row may still vary by its count: it comes last.
        evenness = np.minimum(having, batch - having)
        return np.sort(codes[np.argsort(-evenness, kind="stable")[:most]])

    def counts(self, codes: NDArray[np.int64], batch: int) -> NDArray[np.float32]:
        """How often each of the codes is in each row, ``[batch, codes]``."""
        if not len(codes):
            return np.zeros((batch, 0), np.float32)
        at = np.searchsorted(codes, self.code).clip(max=len(codes) - 1)
        there = codes[at] == self.code
        cell = self.row[there] * len(codes) + at[there]
        counted = np.bincount(cell, minlength=batch * len(codes))
        return counted.reshape(batch, len(codes)).astype(np.float32)


def _kind_of_tokens(population: Population, tokens: Tokens) -> NDArray[np.int16]:
    """The kind of each token, ``[tokens]``."""
    kinds = np.zeros(len(tokens.features), np.int16)
    kinds[tokens.index[population.present]] = population.kind[population.present]
    return kinds


def _nearest(
    found: Tokens,
    kinds: NDArray[np.int16],
    tokens: NDArray[np.float32],
    token_kind: NDArray[np.int16],
) -> NDArray[np.int64]:
    """The nearest of the fitted tokens for each one found, ``[found]``; `ABSENT` for new kinds."""
    nearest = np.full(len(kinds), ABSENT, np.int64)
    for kind in np.unique(token_kind):
        known = np.flatnonzero(token_kind == kind)
        for part in _parts(np.flatnonzero(kinds == kind), 4096):
            gaps = found.features[part][:, None] - tokens[known][None]
            nearest[part] = known[np.square(gaps).sum(axis=2).argmin(axis=1)]
    return nearest


def _parts(rows: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), most):
        yield rows[start : start + most]


def _marks(
    nearest: NDArray[np.int64], kinds: NDArray[np.int16], tokens: int, kind_count: int
) -> NDArray[np.float32]:
    """Which marks a token bears: token, kind, any; ``[found, tokens + kinds + 1]``."""
    marks = np.zeros((len(nearest), tokens + kind_count + 1), np.float32)
    rows = np.arange(len(nearest))
    known = nearest != ABSENT
    marks[rows[known], nearest[known]] = 1.0
    marks[rows, tokens + kinds] = 1.0
    marks[:, -1] = 1.0
    return marks


def _looks(kinds: Vocabulary, sums: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums of the node features, and means of the numbers and flags over their kind's nodes."""
    means, column = [], 0
    for kind in kinds.kinds:
        count = np.maximum(sums[:, column], 1.0)
        column += 1
        for attribute in kind.attributes:
            if isinstance(attribute, Categorical):
                column += len(attribute.choices)
            else:
                means.append(sums[:, column] / count)
                column += 1
    return np.concatenate([sums, *(mean[:, None] for mean in means)], axis=1)


def _marks_and_paths(
    reads: NDArray[np.bool_],
    present: NDArray[np.bool_],
    marks: NDArray[np.float32],
    first_on_paths: int,
) -> NDArray[np.float64]:
    """Counts and degrees by mark and paths by the later marks, ``[batch, 3 marks + 4 later + 1]``.

    Args:
        reads: whether there is an edge, ``[batch, target, source]``, sources before targets.
        present: which node positions are used, ``[batch, nodes]``.
        marks: which marks a node bears, ``[batch, nodes, marks]``.
        first_on_paths: the first mark by which paths are counted.
    """
    into, out_of = reads.sum(axis=2, dtype=np.float32), reads.sum(axis=1, dtype=np.float32)
    every = np.concatenate(
        [marks.sum(axis=1), (into[:, None] @ marks)[:, 0], (out_of[:, None] @ marks)[:, 0]], axis=1
    )
    marks = np.ascontiguousarray(marks[:, :, first_on_paths:])
    batch, count, width = marks.shape
    paths = np.zeros((batch, count))
    totals = np.zeros((batch, count, width))
    # Nodes on the path that ends here: most of them plus 1, and FAR minus the least of them, so
    # that 0 is "no path" in both, and a maximum over the sources is a product with `reads`.
    most, least = np.zeros_like(marks), np.zeros_like(marks)
    for node in range(count):
        source = (present[:, node] & (into[:, node] == 0))[:, None]
        before = reads[:, node, :node]
        weight = before[:, None].astype(np.float64)
        paths[:, node] = (before * paths[:, :node]).sum(axis=1) + source[:, 0]
        np.minimum(paths[:, node], _MOST_PATHS, out=paths[:, node])
        own = marks[:, node]
        totals[:, node] = (weight @ totals[:, :node])[:, 0] + paths[:, node, None] * own
        np.minimum(totals[:, node], _MOST_PATHS, out=totals[:, node])
        there = present[:, node, None]
        most[:, node] = (_largest(before, most[:, :node]) + source + own) * there
        least[:, node] = (_largest(before, least[:, :node]) + source * _FAR - own) * there
    ends = present & (out_of == 0)
    path_count = (paths * ends).sum(axis=1)[:, None]
    total = (totals * ends[:, :, None]).sum(axis=1)
    return np.concatenate(
        [
            every,
            np.log1p(path_count),
            np.log1p(total),
            total / np.maximum(path_count, 1.0),
            _largest(ends, most) - 1.0,
            _FAR - _largest(ends, least),
        ],
        axis=1,
    )


def _largest(chosen: NDArray[np.bool_], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest value of the chosen nodes, ``[batch, marks]``; 0 where there are none."""
    masked = values * chosen[:, :, None]
    return np.asarray(masked.max(axis=1, initial=0.0), np.float32)
