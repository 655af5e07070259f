"""Which of many architectures are isomorphic, by array operations.

The canonical key (`Architecture.key`) is exact and takes about 0.1 ms per architecture; this is
for hundreds of thousands at once.
"""

import numpy as np
from numpy.typing import NDArray

from dagsmith.space.population import Population, mix

_CHUNK_CELLS = 1 << 20
"""Node pairs refined together: what fits the caches."""


def isomorphism_fingerprint(population: Population) -> NDArray[np.uint64]:
    """A 64-bit hash per architecture that is equal for isomorphic ones, ``[batch]``.

    Colour refinement (1-dimensional Weisfeiler-Leman): each node's colour is hashed with the sums
    of its neighbours' colours, in both directions and per port, once per node of the graph; the
    hash of a graph is the sum of its colours. Architectures that differ hash differently unless
    refinement cannot tell them apart, which needs a regularity that cells do not have (all of
    NAS-Bench-101 is told apart), or by chance, of the order of ``batch**2 / 2**65``.

    Args:
        population: of any vocabulary; unused positions do not matter.

    Returns:
        Hashes that do not depend on the order of nodes, on padding, or on other rows.
    """
    nodes = population.node_count
    step = max(1, _CHUNK_CELLS // max(1, nodes * nodes))
    parts = [
        _fingerprint(population[start : start + step]) for start in range(0, len(population), step)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def _fingerprint(population: Population) -> NDArray[np.uint64]:
    present = population.present
    shape = present.shape
    colours = _first_colours(population)
    links = _links(population)
    # A graph is refined as often as it has nodes, whatever company it is in.
    rounds = present.sum(axis=1)
    for turn in range(int(rounds.max(initial=0))):
        refined = mix(colours).ravel()
        for reader, read, word in links:
            np.add.at(refined, reader, mix(colours.ravel()[read] ^ word))
        going = (rounds > turn)[:, None] & present
        colours = np.where(going, refined.reshape(shape), colours)
    return mix(np.where(present, mix(colours), np.uint64(0)).sum(axis=1, dtype=np.uint64))


def _links(
    population: Population,
) -> list[tuple[NDArray[np.int64], NDArray[np.int64], np.uint64]]:
    """Per port and direction: flat positions of who hears and who is heard, and a word for it."""
    ports = population.vocabulary.port_bit.values()
    words = mix(np.arange(1, 2 * len(ports) + 1, dtype=np.uint64))
    links = []
    for rank, bit in enumerate(ports):
        row, target, source = np.nonzero(population.edges & np.uint16(bit))
        first = row * population.node_count
        links.append((first + target, first + source, words[2 * rank]))
        links.append((first + source, first + target, words[2 * rank + 1]))
    return links


def _first_colours(population: Population) -> NDArray[np.uint64]:
    """Kind and attributes of each node as one word, ``[batch, nodes]``."""
    colours = mix((population.kind + np.int16(1)).astype(np.uint64))
    for column in range(population.attributes.shape[2]):
        # Adding 0.0 makes -0.0 and 0.0, which are equal, one bit pattern.
        values = np.ascontiguousarray(population.attributes[:, :, column] + np.float32(0.0))
        words = np.where(np.isnan(values), 0, values.view(np.uint32).astype(np.uint64) + 1)
        colours = mix(colours ^ words.astype(np.uint64))
    return colours
