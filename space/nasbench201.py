"""NAS-Bench-201: cells of four nodes with an operation on each of the six edges between them.

Source: Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture
Search", ICLR 2020, arXiv 2001.00326.
"""

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dagsmith.space.architecture import Architecture
from dagsmith.space.cells import CELL_KINDS, CELL_OPERATIONS, cells, reaching
from dagsmith.space.errors import SpaceError, nearest
from dagsmith.space.population import Population
from dagsmith.space.search_space import Genotype, Genotypes, SearchSpace, Slot

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""``(source, target)`` of each slot, in the order of the slots and of the cell's string."""
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""The choices of every slot, by the benchmark's names and in its usual order of codes."""

_CODES = np.array(
    [CELL_OPERATIONS.index(name) for name in ("none", "skip", "conv1x1", "conv3x3", "avg_pool3x3")],
    np.int16,
)
_NONE, _SKIP = OPERATIONS.index("none"), OPERATIONS.index("skip_connect")
# In the form "function": where the second and later times of an edge stand. Only what is ready
# after the edge 0->1 can be added twice, so they have their place right there.
_AGAIN = ("again1", "again2", "again3", "again4")

Form = Literal["function", "live", "whole"]
FORMS: tuple[Form, ...] = ("function", "live", "whole")


class NASBench201Space(SearchSpace):
    """The 15,625 cells of NAS-Bench-201: 5 operations on 6 edges, every genotype counted.

    Node j of a cell is the sum of its edges; node 0 is the input and node 3 the output. Here each
    operation is a node that reads the operations whose results are summed where its edge starts:
    the sums themselves need no node. `form` says how much of the cell is kept:

    ``"function"`` (5,425 different keys): what the cell computes. Edges of zeros, and operations
    that get only zeros or do not reach the output, are left out. A skip is its input; only where
    the same thing is added a second time, a ``skip`` node stands for the repetition. So a chain
    of skips is one edge, and sums of sums are one sum. What follows from the rules of operations
    is not identified: pooling is linear, normalisation undoes scale. That normalisation can make
    a constant out of zeros is passed over, as in the benchmark's own rule.

    ``"live"`` (8,765 keys; 9,445 before isomorphic ones are merged, which is the other published
    count): likewise, but every skip is a node.

    ``"whole"`` (15,625 keys): every edge is a node, be it ``none`` or ``skip``. What a device
    takes to run a cell with its dead parts, as in HW-NAS-Bench, depends on this form only.

    The benchmark's own string (6,466 different ones) is neither finer nor coarser than the key of
    ``"function"``: it writes one convolution that is added twice like two convolutions, and tells
    zero plus x from x. A cell without a path from input to output (341 of the genotypes) is an
    output that reads nothing in the first two forms.

    Args:
        form: how much of a cell is kept.

    Raises:
        SpaceError: an unknown form.

    Example:
        >>> space = NASBench201Space()
        >>> cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|skip_connect~2|"
        >>> [node.name for node in space.decode(space.from_string(cell)).nodes]
        ['input', '0->1', 'output']
    """

    def __init__(self, form: Form = "function") -> None:
        if form not in FORMS:
            raise SpaceError(f"unknown form {form!r}; {nearest(form, FORMS)}")
        self.name = "nasbench201" if form == "function" else f"nasbench201-{form}"
        self.kinds = CELL_KINDS
        self.form = form
        self.slots = tuple(Slot(f"{source}->{target}", OPERATIONS) for source, target in EDGES)

    def from_string(self, cell: str) -> Genotype:
        """Read ``"|nor_conv_3x3~0|+|none~0|skip_connect~1|+|...|"``.

        Raises:
            SpaceError: another form, an edge missing or repeated, an unknown operation.
        """
        parts = [re.findall(r"\|([^|~+]+)~(\d+)(?=\|)", node) for node in cell.strip().split("+")]
        found: dict[str, str] = {}
        for target, inputs in enumerate(parts, 1):
            for operation, source in inputs:
                found[f"{source}->{target}"] = operation
        complete = sorted(found) == sorted(slot.name for slot in self.slots)
        genotype = self.from_params(dict(found)) if complete else None
        if genotype is None or self.to_string(genotype) != cell.strip():
            raise SpaceError(
                f"{cell!r} is no NAS-Bench-201 cell; expected one operation on each of the six "
                "edges, in the order '|op~0|+|op~0|op~1|+|op~0|op~1|op~2|'"
            )
        return genotype

    def from_strings(self, strings: Sequence[str]) -> Genotypes:
        """Read many strings, ``[batch, 6]``; raise SpaceError naming the first that is off."""
        rows = []
        for row, cell in enumerate(strings):
            try:
                rows.append(self.from_string(cell))
            except SpaceError as error:
                raise SpaceError(f"cell {row}: {error}") from None
        return np.array(rows, np.int16).reshape(len(rows), len(self.slots))

    def to_string(self, genotype: Genotype) -> str:
        """The benchmark's string of a cell, the inverse of `from_string`."""
        nodes: dict[int, str] = {}
        for (source, target), gene in zip(EDGES, genotype, strict=True):
            nodes[target] = nodes.get(target, "|") + f"{OPERATIONS[gene]}~{source}|"
        return "+".join(nodes.values())

    def every_cell(self) -> Genotypes:
        """All 15,625 genotypes, ``[15625, 6]``, the last slot changing fastest."""
        counts = self.slot_sizes.tolist()
        return np.indices(counts).reshape(len(counts), -1).T.astype(np.int16)

    def decode(self, genotype: Genotype) -> Architecture:
        """Return the cell of one genotype, ``[6]``, in the space's form."""
        return self.decode_many(np.asarray(genotype)[None]).architecture(0)

    def decode_many(self, genotypes: Genotypes) -> Population:
        """Return the cells of ``[batch, 6]`` by array operations.

        Positions are the input, the six edges (in the form ``"function"`` with four repetitions
        after the first), and the output.
        """
        edges = [slot.name for slot in self.slots]
        again = _AGAIN if self.form == "function" else ()
        names = ("input", edges[0], *again, *edges[1:], "output")
        at = {name: position for position, name in enumerate(names)}
        batch, count = len(genotypes), len(names)
        operation = np.full((batch, count), CELL_OPERATIONS.index("skip"), np.int16)
        reads = np.zeros((batch, count, count), bool)
        # How often each position is added into each of the four nodes, [batch, positions].
        terms = [np.zeros((batch, count), np.int8) for _ in range(4)]
        terms[0][:, 0] = 1
        for slot, (source, target) in enumerate(EDGES):
            position, genes = at[edges[slot]], genotypes[:, slot]
            operation[:, position] = _CODES[genes]
            reads[:, position] = terms[source] > 0
            kept = np.ones(batch, bool)
            if self.form != "whole":
                kept = (genes != _NONE) & reads[:, position].any(axis=1)
            if self.form == "function":
                skips = genes == _SKIP
                terms[target] += np.where(skips[:, None], terms[source], np.int8(0))
                kept &= ~skips
            reads[~kept, position] = False
            terms[target][:, position] = kept
        reads[:, -1] = terms[3] > 0
        if self.form == "function":
            first, last = at["0->1"], at["2->3"]
            _repeat(reads, reads[:, last, 0] & (terms[2][:, 0] > 1), 0, last, at["again1"])
            for times in (2, 3, 4):
                _repeat(reads, terms[3][:, 0] >= times, 0, count - 1, at[f"again{times}"])
            # If the edge 0->1 is an operation, the input is there at most twice: 4 is free.
            _repeat(reads, terms[3][:, first] > 1, first, count - 1, at["again4"])
        return cells(operation, reads, reaching(reads), names)


def _repeat(
    reads: NDArray[np.bool_], rows: NDArray[np.bool_], source: int, target: int, at: int
) -> None:
    """Let `target` read `source` once more, through a skip at position `at`."""
    reads[rows, at, source] = True
    reads[rows, target, at] = True
