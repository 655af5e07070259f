"""NAS-Bench-Macro: a chain of eight layers, each an identity or one of two inverted bottlenecks.

Source: Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021,
arXiv 2103.11922.
"""

from collections.abc import Sequence

import numpy as np

from dagsmith.space.architecture import Architecture
from dagsmith.space.cells import INPUT, OUTPUT
from dagsmith.space.component import Categorical, ComponentKind, Flag, Number, Vocabulary
from dagsmith.space.errors import SpaceError
from dagsmith.space.population import ABSENT, Population
from dagsmith.space.search_space import Genotype, Genotypes, SearchSpace, Slot

OPERATIONS = ("identity", "mb3_k3", "mb6_k5")
"""The choices of a layer; MB3 expands by 3 with kernel 3, MB6 by 6 with kernel 5."""
CHANNELS = (64, 64, 128, 128, 128, 256, 256, 256)
"""Output channels of each layer; the first layer of a width halves height and width."""

_REDUCES = tuple(layer == 0 or CHANNELS[layer - 1] != CHANNELS[layer] for layer in range(8))

KINDS = Vocabulary(
    (
        INPUT,
        ComponentKind(
            "layer", (Categorical("op", OPERATIONS), Number("channels", "log"), Flag("reduces"))
        ),
        OUTPUT,
    )
)


class NASBenchMacroSpace(SearchSpace):
    """The 6,561 networks of NAS-Bench-Macro (3 choices for 8 layers, every genotype counted).

    3,969 of them are different: an identity is nothing where the shape stays, so ``MB3, identity``
    and ``identity, MB3`` are one network, and such identities are left out. In layers 1, 3 and 6,
    which halve the resolution, the identity is a 1x1 convolution with stride 2, and stays.

    Example:
        >>> space = NASBenchMacroSpace()
        >>> [node.name for node in space.decode(space.from_string("00010000")).nodes]
        ['input', 'layer1', 'layer3', 'layer4', 'layer6', 'output']
    """

    def __init__(self) -> None:
        self.name = "nasbench-macro"
        self.kinds = KINDS
        self.slots = tuple(Slot(f"layer{layer}", OPERATIONS) for layer in range(1, 9))

    def from_string(self, network: str) -> Genotype:
        """Read ``"02012100"``, one digit per layer; raise SpaceError if it is off."""
        return np.asarray(self.from_strings([network])[0])

    def from_strings(self, networks: Sequence[str]) -> Genotypes:
        """Read many strings, ``[batch, 8]``; raise SpaceError naming the first that is off."""
        for row, network in enumerate(networks):
            if len(network) != len(self.slots) or not set(network) <= set("012"):
                raise SpaceError(
                    f"network {row}: {network!r}; expected 8 digits, each 0 (identity), "
                    "1 (mb3_k3) or 2 (mb6_k5)"
                )
        digits = np.frombuffer("".join(networks).encode("ascii"), np.uint8) - ord("0")
        return digits.reshape(-1, len(self.slots)).astype(np.int16)

    def to_string(self, genotype: Genotype) -> str:
        """The benchmark's string, the inverse of `from_string`."""
        return "".join(map(str, np.asarray(genotype).tolist()))

    def decode(self, genotype: Genotype) -> Architecture:
        """Return the network of one genotype, ``[8]``, without layers that do nothing."""
        return self.decode_many(np.asarray(genotype)[None]).architecture(0)

    def decode_many(self, genotypes: Genotypes) -> Population:
        """Return the networks of ``[batch, 8]`` by array operations: input, layers, output."""
        batch, layers = genotypes.shape
        kind = np.full((batch, layers + 2), ABSENT, np.int16)
        kind[:, 0], kind[:, -1] = KINDS.index["input"], KINDS.index["output"]
        kind[:, 1:-1][(genotypes != OPERATIONS.index("identity")) | _REDUCES] = KINDS.index["layer"]
        attributes = np.full((*kind.shape, KINDS.attribute_count), np.nan, np.float32)
        attributes[:, 1:-1, 0] = genotypes
        attributes[:, 1:-1, 1] = CHANNELS
        attributes[:, 1:-1, 2] = _REDUCES
        attributes[kind != KINDS.index["layer"]] = np.nan
        edges = np.zeros((*kind.shape, layers + 2), np.uint16)
        rows, before = np.arange(batch), np.zeros(batch, np.int64)
        for position in range(1, layers + 2):
            used = kind[:, position] != ABSENT
            edges[rows[used], position, before[used]] = KINDS.port_bit["in"]
            before[used] = position
        names = ("input", *(slot.name for slot in self.slots), "output")
        return Population(KINDS, kind, attributes, edges, names)
