"""The NASRec spaces: blocks of one dense and one sparse operator, read by any later block.

Index 0 is the raw input, block i has index i and reads any index below
its own; only the last block feeds the logit. Source: Zhang et al., "NASRec: Weight Sharing Neural
Architecture Search for Recommender Systems", WWW 2023, arXiv 2207.07187, and its public code.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from itertools import combinations
from math import comb
from typing import Any

from dagsmith.space.architecture import Architecture, Edge, Node
from dagsmith.space.click_space import ClickSpace
from dagsmith.space.component import Value
from dagsmith.space.ctr import (
    DENSE_OPERATORS,
    KINDS,
    PAIRED,
    SPARSE_OPERATORS,
    Block,
)
from dagsmith.space.errors import SpaceError, nearest
from dagsmith.space.nasrec_arrays import NASRecArrays
from dagsmith.space.population import Population
from dagsmith.space.search_space import Genotype, Genotypes, Slot

WIDTHS = (16, 32, 64, 128, 256, 512, 768, 1024)
ROWS = (16, 32, 48, 64)


class NASRecSpace(ClickSpace):
    """`blocks` choice blocks over the raw features; see `nasrec_small` and `nasrec_full`.

    Args:
        name: name of the space.
        dense_features: numeric features of the data (a constant stands in where there are none).
        sparse_fields: categorical fields of the data, one embedding row each.
        dense_operators: allowed dense operators, out of `DENSE_OPERATORS`.
        sparse_operators: allowed sparse operators, out of `SPARSE_OPERATORS`.
        blocks: number of choice blocks.
        widths: choices of a block's dense width.
        rows: choices of a block's sparse rows.
        connection_cap: most members of an input set.
        embedding_dim: width of an embedding vector.

    Raises:
        SpaceError: an unknown operator, or a count below 1.
    """

    def __init__(
        self,
        name: str,
        dense_features: int,
        sparse_fields: int,
        *,
        dense_operators: Sequence[str],
        sparse_operators: Sequence[str],
        blocks: int = 7,
        widths: Sequence[int] = WIDTHS,
        rows: Sequence[int] = ROWS,
        connection_cap: int = 4,
        embedding_dim: int = 16,
    ) -> None:
        for operators, known in (
            (dense_operators, DENSE_OPERATORS),
            (sparse_operators, SPARSE_OPERATORS),
        ):
            for operator in operators:
                if operator not in known:
                    raise SpaceError(f"unknown operator {operator!r}; {nearest(operator, known)}")
        counts = {
            "blocks": blocks,
            "smallest width": min(widths, default=0),
            "smallest number of rows": min(rows, default=0),
            "connection_cap": connection_cap,
            "sparse_fields": sparse_fields,
            "embedding_dim": embedding_dim,
            "dense_operators": len(dense_operators),
            "sparse_operators": len(sparse_operators),
        }
        for key, count in counts.items():
            if count < 1:
                raise SpaceError(f"{key} is {count}; expected at least 1")
        if dense_features < 0:
            raise SpaceError(f"dense_features is {dense_features}; expected at least 0")
        self.name = name
        self.kinds = KINDS
        self.dense_width = max(1, dense_features)
        self.sparse_fields = sparse_fields
        self.dense_operators = tuple(dense_operators)
        self.sparse_operators = tuple(sparse_operators)
        self.blocks = blocks
        self.widths = tuple(widths)
        self.rows = tuple(rows)
        self.connection_cap = connection_cap
        self.embedding_dim = embedding_dim
        self.embedding_dims = (embedding_dim,)
        self.slots = tuple(slot for block in range(1, blocks + 1) for slot in self._slots(block))
        self._column = {slot.name: column for column, slot in enumerate(self.slots)}

    def _slots(self, block: int) -> list[Slot]:
        sets, weights = _connection_sets(block, self.connection_cap)
        sources = tuple(str(index) for index in range(block))
        slots = [
            Slot(f"block{block}.dense_op", self.dense_operators),
            Slot(f"block{block}.sparse_op", self.sparse_operators),
            Slot(f"block{block}.width", self.widths),
            Slot(f"block{block}.rows", self.rows),
            Slot(f"block{block}.dense_inputs", sets, weights),
            Slot(f"block{block}.sparse_inputs", sets, weights),
            Slot(f"block{block}.fm", (False, True)),
            Slot(f"block{block}.dense_to_sparse", (False, True)),
        ]
        if any(operator in PAIRED for operator in self.dense_operators):
            slots += [
                Slot(f"block{block}.left", sources),
                Slot(f"block{block}.right", sources),
            ]
        # A slot without a choice would only clutter a study.
        return [slot for slot in slots if len(slot.choices) > 1]

    def to_blocks(self, genotype: Genotype) -> list[Block]:
        """The blocks that a genotype means, dead ones included."""

        def gene(name: str, only: Value) -> Any:
            column = self._column.get(name)
            return only if column is None else self.slots[column].choices[int(genotype[column])]

        blocks = []
        for number in range(1, self.blocks + 1):
            at = f"block{number}"
            blocks.append(
                Block(
                    (gene(f"{at}.dense_op", self.dense_operators[0]),),
                    (gene(f"{at}.sparse_op", self.sparse_operators[0]),),
                    gene(f"{at}.width", self.widths[0]),
                    gene(f"{at}.rows", self.rows[0]),
                    tuple(int(index) for index in gene(f"{at}.dense_inputs", "0").split("+")),
                    tuple(int(index) for index in gene(f"{at}.sparse_inputs", "0").split("+")),
                    int(gene(f"{at}.left", "0")),
                    int(gene(f"{at}.right", "0")),
                    gene(f"{at}.fm", False),
                    gene(f"{at}.dense_to_sparse", False),
                )
            )
        return blocks

    def from_blocks(self, blocks: Sequence[Block]) -> Genotype:
        """The genotype that means `blocks` (one operator a side); the inverse of `to_blocks`."""
        params: dict[str, Value] = {}
        for number, block in enumerate(blocks, 1):
            genes: dict[str, Value] = {
                "dense_op": block.dense_ops[0],
                "sparse_op": block.sparse_ops[0],
                "width": block.width,
                "rows": block.rows,
                "dense_inputs": "+".join(map(str, sorted(block.dense_inputs))),
                "sparse_inputs": "+".join(map(str, sorted(block.sparse_inputs))),
                "left": str(block.left),
                "right": str(block.right),
                "fm": block.fm,
                "dense_to_sparse": block.dense_to_sparse,
            }
            params |= {
                f"block{number}.{name}": value
                for name, value in genes.items()
                if f"block{number}.{name}" in self._column
            }
        return self.from_params(params)

    def handmade(self) -> dict[str, Genotype]:
        """The networks that NASRec's authors published, as far as they are points of this space."""
        # Published networks are made of spaces of this kind.
        from dagsmith.space.published import published_nets

        found = {}
        for name, net in published_nets().items():
            if len(net.blocks) == self.blocks:
                with suppress(SpaceError):
                    found[f"nasrec-{name}"] = self.from_blocks(net.blocks)
        return found

    def assemble(self, blocks: Sequence[Block]) -> Architecture:
        """Build the architecture of any blocks, without what cannot reach the logit."""
        nodes = [
            Node.of("dense_input", "input.dense", width=self.dense_width),
            Node.of(
                "sparse_input", "input.sparse", rows=self.sparse_fields, dim=self.embedding_dim
            ),
        ]
        edges: list[Edge] = []

        def add(node: Node, **inputs: Sequence[int]) -> int:
            nodes.append(node)
            target = len(nodes) - 1
            edges.extend(Edge(source, target, port) for port in inputs for source in inputs[port])
            return target

        dense, sparse = [0], [1]
        for number, block in enumerate(blocks, 1):
            at = f"block{number}"
            dense_set = [dense[index] for index in block.dense_inputs]
            sparse_set = [sparse[index] for index in block.sparse_inputs]
            dense_outputs = []
            for operator in block.dense_ops:
                node = Node.of("dense_op", f"{at}.dense", operator=operator, width=block.width)
                if operator in PAIRED:
                    inputs = {"left": [dense[block.left]], "right": [dense[block.right]]}
                elif operator == "dot_product":
                    inputs = {"dense": dense_set, "sparse": sparse_set}
                else:
                    inputs = {"dense": dense_set}
                dense_outputs.append(add(node, **inputs))
            sparse_outputs = [
                add(
                    Node.of("sparse_op", f"{at}.sparse", operator=operator, rows=block.rows),
                    sparse=sparse_set,
                )
                for operator in block.sparse_ops
            ]
            if len(dense_outputs) > 1:
                node = Node.of("merger", f"{at}.add_dense", operator="add")
                dense_outputs = [add(node, dense=dense_outputs)]
            if len(sparse_outputs) > 1:
                node = Node.of("merger", f"{at}.add_sparse", operator="add")
                sparse_outputs = [add(node, sparse=sparse_outputs)]
            dense_out, sparse_out = dense_outputs[0], sparse_outputs[0]
            # Both mergers read what the operators gave, not what the other merger made of it.
            mergers = {"dense": [dense_out], "sparse": [sparse_out]}
            if block.fm:
                dense_out = add(Node.of("merger", f"{at}.fm", operator="fm"), **mergers)
            if block.dense_to_sparse:
                node = Node.of("merger", f"{at}.dense_to_sparse", operator="dense_to_sparse")
                sparse_out = add(node, **mergers)
            dense.append(dense_out)
            sparse.append(sparse_out)
        add(Node.of("head", "head"), dense=[dense[-1]], sparse=[sparse[-1]])
        return Architecture(tuple(nodes), tuple(edges)).live()

    def decode(self, genotype: Genotype) -> Architecture:
        """Return the live architecture of one genotype, ``[slots]``."""
        return self.assemble(self.to_blocks(genotype))

    def envelope(self) -> list[Architecture]:
        """Architectures that together use every shared weight at its full size.

        All operators and mergers; a supernet allocates the union of their weights. Connected to
        everything before at every width, most weights show at full size. Maps that an operator
        leaves out where its input has its size already show only at another width, with one input
        instead of all, where neighbouring blocks differ in width, or where both sides of a pair
        read the raw input: hence the variants.
        """
        second, widest = sorted(self.widths)[-2:][0], max(self.widths)
        variants: list[tuple[int, int, int | None, int | None]] = [
            *((width, width, None, None) for width in self.widths),
            (second, widest, None, None),
            (widest, second, None, None),
            (widest, widest, None, 0),
            *((widest, widest, only, None) for only in range(self.blocks)),
        ]
        architectures = []
        for even, odd, only, pair in variants:
            blocks = []
            for number in range(1, self.blocks + 1):
                reads = tuple(range(number)) if only is None or only >= number else (only,)
                side = number - 1 if pair is None else pair
                blocks.append(
                    Block(
                        self.dense_operators,
                        self.sparse_operators,
                        even if number % 2 == 0 else odd,
                        max(self.rows),
                        reads,
                        reads,
                        side,
                        side,
                        True,
                        True,
                    )
                )
            architectures.append(self.assemble(blocks))
        return architectures

    def decode_many(self, genotypes: Genotypes) -> Population:
        """Return the live architectures of ``[batch, slots]`` by array operations."""
        return self._arrays.decode(genotypes)

    @cached_property
    def _arrays(self) -> NASRecArrays:
        return NASRecArrays(
            self.slots,
            self.blocks,
            self.dense_width,
            self.sparse_fields,
            self.embedding_dim,
            self.dense_operators,
            self.sparse_operators,
            self.widths,
            self.rows,
        )


