"""ctr-plus: the hand-made CTR models and NASRec's networks in one space.

An architecture is a sum of streams over the raw features: whatever feeds the head adds to the
logit. Every stream may be left out, which is its first choice; hand-made models are points
(`dagsmith.space.handmade`).

===============  ================================================================================
linear, fm       one weight per id and a linear map of the numbers; the factorisation machine
cross            cross layers, full or low rank (DCNv2)
cin              compressed interaction layers (xDeepFM)
attention        self-attention over the fields (AutoInt)
pairs, bottom    inner products of all pairs, with the numbers, where the data have any, as one
                 more vector (DLRM)
mask             mask blocks, in parallel or one after the other (MaskNet)
left, right      towers of fully connected layers, each with a field gate (FinalMLP)
fusion           a bilinear form of both towers, in heads (FinalMLP)
trunk            choice blocks of NASRec-Full
===============  ================================================================================

A tower reads the raw features, or the cross, pair or mask stream, which then feeds the tower and
not the head. Normalisation, dropout and embedding width are choices of the whole architecture.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from dagsmith.space.architecture import Architecture
from dagsmith.space.click_space import ClickSpace
from dagsmith.space.component import Value
from dagsmith.space.ctr import NORMS, PLUS_KINDS
from dagsmith.space.ctr_plus_streams import (
    DEPTH,
    READS,
    TOWERS,
    layout,
    put_attention,
    put_cin,
    put_cross,
    put_fusion,
    put_masks,
    put_pairs,
    put_tower,
)
from dagsmith.space.graph_arrays import GraphArrays
from dagsmith.space.nasrec import WIDTHS, nasrec_full
from dagsmith.space.population import Population
from dagsmith.space.search_space import Genotype, Genotypes, Slot

TOWER_WIDTHS = (16, 32, 64, 100, 200, 400, 800)
DROPOUTS = (0.0, 0.1, 0.2, 0.3, 0.4)


class CTRPlusSpace(ClickSpace):
    """Streams over the raw features of one data set; see the module.

    Args:
        dense_features: numeric features of the data (a constant stands in where there are none).
        sparse_fields: categorical fields of the data.
        blocks: choice blocks of the trunk.
        widths: choices of a tower layer's width.
        trunk_widths: choices of a trunk block's width.
        embedding_dims: choices of the embedding dimension.
        dropouts: choices of the towers' dropout.

    Raises:
        SpaceError: no choice in one of them, or a count below 1.

    Example:
        >>> space = ctr_plus(13, 26)
        >>> space.decode(space.point({"left.depth": 1, "left.1.width": 64})).nodes[-2]["width"]
        64
    """

    def __init__(
        self,
        dense_features: int,
        sparse_fields: int,
        *,
        blocks: int = 7,
        widths: Sequence[int] = TOWER_WIDTHS,
        trunk_widths: Sequence[int] = WIDTHS,
        embedding_dims: Sequence[int] = (8, 16, 32),
        dropouts: Sequence[float] = DROPOUTS,
    ) -> None:
        self.name = "ctr-plus"
        self.kinds = PLUS_KINDS
        self.trunk = nasrec_full(
            dense_features,
            sparse_fields,
            blocks=blocks,
            widths=trunk_widths,
            embedding_dim=max(embedding_dims, default=0),
        )
        self.dense_width = self.trunk.dense_width
        self._no_numbers = dense_features == 0
        self.sparse_fields = sparse_fields
        self.embedding_dims = tuple(sorted(embedding_dims))
        self.first_order = True
        widths = sorted(widths)
        contexts = tuple(range(-1, min(sparse_fields, 8) + 1))
        self.slots = (
            Slot("dim", self.embedding_dims),
            Slot("norm", NORMS),
            Slot("dropout", tuple(dropouts)),
            Slot("linear", (False, True)),
            Slot("fm", (False, True)),
            _depth("cross.depth", DEPTH, 0.5),
            Slot("cross.rank", (0, 16, 64)),
            _depth("cin.depth", 3, 0.75),
            Slot("cin.rows", (8, 16, 32, 64)),
            _depth("attention.depth", 3, 0.75),
            Slot("attention.width", (8, 16, 32)),
            Slot("attention.heads", (1, 2, 4)),
            Slot("pairs", (False, True), (0.7, 0.3)),
            _depth("bottom.depth", 3, 0.5),
            Slot("bottom.width", tuple(widths)),
            _depth("mask.blocks", DEPTH, 0.75),
            Slot("mask.width", (32, 64, 128, 256)),
            Slot("mask.hidden", (32, 64, 128, 256)),
            Slot("mask.order", ("parallel", "serial")),
            *(slot for tower in TOWERS for slot in _tower(tower, widths, contexts)),
            Slot("fusion.heads", (0, 1, 2, 5, 10), (4, 1, 1, 1, 1)),
            Slot("trunk", (False, True), (0.8, 0.2)),
            *self.trunk.slots,
        )
        self._layout = layout(self.trunk.blocks)

    def point(self, params: Mapping[str, Value]) -> Genotype:
        """The genotype with these choices and the first choice everywhere else.

        Raises:
            SpaceError: a slot or choice that does not exist.
        """
        return self.from_params({slot.name: slot.choices[0] for slot in self.slots} | dict(params))

    def handmade(self) -> dict[str, Genotype]:
        """The models of `HANDMADE`, in the sizes of this space that are nearest to theirs.

        Towers are as wide as in BARS's configurations, dropout is .2, vectors have the middle one
        of the embedding dimensions.
        """
        # The table stands beside what else is made of it, and that is made of this space.
        from dagsmith.space.handmade import DROPOUT, HANDMADE, WIDTH

        usual: dict[str, Value] = {
            "dim": self.embedding_dims[len(self.embedding_dims) // 2],
            "dropout": DROPOUT,
            **{
                f"{tower}.{layer}.width": WIDTH for tower in TOWERS for layer in range(1, DEPTH + 1)
            },
        }
        slots = {slot.name: slot for slot in self.slots}
        return {
            name: self.point(
                {slot: _nearest(slots[slot], value) for slot, value in {**usual, **params}.items()}
            )
            for name, params in HANDMADE.items()
        }

    def decode(self, genotype: Genotype) -> Architecture:
        """Return the live architecture of one genotype, ``[slots]``."""
        return self.decode_many(np.asarray(genotype)[None]).architecture(0)

    def decode_many(self, genotypes: Genotypes) -> Population:
        """Return the live architectures of ``[batch, slots]`` by array operations."""
        genes = {
            slot.name: np.array(slot.choices)[genotypes[:, column]]
            for column, slot in enumerate(self.slots)
        }
        if self._no_numbers:
            # Batch normalisation of a constant divides by nothing, and a layer of it is a bias.
            genes["bottom.depth"] = np.zeros_like(genes["bottom.depth"])
        graph = GraphArrays(self.kinds, self._layout, len(genotypes))
        own = len(self.slots) - len(self.trunk.slots)
        trunk = self.trunk.decode_many(genotypes[:, own:])
        graph.copy(trunk, genes["trunk"])
        graph.put("input.dense", "dense_input", width=self.dense_width)
        graph.put("input.sparse", "sparse_input", rows=self.sparse_fields, dim=genes["dim"])
        graph.put("input.first_order", "first_order", fields=self.sparse_fields)
        graph.put("flat", "flat")
        graph.link("flat", "input.dense", "dense")
        graph.link("flat", "input.sparse", "sparse")
        graph.put("head", "head")
        graph.edges[:, -1, : trunk.node_count - 1] |= np.where(
            genes["trunk"][:, None], trunk.edges[:, -1, :-1], np.uint16(0)
        )
        graph.link("head", "input.dense", "dense", genes["linear"])
        graph.link("head", "input.first_order", "logit", genes["linear"])
        graph.put("fm", "fm_logit", genes["fm"])
        graph.link("fm", "input.sparse", "sparse", genes["fm"])
        graph.link("head", "fm", "logit")
        put_cin(graph, genes)
        put_attention(graph, genes)
        streams = {
            "cross": put_cross(graph, genes),
            "pairs": put_pairs(graph, genes),
            "mask": put_masks(graph, genes),
        }
        read = [put_tower(graph, genes, tower, streams) for tower in TOWERS]
        for stream, outputs in streams.items():
            unread = ~(read[0][stream] | read[1][stream])
            for node, on in outputs:
                graph.link("head", node, "dense", on & unread)
        put_fusion(graph, genes)
        graph.link("head", "flat", "dense", ~np.any(graph.edges[:, -1], axis=1))
        return graph.live()

    def envelope(self) -> list[Architecture]:
        """Architectures that together use every shared weight at its full size.

        Everything at its largest with one slot after the other at each of its choices, and the
        trunk's own envelope.
        """
        largest = self.slot_sizes - 1
        for column, slot in enumerate(self.slots):
            if slot.name.endswith((".gate", ".reads")):
                # The raw features ungated, with all streams beside them feeding the head.
                largest[column] = 0
            if slot.name in ("mask.order", "fusion.heads", "trunk"):
                largest[column] = 0
        # A head without a stream reads the features themselves.
        nothing = np.where([slot.name == "dim" for slot in self.slots], largest, 0)
        rows = [largest, nothing]
        for column, size in enumerate(self.slot_sizes[: -len(self.trunk.slots)]):
            rows += [
                np.where(np.arange(len(largest)) == column, choice, largest)
                for choice in range(size)
            ]
        population = self.decode_many(np.unique(np.array(rows, np.int16), axis=0))
        streams = [population.architecture(row) for row in range(len(population))]
        trunks = [
            net
            for dim in self.embedding_dims
            for net in nasrec_full(
                self.dense_width,
                self.sparse_fields,
                blocks=self.trunk.blocks,
                widths=self.trunk.widths,
                embedding_dim=dim,
            ).envelope()
        ]
        return streams + trunks


def _nearest(slot: Slot, value: Value) -> Value:
    """The slot's choice that is nearest to a number; what is no number is a choice."""
    if value in slot.choices or isinstance(value, str):
        return value
    return min(slot.choices, key=lambda choice: abs(float(choice) - float(value)))


