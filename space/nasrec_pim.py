"""The joint space: a NASRec model and the in-memory-computing hardware that runs it, one graph.

Each block's dense and each block's sparse operator has a mapping of its own (bits of weights and
activations, copies of its weights), which its merger shares; so has the head. One crossbar design
and one memory for the embeddings serve them all. What is searched is what the literature searches
(PIMSYN, DATE 2024; AutoRAC, arXiv 2505.10748; MNSIM 2.0): see `docs/hardware.md`.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dagsmith.space.architecture import Architecture, Edge, Node
from dagsmith.space.click_space import ClickSpace
from dagsmith.space.component import Value
from dagsmith.space.ctr import KINDS
from dagsmith.space.errors import SpaceError, nearest
from dagsmith.space.nasrec import ROWS, NASRecSpace, nasrec_full, nasrec_small
from dagsmith.space.pim import CROSSBAR, MAPPING, MEMORY, PIM_KINDS, TIERS
from dagsmith.space.population import ABSENT, Population
from dagsmith.space.search_space import Genotype, Genotypes, Slot

BITS = (4, 8)
KNOBS: dict[str, tuple[Value, ...]] = {
    "size": (64, 128, 256),
    "cell_bits": (1, 2, 4),
    "dac_bits": (1, 2),
    "adc_bits": (4, 5, 6, 7, 8, 9, 10),
    "adcs": (1, 2, 4, 8),
    "weight_bits": BITS,
    "activation_bits": BITS,
    "replication": (1, 2, 4, 8),
    "tier": TIERS,
    "embedding_bits": BITS,
}
"""Choices of each knob, unless said otherwise."""


class NASRecPIMSpace(ClickSpace):
    """A NASRec space joined with hardware knobs; see `nasrec_pim`.

    The first slots are the model's, as its own space has them; the hardware's follow.

    Args:
        name: name of the space.
        model: the space of the models.
        knobs: choices of some knobs; those not named keep the choices of `KNOBS`.

    Raises:
        SpaceError: a knob that there is not, or a choice that no hardware has.
    """

    def __init__(
        self,
        name: str,
        model: NASRecSpace,
        knobs: Mapping[str, Sequence[Value]] | None = None,
    ) -> None:
        for knob in knobs or {}:
            if knob not in KNOBS:
                raise SpaceError(f"no hardware knob {knob!r}; {nearest(knob, KNOBS)}")
            for choice in (knobs or {})[knob]:
                _check(knob, choice)
        self.name, self.model, self.kinds = name, model, PIM_KINDS
        self.dense_width, self.sparse_fields = model.dense_width, model.sparse_fields
        self.embedding_dims = model.embedding_dims
        self.knobs = KNOBS | {knob: tuple(choices) for knob, choices in (knobs or {}).items()}
        blocks = range(1, model.blocks + 1)
        sides = [f"block{number}.{side}" for number in blocks for side in ("dense", "sparse")]
        self.places = (*sides, "head")
        self.hardware_slots = tuple(slot for slot in self._slots() if len(slot.choices) > 1)
        self.slots = (*model.slots, *self.hardware_slots)
        self._column = {slot.name: column for column, slot in enumerate(self.hardware_slots)}

    def _slots(self) -> list[Slot]:
        slots = [Slot(f"crossbar.{a.name}", self.knobs[a.name]) for a in CROSSBAR.attributes]
        slots += [Slot(f"memory.{a.name}", self.knobs[a.name]) for a in MEMORY.attributes]
        for place in self.places:
            slots += [Slot(f"{place}.{a.name}", self.knobs[a.name]) for a in MAPPING.attributes]
        return slots

    def envelope(self) -> list[Architecture]:
        """The model's: hardware adds no shared weights."""
        return self.model.envelope()

    def decode(self, genotype: Genotype) -> Architecture:
        """Return the live model of a genotype, tied to its hardware."""
        split = len(self.model.slots)
        return self.equip(self.model.decode(genotype[:split]), genotype[split:])

    def equip(self, architecture: Architecture, genes: Genotype) -> Architecture:
        """Tie the operators of a model to hardware.

        Args:
            architecture: of the model's space (also one with several operators per block).
            genes: ``[hardware slots]``.
        """
        nodes = [
            self._node("crossbar", CROSSBAR.name, "hardware.crossbar", genes),
            self._node("memory", MEMORY.name, "hardware.memory", genes),
        ]
        edges: list[Edge] = []
        for place in self.places:
            edges.append(Edge(0, len(nodes), "crossbar"))
            nodes.append(self._node(place, MAPPING.name, f"{place}.mapping", genes))
        shift = len(nodes)
        edges += [Edge(e.source + shift, e.target + shift, e.port) for e in architecture.edges]
        for index, node in enumerate(architecture.nodes):
            if node.kind == "sparse_input":
                edges.append(Edge(1, index + shift, "memory"))
            elif node.kind != "dense_input":
                mapping = 2 + self.places.index(_place(node.name))
                edges.append(Edge(mapping, index + shift, "mapping"))
        return Architecture((*nodes, *architecture.nodes), tuple(edges)).live()

    def decode_many(self, genotypes: Genotypes) -> Population:
        """Return the joint graphs of ``[batch, slots]`` by array operations.

        The layout is crossbar, memory, one mapping per place, then the model's own layout.
        """
        split = len(self.model.slots)
        base = self.model.decode_many(genotypes[:, :split])
        genes = genotypes[:, split:]
        batch, shift = len(genotypes), 2 + len(self.places)
        count = shift + base.node_count
        kind = np.full((batch, count), ABSENT, np.int16)
        attributes = np.full((batch, count, PIM_KINDS.attribute_count), np.nan, np.float32)
        edges = np.zeros((batch, count, count), np.uint16)
        kind[:, shift:] = base.kind
        attributes[:, shift:, : KINDS.attribute_count] = base.attributes
        for port, bit in KINDS.port_bit.items():
            here = (base.edges & bit) != 0
            edges[:, shift:, shift:] |= here * np.uint16(PIM_KINDS.port_bit[port])

        def put(node: int, what: str, where: str, live: NDArray[np.bool_]) -> None:
            kind[live, node] = PIM_KINDS.index[what]
            for column, attribute in enumerate(PIM_KINDS[what].attributes):
                values = self._codes[f"{where}.{attribute.name}"]
                column_of = self._column.get(f"{where}.{attribute.name}")
                chosen = values[genes[:, column_of]] if column_of is not None else values[[0]]
                attributes[:, node, column] = np.where(live, chosen, np.nan)

        every = np.ones(batch, bool)
        put(0, CROSSBAR.name, "crossbar", every)
        names = base.names or ()
        for position, name in enumerate(names):
            present = base.kind[:, position] != ABSENT
            if name == "input.sparse":
                put(1, MEMORY.name, "memory", present)
                edges[present, shift + position, 1] = PIM_KINDS.port_bit["memory"]
            elif name != "input.dense":
                place = _place(name)
                node = 2 + self.places.index(place)
                edges[present, shift + position, node] = PIM_KINDS.port_bit["mapping"]
                if name == place:
                    put(node, MAPPING.name, place, present)
                    edges[present, node, 0] = PIM_KINDS.port_bit["crossbar"]
        hardware = ("hardware.crossbar", "hardware.memory")
        mappings = tuple(f"{place}.mapping" for place in self.places)
        return Population(PIM_KINDS, kind, attributes, edges, (*hardware, *mappings, *names))

    def _node(self, where: str, kind: str, name: str, genes: Genotype) -> Node:
        values: dict[str, Value] = {}
        for attribute in PIM_KINDS[kind].attributes:
            slot = f"{where}.{attribute.name}"
            gene = int(genes[self._column[slot]]) if slot in self._column else 0
            values[attribute.name] = self.knobs[attribute.name][gene]
        return Node.of(kind, name, **values)

    @cached_property
    def _codes(self) -> dict[str, NDArray[np.float32]]:
        """The choices of every slot, those without a choice too, as populations store them."""
        attributes = {a.name: a for kind in (CROSSBAR, MAPPING, MEMORY) for a in kind.attributes}
        return {
            slot.name: np.array(
                [attributes[slot.name.rpartition(".")[2]].encode(value) for value in slot.choices],
                np.float32,
            )
            for slot in self._slots()
        }