def _connection_sets(block: int, cap: int) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Input sets of a block as ``"0+2"``, with the published sampling weights.

    NASRec draws 1 + Binomial(min(k - 1, 3), 1/2) members out of k without replacement
    ("binomial-0.5"); here 3 is `cap` - 1.
    """
    trials = min(block, cap) - 1
    sets, weights = [], []
    for size in range(1, min(block, cap) + 1):
        for members in combinations(range(block), size):
            sets.append("+".join(map(str, members)))
            weights.append(comb(trials, size - 1) * 0.5**trials / comb(block, size))
    return tuple(sets), tuple(weights)


def nasrec_small(
    dense_features: int,
    sparse_fields: int,
    *,
    blocks: int = 7,
    widths: Sequence[int] | None = None,
    rows: Sequence[int] = ROWS,
    connection_cap: int = 4,
    embedding_dim: int = 16,
) -> NASRecSpace:
    """NASRec-Small: dense operators FC and dot product, sparse operator EFC."""
    return NASRecSpace(
        "nasrec-small",
        dense_features,
        sparse_fields,
        dense_operators=("fc", "dot_product"),
        sparse_operators=("efc",),
        blocks=blocks,
        widths=WIDTHS if widths is None else widths,
        rows=rows,
        connection_cap=connection_cap,
        embedding_dim=embedding_dim,
    )


def nasrec_full(
    dense_features: int,
    sparse_fields: int,
    *,
    blocks: int = 7,
    widths: Sequence[int] | None = None,
    rows: Sequence[int] = ROWS,
    connection_cap: int = 4,
    embedding_dim: int = 16,
) -> NASRecSpace:
    """NASRec-Full: all four dense operators, EFC and attention."""
    return NASRecSpace(
        "nasrec-full",
        dense_features,
        sparse_fields,
        dense_operators=DENSE_OPERATORS,
        sparse_operators=SPARSE_OPERATORS,
        blocks=blocks,
        widths=WIDTHS if widths is None else widths,
        rows=rows,
        connection_cap=connection_cap,
        embedding_dim=embedding_dim,
    )
