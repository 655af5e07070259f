import numpy as np
import torch

from dagsmith.predictor.dense_graphs import DenseGraphs
from dagsmith.predictor.description import Description
from dagsmith.predictor.graphs import Graphs
from dagsmith.predictor.network import GraphNetwork
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.predictor.onnx_export import onnx_inputs
from dagsmith.predictor.settings import GNNSettings
from dagsmith.space import NASBench201Space, Population


def both(population: Population) -> tuple[torch.Tensor, torch.Tensor]:
    """What one network says of flat and of padded graphs."""
    features = NodeFeatures.fit(population)
    none = torch.zeros(len(population), 0)
    description = Description.fit(population, {}, graph_features=False)
    settings = GNNSettings(members=2, dim=8, rounds=2)
    network = GraphNetwork.build(features, settings, outputs=2, typical_size=9.0, seed=0)
    inputs = onnx_inputs(population, features, description, none)
    rows, present, edges = (torch.from_numpy(inputs[name]) for name in list(inputs)[:3])
    with torch.inference_mode():
        flat = network(Graphs.of(population, features, 2), none)
        return flat, network(DenseGraphs(rows, present, edges, 2), none)


def test_padded_and_flat_graphs_are_the_same(population: Population) -> None:
    # Many ports here, one below; unused positions between the used ones in both.
    torch.testing.assert_close(*both(population), atol=1e-5, rtol=1e-5)


def test_also_where_there_is_one_port_and_graphs_without_edges() -> None:
    space = NASBench201Space()
    cells = space.decode_many(space.sample(60, np.random.default_rng(0)))
    lonely = Population(
        cells.vocabulary, cells.kind, cells.attributes, np.zeros_like(cells.edges), cells.names
    )
    assert not cells.present.all()
    torch.testing.assert_close(*both(cells), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(*both(lonely), atol=1e-5, rtol=1e-5)