def _check(knob: str, choice: Value) -> None:
    """Raise SpaceError for a choice that is of no hardware, whatever its technology."""
    if knob == "tier":
        if choice not in TIERS:
            raise SpaceError(f"knob 'tier' has no choice {choice!r}; {nearest(str(choice), TIERS)}")
    elif isinstance(choice, bool) or not isinstance(choice, int) or choice < 1:
        raise SpaceError(f"knob {knob!r} is {choice!r}; expected whole numbers above 0")


def _place(name: str) -> str:
    """The place whose mapping runs a node: a merger runs with the side that it adds to."""
    block, _, part = name.partition(".")
    if not part:
        return block
    return f"{block}.{'dense' if part in ('dense', 'fm', 'add_dense') else 'sparse'}"


def nasrec_pim(
    dense_features: int,
    sparse_fields: int,
    *,
    blocks: int = 7,
    widths: Sequence[int] | None = None,
    rows: Sequence[int] = ROWS,
    connection_cap: int = 4,
    embedding_dim: int = 16,
    knobs: Mapping[str, Sequence[Value]] | None = None,
) -> NASRecPIMSpace:
    """NASRec-Full with its hardware."""
    model = nasrec_full(
        dense_features,
        sparse_fields,
        blocks=blocks,
        widths=widths,
        rows=rows,
        connection_cap=connection_cap,
        embedding_dim=embedding_dim,
    )
    return NASRecPIMSpace("nasrec-pim", model, knobs)


def nasrec_pim_small(
    dense_features: int,
    sparse_fields: int,
    *,
    blocks: int = 7,
    widths: Sequence[int] | None = None,
    rows: Sequence[int] = ROWS,
    connection_cap: int = 4,
    embedding_dim: int = 16,
    knobs: Mapping[str, Sequence[Value]] | None = None,
) -> NASRecPIMSpace:
    """NASRec-Small with its hardware."""
    model = nasrec_small(
        dense_features,
        sparse_fields,
        blocks=blocks,
        widths=widths,
        rows=rows,
        connection_cap=connection_cap,
        embedding_dim=embedding_dim,
    )
    return NASRecPIMSpace("nasrec-pim-small", model, knobs)