def _depth(name: str, most: int, absent: float) -> Slot:
    """A number of layers, 0 with probability `absent`."""
    return Slot(name, tuple(range(most + 1)), (absent, *[(1 - absent) / most] * most))


def _tower(tower: str, widths: Sequence[int], contexts: tuple[int, ...]) -> list[Slot]:
    gates = len(contexts) - 1
    return [
        _depth(f"{tower}.depth", DEPTH, 0.15 if tower == "left" else 0.6),
        *(Slot(f"{tower}.{layer}.width", tuple(widths)) for layer in range(1, DEPTH + 1)),
        Slot(f"{tower}.reads", READS, (6, 1, 1, 1, 1, 1, 1)),
        # -1 is no gate, 0 one that sees all fields, k one that sees the k-th.
        Slot(f"{tower}.gate", contexts, (0.7, *[0.3 / gates] * gates)),
        Slot(f"{tower}.gate_width", (16, 64, 400)),
    ]


def ctr_plus(
    dense_features: int,
    sparse_fields: int,
    *,
    blocks: int = 7,
    widths: Sequence[int] | None = None,
    embedding_dim: int = 16,
) -> CTRPlusSpace:
    """The space with vectors of `embedding_dim`, half and double of it.

    Args:
        dense_features: numeric features of the data.
        sparse_fields: categorical fields of the data.
        blocks: choice blocks of the trunk.
        widths: choices of width of towers and trunk; None has a list of its own for each.
        embedding_dim: the middle choice of the embedding dimension.
    """
    return CTRPlusSpace(
        dense_features,
        sparse_fields,
        blocks=blocks,
        widths=widths or TOWER_WIDTHS,
        trunk_widths=widths or WIDTHS,
        embedding_dims=(max(1, embedding_dim // 2), embedding_dim, 2 * embedding_dim),
    )
