"""Joint spaces: a model and the in-memory-computing hardware that runs it, one graph.

Parts of a model have mappings of their own (bits of weights and activations, copies of the
weights). One crossbar design and one memory for the embeddings serve them all. What is searched is
what the literature searches (PIMSYN, DATE 2024; AutoRAC, arXiv 2505.10748; MNSIM 2.0): see
`docs/hardware.md`.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dagsmith.space.architecture import Architecture, Edge, Node
from dagsmith.space.click_space import ClickSpace
from dagsmith.space.component import Value, Vocabulary
from dagsmith.space.errors import SpaceError, nearest
from dagsmith.space.pim import CROSSBAR, MAPPING, MEMORY, RUNS, TIERS
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


class PIMSpace(ClickSpace):
    """A space of models joined with hardware knobs.

    The first slots are the model's, as its own space has them; the hardware's follow.

    Args:
        name: name of the space.
        model: the space of the models.
        kinds: its kinds and those of the hardware.
        places: the parts of a model that have a mapping each, in the order of their slots.
        knobs: choices of some knobs; those not named keep the choices of `KNOBS`.

    Raises:
        SpaceError: a knob that there is not, or a choice that no hardware has.
    """

    def __init__(
        self,
        name: str,
        model: ClickSpace,
        kinds: Vocabulary,
        places: Sequence[str],
        knobs: Mapping[str, Sequence[Value]] | None = None,
    ) -> None:
        for knob in knobs or {}:
            if knob not in KNOBS:
                raise SpaceError(f"no hardware knob {knob!r}; {nearest(knob, KNOBS)}")
            for choice in (knobs or {})[knob]:
                _check(knob, choice)
        self.name, self.model, self.kinds = name, model, kinds
        self.dense_width, self.sparse_fields = model.dense_width, model.sparse_fields
        self.embedding_dims, self.first_order = model.embedding_dims, model.first_order
        self.knobs = KNOBS | {knob: tuple(choices) for knob, choices in (knobs or {}).items()}
        self.places = tuple(places)
        self.hardware_slots = tuple(slot for slot in self._slots() if len(slot.choices) > 1)
        self.slots = (*model.slots, *self.hardware_slots)
        self._column = {slot.name: column for column, slot in enumerate(self.hardware_slots)}

    @abstractmethod
    def place(self, name: str) -> str:
        """The place whose mapping runs the node of this name."""

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
            port = RUNS.get(node.kind)
            if port == "memory":
                edges.append(Edge(1, index + shift, port))
            elif port is not None:
                mapping = 2 + self.places.index(self.place(node.name))
                edges.append(Edge(mapping, index + shift, port))
        return Architecture((*nodes, *architecture.nodes), tuple(edges)).live()

    def decode_many(self, genotypes: Genotypes) -> Population:
        """Return the joint graphs of ``[batch, slots]`` by array operations.

        The layout is crossbar, memory, one mapping per place, then the model's own layout. The
        model's kinds are the first ones here.
        """
        split = len(self.model.slots)
        base = self.model.decode_many(genotypes[:, :split])
        own, kinds = self.model.kinds, self.kinds
        genes = genotypes[:, split:]
        batch, shift = len(genotypes), 2 + len(self.places)
        count = shift + base.node_count
        kind = np.full((batch, count), ABSENT, np.int16)
        attributes = np.full((batch, count, kinds.attribute_count), np.nan, np.float32)
        edges = np.zeros((batch, count, count), np.uint16)
        kind[:, shift:] = base.kind
        attributes[:, shift:, : own.attribute_count] = base.attributes
        for port, bit in own.port_bit.items():
            here = (base.edges & bit) != 0
            edges[:, shift:, shift:] |= here * np.uint16(kinds.port_bit[port])

        def put(node: int, what: str, where: str, live: NDArray[np.bool_]) -> None:
            kind[live, node] = kinds.index[what]
            for column, attribute in enumerate(kinds[what].attributes):
                values = self._codes[f"{where}.{attribute.name}"]
                column_of = self._column.get(f"{where}.{attribute.name}")
                chosen = values[genes[:, column_of]] if column_of is not None else values[[0]]
                attributes[live, node, column] = np.broadcast_to(chosen, batch)[live]

        every = np.ones(batch, bool)
        put(0, CROSSBAR.name, "crossbar", every)
        names = base.names or ()
        ties = {own.index[name]: port for name, port in RUNS.items() if name in own}
        for position, name in enumerate(names):
            here = base.kind[:, position]
            for code in np.unique(here[here != ABSENT]).tolist():
                tied, present = ties.get(code), here == code
                if tied == "memory":
                    put(1, MEMORY.name, "memory", present)
                    edges[present, shift + position, 1] = kinds.port_bit[tied]
                elif tied is not None:
                    place = self.place(name)
                    node = 2 + self.places.index(place)
                    edges[present, shift + position, node] = kinds.port_bit[tied]
                    put(node, MAPPING.name, place, present)
                    edges[present, node, 0] = kinds.port_bit["crossbar"]
        hardware = ("hardware.crossbar", "hardware.memory")
        mappings = tuple(f"{place}.mapping" for place in self.places)
        return Population(kinds, kind, attributes, edges, (*hardware, *mappings, *names))

    def _node(self, where: str, kind: str, name: str, genes: Genotype) -> Node:
        values: dict[str, Value] = {}
        for attribute in self.kinds[kind].attributes:
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
