"""Architectures as PyTorch Geometric graphs, for models of one's own."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from dagsmith.space import Population

if TYPE_CHECKING:
    from torch_geometric.data import Data


def to_pyg(population: Population) -> "list[Data]":
    """One ``torch_geometric.data.Data`` per architecture.

    Args:
        population: ``[batch]`` architectures.

    Returns:
        Graphs with ``x`` float32 ``[nodes, kinds + attributes]`` (the kind one-hot, then its
        attributes as `Population` stores them, 0 where there is none), ``edge_index`` int64
        ``[2, edges]`` and ``edge_attr`` float32 ``[edges, ports]`` (one bit per port).
    """
    # Imported on use: it takes seconds, and the library's own predictor needs none of it.
    from torch_geometric.data import Data

    vocabulary = population.vocabulary
    graphs = []
    for row in range(len(population)):
        used = np.flatnonzero(population.present[row])
        kinds = np.eye(len(vocabulary), dtype=np.float32)[population.kind[row, used]]
        attributes = np.nan_to_num(population.attributes[row, used], nan=0.0)
        ports = population.edges[row][np.ix_(used, used)]
        target, source = np.nonzero(ports)
        bits = ports[target, source][:, None] >> np.arange(len(vocabulary.ports)) & 1
        graphs.append(
            Data(
                x=torch.from_numpy(np.concatenate([kinds, attributes], axis=1)),
                edge_index=torch.from_numpy(np.stack([source, target])),
                edge_attr=torch.from_numpy(bits.astype(np.float32)),
            )
        )
    return graphs
