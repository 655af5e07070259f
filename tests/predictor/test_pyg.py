import numpy as np
import torch

from dagsmith.predictor import to_pyg
from dagsmith.space import nasrec_full


def test_graphs_hold_what_the_architectures_are() -> None:
    space = nasrec_full(3, 5, blocks=3)
    genotypes = space.sample(20, np.random.default_rng(0))
    graphs = to_pyg(space.decode_many(genotypes))
    for genotype, graph in zip(genotypes, graphs, strict=True):
        architecture = space.decode(genotype)
        kinds = [space.kinds.index[node.kind] for node in architecture.nodes]
        assert graph.x[:, : len(space.kinds)].argmax(dim=1).tolist() == kinds
        ports = space.kinds.ports
        found = {
            (int(source), int(target), ports[int(port)])
            for edge, (source, target) in enumerate(graph.edge_index.t())
            for port in torch.nonzero(graph.edge_attr[edge])
        }
        assert found == {(edge.source, edge.target, edge.port) for edge in architecture.edges}


def test_a_graph_network_runs_on_them() -> None:
    from torch_geometric.loader import DataLoader
    from torch_geometric.nn import GCNConv, global_mean_pool

    space = nasrec_full(3, 5, blocks=2)
    graphs = to_pyg(space.decode_many(space.sample(8, np.random.default_rng(1))))
    batch = next(iter(DataLoader(graphs, batch_size=8)))
    hidden = GCNConv(batch.x.shape[1], 4)(batch.x, batch.edge_index)
    assert global_mean_pool(hidden, batch.batch).shape == (8, 4)
