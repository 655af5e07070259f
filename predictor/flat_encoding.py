"""A graph as one row of counts: what a model without a graph network can see of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.space import Categorical, Population


@dataclass(frozen=True)
class FlatEncoding:
    """Counts nodes by feature and edges by the types of their ends.

    A row holds the sum of the graph's node features (`NodeFeatures`), the number of nodes, and
    for each port the number of edges between each pair of types, where a type is a kind with the
    value of its first categorical attribute.

    Args:
        features: encoding of nodes.
    """

    features: NodeFeatures

    def transform(self, population: Population) -> NDArray[np.float64]:
        """Return the rows of a population, ``[batch, columns]``."""
        batch = len(population)
        graph, position = np.nonzero(population.present)
        nodes = self.features.transform(
            population.kind[graph, position], population.attributes[graph, position]
        )
        sums = np.zeros((batch, self.features.width))
        np.add.at(sums, graph, nodes)
        types, count = self._types(population)
        row, target, source = np.nonzero(population.edges)
        bits = population.edges[row, target, source]
        pair = types[row, source] * count + types[row, target]
        ports = []
        for port in range(len(population.vocabulary.ports)):
            mask = bits >> port & 1 > 0
            cell = row[mask] * count**2 + pair[mask]
            ports.append(np.bincount(cell, minlength=batch * count**2).reshape(batch, count**2))
        size = population.present.sum(axis=1)[:, None]
        return np.concatenate([sums, size, *ports], axis=1).astype(np.float64)

    def _types(self, population: Population) -> tuple[NDArray[np.int64], int]:
        """Type of each node position, ``[batch, nodes]``, and how many types there are."""
        types = np.zeros(population.kind.shape, np.int64)
        count = 0
        for index, kind in enumerate(population.vocabulary.kinds):
            nodes = population.kind == index
            types[nodes] = count
            count += 1
            for column, attribute in enumerate(kind.attributes):
                if isinstance(attribute, Categorical):
                    types[nodes] += population.attributes[nodes, column].astype(np.int64)
                    count += len(attribute.choices) - 1
                    break
        return types, count
