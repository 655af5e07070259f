"""Architectures as PyTorch Geometric graphs, for models of one's own."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.space import Population

if TYPE_CHECKING:
    from torch_geometric.data import Data


def to_pyg(population: Population, features: NodeFeatures | None = None) -> "list[Data]":
    """One ``torch_geometric.data.Data`` per architecture.

    Args:
        population: ``[batch]`` architectures.
        features: how nodes are encoded; without it, as they are.

    Returns:
        Graphs with ``x`` float32, ``[nodes, kinds + attributes]`` (the kind one-hot, then its
        attributes as `Population` stores them, 0 where there is none) or, with `features`,
        ``[nodes, features.width]``; ``edge_index`` int64 ``[2, edges]``, from source to target;
        and ``edge_attr`` float32 ``[edges, ports]`` (one bit per port).
    """
    # Imported on use: it takes seconds, and the library's own predictor needs none of it.
    from torch_geometric.data import Data

    vocabulary = population.vocabulary
    graphs = []
    for row in range(len(population)):
        used = np.flatnonzero(population.present[row])
        kind = population.kind[row, used]
        attributes = np.nan_to_num(population.attributes[row, used], nan=0.0)
        if features is None:
            one_hot = np.eye(len(vocabulary), dtype=np.float32)[kind]
            x = np.concatenate([one_hot, attributes], axis=1)
        else:
            x = features.transform(kind, attributes)
        ports = population.edges[row][np.ix_(used, used)]
        target, source = np.nonzero(ports)
        bits = ports[target, source][:, None] >> np.arange(len(vocabulary.ports)) & 1
        graphs.append(
            Data(
                x=torch.from_numpy(x),
                edge_index=torch.from_numpy(np.stack([source, target])),
                edge_attr=torch.from_numpy(bits.astype(np.float32)),
            )
        )
    return graphs
