"""Genotypes of the NASRec spaces to populations, many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dagsmith.space.ctr import DENSE_OPERATORS, KINDS, MERGERS, PAIRED, SPARSE_OPERATORS
from dagsmith.space.population import ABSENT, Population
from dagsmith.space.search_space import Genotypes, Slot


@dataclass(frozen=True)
class NASRecArrays:
    """What `NASRecSpace.decode_many` needs to know of a space; see there for the fields.

    Decoding one genotype (`NASRecSpace.assemble`) and many are written twice: the one says what an
    architecture is, the other is a thousand times faster, and the conformance suite compares them.
    """

    slots: Sequence[Slot]
    blocks: int
    dense_width: int
    sparse_fields: int
    embedding_dim: int
    dense_operators: Sequence[str]
    sparse_operators: Sequence[str]
    widths: Sequence[int]
    rows: Sequence[int]

    def decode(self, genotypes: Genotypes) -> Population:
        """Return the live architectures of ``[batch, slots]`` by array operations.

        The layout has one position per input, then four per block: dense operator, sparse
        operator, FM, dense-to-sparse; then the head.
        """
        batch = len(genotypes)
        count = 2 + 4 * self.blocks + 1
        head = count - 1
        names = ["input.dense", "input.sparse"]
        kind = np.full((batch, count), ABSENT, np.int16)
        attributes = np.full((batch, count, KINDS.attribute_count), np.nan, np.float32)
        edges = np.zeros((batch, count, count), np.uint16)
        every = np.arange(batch)
        kind[:, 0], kind[:, 1] = KINDS.index["dense_input"], KINDS.index["sparse_input"]
        attributes[:, 0, 0] = self.dense_width
        attributes[:, 1, 0], attributes[:, 1, 1] = self.sparse_fields, self.embedding_dim
        # Position of each index's dense and sparse output, [batch, 1 + blocks].
        dense = np.zeros((batch, 1 + self.blocks), np.int64)
        sparse = np.ones((batch, 1 + self.blocks), np.int64)
        bit = KINDS.port_bit

        for number in range(1, self.blocks + 1):
            at = f"block{number}"
            first = 2 + 4 * (number - 1)
            dense_op, sparse_op, fm, to_sparse = range(first, first + 4)
            names += [f"{at}.dense", f"{at}.sparse", f"{at}.fm", f"{at}.dense_to_sparse"]
            operator = self._codes(
                genotypes, f"{at}.dense_op", self.dense_operators, DENSE_OPERATORS
            )
            paired = np.isin(operator, [DENSE_OPERATORS.index(name) for name in PAIRED])
            crosses = operator == DENSE_OPERATORS.index("dot_product")
            kind[:, dense_op] = KINDS.index["dense_op"]
            attributes[:, dense_op, 0] = operator
            attributes[:, dense_op, 1] = self._values(genotypes, f"{at}.width", self.widths)
            kind[:, sparse_op] = KINDS.index["sparse_op"]
            attributes[:, sparse_op, 0] = self._codes(
                genotypes, f"{at}.sparse_op", self.sparse_operators, SPARSE_OPERATORS
            )
            attributes[:, sparse_op, 1] = self._values(genotypes, f"{at}.rows", self.rows)
            reads_dense = self._sets(genotypes, f"{at}.dense_inputs", number)
            reads_sparse = self._sets(genotypes, f"{at}.sparse_inputs", number)
            for index in range(number):
                of_dense, of_sparse = dense[:, index], sparse[:, index]
                edges[every, dense_op, of_dense] |= np.where(
                    reads_dense[:, index] & ~paired, bit["dense"], 0
                ).astype(np.uint16)
                edges[every, dense_op, of_sparse] |= np.where(
                    reads_sparse[:, index] & crosses, bit["sparse"], 0
                ).astype(np.uint16)
                edges[every, sparse_op, of_sparse] |= np.where(
                    reads_sparse[:, index], bit["sparse"], 0
                ).astype(np.uint16)
            for side in ("left", "right"):
                source = self._values(genotypes, f"{at}.{side}", ("0",)).astype(np.int64)
                edges[every, dense_op, dense[every, source]] |= np.where(
                    paired, bit[side], 0
                ).astype(np.uint16)
            for merger, name in ((fm, "fm"), (to_sparse, "dense_to_sparse")):
                on = self._values(genotypes, f"{at}.{name}", (False,)).astype(bool)
                kind[on, merger] = KINDS.index["merger"]
                attributes[on, merger, 0] = MERGERS.index(name)
                edges[on, merger, dense_op] = bit["dense"]
                edges[on, merger, sparse_op] = bit["sparse"]
                if name == "fm":
                    dense[:, number] = np.where(on, fm, dense_op)
                else:
                    sparse[:, number] = np.where(on, to_sparse, sparse_op)
        kind[:, head] = KINDS.index["head"]
        edges[every, head, dense[:, -1]] |= np.uint16(bit["dense"])
        edges[every, head, sparse[:, -1]] |= np.uint16(bit["sparse"])
        names.append("head")

        live = np.zeros((batch, count), bool)
        live[:, head] = True
        for target in range(head, 1, -1):
            live |= (edges[:, target] != 0) & live[:, target, None]
        kind[~live] = ABSENT
        attributes[~live] = np.nan
        edges[~live] = 0
        edges.transpose(0, 2, 1)[~live] = 0
        return Population(KINDS, kind, attributes, edges, tuple(names))

    def _codes(
        self, genotypes: Genotypes, slot: str, allowed: Sequence[str], known: Sequence[str]
    ) -> NDArray[np.int64]:
        codes = np.array([known.index(name) for name in allowed])
        column = self._column.get(slot)
        genes = genotypes[:, column] if column is not None else np.zeros(len(genotypes), np.int64)
        return codes[genes]

    def _values(
        self, genotypes: Genotypes, slot: str, only: Sequence[str | int | bool]
    ) -> NDArray[np.float64]:
        column = self._column.get(slot)
        if column is None:
            return np.full(len(genotypes), float(only[0]))
        values = np.array([float(choice) for choice in self.slots[column].choices])
        return values[genotypes[:, column]]

    def _sets(self, genotypes: Genotypes, slot: str, number: int) -> NDArray[np.bool_]:
        column = self._column.get(slot)
        if column is None:
            return np.ones((len(genotypes), number), bool)
        return self._members[slot][genotypes[:, column]]

    @cached_property
    def _column(self) -> Mapping[str, int]:
        return {slot.name: column for column, slot in enumerate(self.slots)}

    @cached_property
    def _members(self) -> dict[str, NDArray[np.bool_]]:
        """Of each connection slot, which earlier index is in which choice, ``[choices, number]``.

        Made once: splitting the choices would take as long as all else in `decode`.
        """
        return {
            slot.name: np.array(
                [
                    [str(index) in str(choice).split("+") for index in range(number)]
                    for choice in slot.choices
                ]
            )
            for number in range(1, self.blocks + 1)
            for side in ("dense", "sparse")
            for slot in self.slots
            if slot.name == f"block{number}.{side}_inputs"
        }
