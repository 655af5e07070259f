import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.predictor import GNNSettings
from dagsmith.predictor.graphs import Graphs
from dagsmith.predictor.network import GraphNetwork
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.space import Architecture, Edge, Node, Population, Vocabulary, nasrec_full

SPACE = nasrec_full(dense_features=4, sparse_fields=5, blocks=4)
SETTINGS = GNNSettings(members=3, dim=8, rounds=3)
KNOWN = SPACE.decode_many(SPACE.sample(50, np.random.default_rng(0)))
FEATURES = NodeFeatures.fit(KNOWN)


def build(features: NodeFeatures, outputs: int = 1) -> GraphNetwork:
    return GraphNetwork.build(features, SETTINGS, outputs=outputs, typical_size=10.0, seed=0)


NETWORK = build(FEATURES)


def scores(
    population: Population, network: GraphNetwork = NETWORK, features: NodeFeatures = FEATURES
) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = network(
            Graphs.of(population, features, SETTINGS.members), torch.zeros(len(population), 0)
        )
        return found[..., 0]


def reordered(architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """Another topological order of the same graph."""
    remaining = set(range(len(architecture.nodes)))
    order: list[int] = []
    while remaining:
        ready = [
            node
            for node in sorted(remaining)
            if all(edge.source not in remaining for edge in architecture.inputs(node))
        ]
        order.append(int(rng.choice(ready)))
        remaining.remove(order[-1])
    position = {node: rank for rank, node in enumerate(order)}
    return Architecture(
        tuple(architecture.nodes[node] for node in order),
        tuple(Edge(position[e.source], position[e.target], e.port) for e in architecture.edges),
    )


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_nodes_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    architecture = SPACE.decode(SPACE.sample(1, rng)[0])
    other = reordered(architecture, rng)
    pair = Population.from_architectures([architecture, other], SPACE.kinds)
    first, second = scores(pair).unbind(dim=1)
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)


def test_a_score_does_not_depend_on_the_batch() -> None:
    together = scores(KNOWN)
    alone = torch.cat([scores(KNOWN[row : row + 1]) for row in range(len(KNOWN))], dim=1)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_members_do_not_see_each_other() -> None:
    network = build(FEATURES)
    before = scores(KNOWN, network)
    with torch.no_grad():
        for weight in network.parameters():
            member = weight.shape.index(SETTINGS.members)
            weight.select(member, 1).add_(1.0)
    after = scores(KNOWN, network)
    torch.testing.assert_close(after[[0, 2]], before[[0, 2]])
    assert (after[1] != before[1]).all()


def test_different_architectures_get_different_scores() -> None:
    unique = KNOWN[np.unique(KNOWN.fingerprint(), return_index=True)[1]]
    assert len(torch.unique(scores(unique)[0])) == len(unique)


@pytest.mark.parametrize(
    "edges",
    [
        pytest.param([(0, 2, "right"), (1, 2, "left"), (2, 3, "left")], id="ports swapped"),
        pytest.param([(0, 2, "left"), (1, 2, "left"), (2, 3, "left")], id="other port"),
        pytest.param([(0, 2, "left"), (1, 2, "right"), (0, 3, "left")], id="other source"),
        pytest.param([(0, 2, "left"), (0, 2, "right"), (1, 2, "right"), (2, 3, "left")], id="more"),
    ],
)
def test_edges_and_ports_matter(cells: Vocabulary, edges: list[tuple[int, int, str]]) -> None:
    nodes = (
        Node.of("source"),
        Node.of("conv", activation="relu", width=4, bias=True),
        Node.of("conv", activation="tanh", width=8, bias=False),
        Node.of("pool", stride=2),
    )
    original = Architecture(nodes, (Edge(0, 2, "left"), Edge(1, 2, "right"), Edge(2, 3, "left")))
    other = Architecture(nodes, tuple(Edge(*edge) for edge in edges))
    pair = Population.from_architectures([original, other], cells)
    features = NodeFeatures.fit(pair)
    first, second = scores(pair, build(features), features).unbind(dim=1)
    assert ((first - second).abs() > 1e-4).all()


def test_direction_matters(cells: Vocabulary) -> None:
    relu, tanh = (Node.of("conv", activation=name, width=4, bias=True) for name in ("relu", "tanh"))
    chains = [Architecture(nodes, (Edge(0, 1, "left"),)) for nodes in ((relu, tanh), (tanh, relu))]
    pair = Population.from_architectures(chains, cells)
    features = NodeFeatures.fit(pair)
    first, second = scores(pair, build(features), features).unbind(dim=1)
    assert ((first - second).abs() > 1e-4).all()


def test_learning_from_another_network_leaves_only_the_output() -> None:
    teacher, pupil = (
        build(FEATURES, outputs=2),
        GraphNetwork.build(FEATURES, SETTINGS, outputs=1, typical_size=5.0, seed=1),
    )
    output = pupil.output.weight.clone()
    pupil.learn_from(teacher, [])
    assert torch.equal(pupil.output.weight, output)
    assert torch.equal(pupil.encode.weight, teacher.encode.weight)
    assert pupil.typical_size == teacher.typical_size


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_answers_are_taken_over_in_the_direction_of_the_labels(direction: float) -> None:
    teacher, pupil = (
        GraphNetwork.build(FEATURES, SETTINGS, outputs=2, typical_size=5.0, seed=seed)
        for seed in (0, 1)
    )
    graphs = Graphs.of(KNOWN, FEATURES, SETTINGS.members)
    nothing = torch.zeros(len(KNOWN), 0)
    with torch.inference_mode():
        taught = teacher(graphs, nothing)
    labels = 3.0 + direction * taught.mean(dim=0)
    labels[:, 1] = 7.0
    pupil.learn_from(teacher, [])
    pupil.answer_as(teacher, graphs, nothing, labels)
    with torch.inference_mode():
        begun = pupil(graphs, nothing)
    for one, other in zip(taught[..., 0], begun[..., 0], strict=True):
        assert torch.corrcoef(torch.stack([one, other]))[0, 1] * direction > 0.999
    assert torch.allclose(begun.mean(dim=1), labels.mean(dim=0).expand(SETTINGS.members, 2))
    # Labels that follow nothing are answered by their mean.
    assert torch.allclose(begun[..., 1], torch.tensor(7.0), atol=1e-4)


def test_far_out_a_description_tells_no_more() -> None:
    network = GraphNetwork.build(
        FEATURES, SETTINGS, outputs=1, described=2, typical_size=10.0, seed=0
    )
    graphs = Graphs.of(KNOWN[:1], FEATURES, SETTINGS.members)
    with torch.inference_mode():
        near, far, further = (
            network(graphs, torch.tensor([[size, -size]])) for size in (2.0, 10.0, 1000.0)
        )
    assert (near != far).all()
    torch.testing.assert_close(far, further, rtol=0, atol=0)
