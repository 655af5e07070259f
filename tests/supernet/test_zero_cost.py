import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.data import SparseField
from dagsmith.space import NAMED, Architecture, Edge, Node, named_architecture
from dagsmith.supernet import PROXIES, Network, zero_cost_scores

Rows = tuple[Tensor, Tensor, Tensor]
DrawRows = Callable[[Sequence[SparseField], int, int], Rows]


@pytest.fixture
def batches(fields: tuple[SparseField, ...], draw_rows: DrawRows) -> list[Rows]:
    dense, ids, label = draw_rows(fields, 3, 40)
    return [(dense[part], ids[part], label[part]) for part in (slice(0, 20), slice(20, 40))]


def two_layers(norm: str = "none") -> Architecture:
    """Three numbers, two layers, a logit."""
    nodes = (
        Node.of("dense_input", "input.dense", width=3),
        Node.of("layer", "left.1", width=4, norm=norm, dropout=0.5),
        Node.of("layer", "left.2", width=2, norm=norm, dropout=0.5),
        Node.of("head", "head"),
    )
    return Architecture(nodes, tuple(Edge(i, i + 1, "dense") for i in range(3)))


def test_scores_are_the_formulas_of_a_small_network(
    fields: tuple[SparseField, ...], batches: list[Rows]
) -> None:
    network = Network(two_layers(), fields, seed=4)
    names = list(network.weights)
    gradients = []
    for dense, ids, label in batches:
        network.zero_grad()
        functional.binary_cross_entropy_with_logits(network.eval()(dense, ids), label).backward()
        gradients.append([network.weights[name].grad.clone() for name in names])
    found = zero_cost_scores(network, batches)
    assert found["grad_norm"] == pytest.approx(sum(float(g.norm()) for g in gradients[0]))

    zico = 0.0
    for first, second in zip(*gradients, strict=True):
        stacked = torch.stack([first, second])
        ratio = stacked.abs().mean(0) / stacked.std(0, correction=0)
        zico += math.log(float(ratio[stacked.std(0) > 0].sum()))
    assert found["zico"] == pytest.approx(zico, rel=1e-4)

    w = {name: network.weights[name].detach() for name in names}
    dense, _, label = batches[0]
    at = [f"left/{layer}/layer/linear" for layer in (1, 2)]
    one = torch.relu(dense @ w[f"{at[0]}/from/input"].T + w[f"{at[0]}/bias"])
    two = torch.relu(one @ w[f"{at[1]}/from/left"].T + w[f"{at[1]}/bias"])
    error = torch.sigmoid(two @ w["head/dense/left"] + w["head/bias"]) - label
    into_two = error[:, None] * w["head/dense/left"]
    into_one = (into_two * (two > 0)) @ w[f"{at[1]}/from/left"]
    fisher = ((one * into_one) ** 2).sum() + ((two * into_two) ** 2).sum()
    assert found["fisher"] == pytest.approx(float(fisher) / len(label), rel=1e-4)

    # Positive weights and ones: the paths' products. Each of the three matrices flows once; the
    # biases are zero.
    paths = (
        torch.ones(3)
        @ w[f"{at[0]}/from/input"].abs().T
        @ w[f"{at[1]}/from/left"].abs().T
        @ w["head/dense/left"].abs()
    )
    assert found["synflow"] == pytest.approx(math.log(3 * float(paths)), rel=1e-5)


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_synflow_sees_through_normalisation(
    fields: tuple[SparseField, ...], batches: list[Rows], norm: str
) -> None:
    plain, normed = (Network(two_layers(kind), fields, seed=4) for kind in ("none", norm))
    for name, weight in plain.weights.items():
        normed.weights[name].data.copy_(weight)
    flows = [zero_cost_scores(network, batches)["synflow"] for network in (plain, normed)]
    # The two scales are weights too, and flow like the matrices: five instead of three.
    assert flows[1] == pytest.approx(flows[0] + math.log(5 / 3), abs=1e-4)


@pytest.mark.parametrize("name", NAMED)
def test_every_model_has_scores_and_stays_as_it_is(
    fields: tuple[SparseField, ...], batches: list[Rows], name: str
) -> None:
    network = Network(named_architecture(name, 3, 4, embedding_dim=16), fields, seed=2)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    found = zero_cost_scores(network, batches)
    assert tuple(found) == PROXIES
    assert all(math.isfinite(score) for score in found.values())
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert all(weight.grad is None for weight in network.parameters())
    assert zero_cost_scores(network, batches) == found


def test_one_batch_is_too_few(fields: tuple[SparseField, ...], batches: list[Rows]) -> None:
    with pytest.raises(ValueError, match="1 batches; zero-cost scores need at least two"):
        zero_cost_scores(Network(two_layers(), fields), batches[:1])
