"""The knobs of a PIM accelerator: as one frozen description, and as they stand in a population."""

from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from dagsmith.hardware.cost_model import CostError
from dagsmith.hardware.pim.technology import Technology
from dagsmith.space import Architecture, Edge, Node, Population
from dagsmith.space.errors import nearest
from dagsmith.space.pim import CROSSBAR, MAPPING, MEMORY, RUNS, TIERS

Array = NDArray[np.float64]

_WIDEST = 32


@dataclass(frozen=True, slots=True)
class Hardware:
    """A PIM accelerator that runs every operator in the same way; the default is ISAAC's at 8 bits.

    Args:
        size: rows and columns of a crossbar.
        cell_bits: bits per cell.
        dac_bits: bits that a row is driven with per pulse.
        adc_bits: resolution of the ADCs.
        adcs: ADCs per crossbar; each reads its share of the columns in turn.
        weight_bits: bits of the weights.
        activation_bits: bits of the activations.
        replication: copies of every weight matrix.
        tier: where embedding tables live, one of `dagsmith.space.pim.TIERS`.
        embedding_bits: bits of an embedding's coordinates.

    Raises:
        CostError: a knob that is no whole number above 0, or an unknown tier.
    """

    size: int = 128
    cell_bits: int = 2
    dac_bits: int = 1
    adc_bits: int = 8
    adcs: int = 1
    weight_bits: int = 8
    activation_bits: int = 8
    replication: int = 1
    tier: str = "dram"
    embedding_bits: int = 8

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise CostError(f"tier is {self.tier!r}; {nearest(self.tier, TIERS)}")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "tier":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise CostError(f"{field.name} is {value!r}; expected a whole number above 0")

    def equip(self, architecture: Architecture) -> Architecture:
        """The architecture with nodes of this hardware, one mapping for all operators."""
        values = asdict(self)
        hardware = [
            Node.of(kind.name, f"hardware.{kind.name}", **{a.name: values[a.name] for a in of})
            for kind, of in ((k, k.attributes) for k in (CROSSBAR, MAPPING, MEMORY))
        ]
        shift = len(hardware)
        edges = [Edge(0, 1, "crossbar")]
        edges += [Edge(e.source + shift, e.target + shift, e.port) for e in architecture.edges]
        for index, node in enumerate(architecture.nodes):
            port = RUNS.get(node.kind)
            if port is not None:
                edges.append(Edge(2 if port == "memory" else 1, index + shift, port))
        return Architecture((*hardware, *architecture.nodes), tuple(edges)).live()


@dataclass(frozen=True)
class Knobs:
    """The knobs with which each node of a population runs, each array ``[batch, nodes]``.

    Named as in `Hardware`; `tier` is the index into `TIERS`.
    """

    size: Array
    cell_bits: Array
    dac_bits: Array
    adc_bits: Array
    adcs: Array
    weight_bits: Array
    activation_bits: Array
    replication: Array
    tier: Array
    embedding_bits: Array

    @staticmethod
    def of(population: Population, default: Hardware) -> "Knobs":
        """Read the hardware nodes; what is not tied to one runs with `default`."""
        values = asdict(default) | {"tier": TIERS.index(default.tier)}
        shape = population.kind.shape
        arrays = {name: np.full(shape, float(value)) for name, value in values.items()}
        kinds = population.vocabulary
        if not shape[0] or CROSSBAR.name not in kinds:
            return Knobs(**arrays)
        every = np.arange(shape[0])[:, None]
        if "memory" in kinds.port_bit:
            source, tied = _tied(population, "memory")
            for column, attribute in enumerate(MEMORY.attributes):
                found = population.attributes[every, source, column]
                arrays[attribute.name] = np.where(tied, found, arrays[attribute.name])
        if "mapping" in kinds.port_bit:
            source, tied = _tied(population, "mapping")
            for column, attribute in enumerate(MAPPING.attributes):
                found = population.attributes[every, source, column]
                arrays[attribute.name] = np.where(tied, found, arrays[attribute.name])
            # There is one crossbar design on a chip; the mappings all point to it.
            crossbar = population.kind == kinds.index[CROSSBAR.name]
            has, at = crossbar.any(axis=1), crossbar.argmax(axis=1)
            for column, attribute in enumerate(CROSSBAR.attributes):
                found = population.attributes[np.arange(shape[0]), at, column]
                given = np.where(has, found, values[attribute.name]).astype(float)
                arrays[attribute.name] = np.broadcast_to(given[:, None], shape)
        return Knobs(**arrays)

    def check(self, used: NDArray[np.bool_], technology: Technology) -> None:
        """Raise CostError for a configuration of a used node that cannot be built."""
        for converter in ("adc", "dac"):
            bits = getattr(self, f"{converter}_bits")[used]
            technology.at("adc.area" if converter == "adc" else "dac.area", bits)
        for name, low in (("size", 2), ("cell_bits", 1), ("adcs", 1), ("replication", 1)):
            _at_least(name, getattr(self, name)[used], low)
        for name in ("weight_bits", "activation_bits", "embedding_bits"):
            bits = getattr(self, name)[used]
            _at_least(name, bits, 1)
            if (bits > _WIDEST).any():
                # Digital units are 32 bits wide, and so is what the accuracy is simulated with.
                raise CostError(f"{name} is {bits.max():g}; expected at most {_WIDEST}")
        slices = np.ceil(self.weight_bits / self.cell_bits)[used]
        size = self.size[used]
        if (slices > size).any():
            row = int((slices > size).argmax())
            raise CostError(
                f"a crossbar of {size[row]:g} columns is smaller than the {slices[row]:g} slices "
                "of one weight; expected a larger crossbar, more bits per cell or fewer per weight"
            )
        adcs = self.adcs[used]
        if (adcs > size).any():
            row = int((adcs > size).argmax())
            raise CostError(f"{adcs[row]:g} ADCs for a crossbar of {size[row]:g} columns")


def _tied(population: Population, port: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The node that enters each node at `port`, and whether there is one, ``[batch, nodes]``."""
    bit = population.vocabulary.port_bit[port]
    source = np.zeros(population.kind.shape, np.int64)
    tied = np.zeros(population.kind.shape, bool)
    for target in np.flatnonzero((population.linked & bit).any(axis=1)):
        sources = population.sources(int(target), port)
        at = (population.edges[:, target, sources] & bit) != 0
        source[:, target] = sources[at.argmax(axis=1)]
        tied[:, target] = at.any(axis=1)
    return source, tied


def _at_least(name: str, values: Array, low: int) -> None:
    wrong = ~((values >= low) & (values == np.floor(values)))
    if wrong.any():
        raise CostError(
            f"{name} is {values[wrong][0]:g}; expected a whole number of at least {low}"
        )
