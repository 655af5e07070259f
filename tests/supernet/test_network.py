from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from dagsmith.data import SparseField
from dagsmith.space import Architecture, Block, Edge, Node, nasrec_full
from dagsmith.supernet import Network

Rows = tuple[Tensor, Tensor, Tensor]
SPACE = nasrec_full(6, 4, blocks=2, widths=(8, 16), rows=(4, 8))


def architecture(seed: int = 0) -> Architecture:
    return SPACE.decode(SPACE.sample(1, np.random.default_rng(seed))[0])


def test_the_seed_decides_the_weights(fields: tuple[SparseField, ...]) -> None:
    first, again, other = (Network(architecture(), fields, seed=seed) for seed in (1, 1, 2))
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name])
    head = first.plan.head[-1]
    assert not torch.equal(first.weights[head], other.weights[head])


def test_parameters_are_counted_without_the_table(fields: tuple[SparseField, ...]) -> None:
    network = Network(architecture(), fields)
    assert network.parameter_count() == network.plan.parameter_count()
    every = sum(weight.numel() for weight in network.parameters())
    assert every == network.parameter_count() + 16 * sum(field.cardinality for field in fields)


def test_one_block_is_the_formula(
    fields: tuple[SparseField, ...],
    draw_rows: Callable[[Sequence[SparseField], int, int], Rows],
) -> None:
    """FC and EFC on the raw input, then the logit, written out."""
    space = nasrec_full(6, 4, blocks=1, widths=(8,), rows=(5,))
    network = Network(space.assemble([Block(("fc",), ("efc",), 8, 5)]), fields, seed=3)
    for weight in network.weights.values():
        weight.data += 0.2 * torch.randn(weight.shape)
    dense, ids, _ = draw_rows(fields, 6, 20)
    w = network.weights

    def part(tensor: Tensor, at: str) -> Tensor:
        hidden = tensor @ w[f"{at}/linear/from/input"].T + w[f"{at}/linear/bias"]
        hidden = (hidden - hidden.mean(-1, keepdim=True)) / (
            hidden.var(-1, correction=0, keepdim=True) + 1e-5
        ).sqrt()
        return torch.relu(hidden * w[f"{at}/norm/scale"] + w[f"{at}/norm/shift"])

    assert network.embedding is not None
    wide = part(dense, "block1/dense/fc")
    deep = part(network.embedding(ids), "block1/sparse/efc")
    expected = wide @ w["head/dense/block1"] + w["head/bias"]
    expected = expected + (deep * w["head/sparse/block1"]).sum((1, 2))
    torch.testing.assert_close(network(dense, ids), expected, atol=1e-5, rtol=1e-5)


def test_dropout_is_for_training_only(
    fields: tuple[SparseField, ...],
    draw_rows: Callable[[Sequence[SparseField], int, int], Rows],
) -> None:
    network = Network(architecture(), fields)
    network.dropout = 0.5
    dense, ids, _ = draw_rows(fields, 6, 20)
    assert not torch.equal(network(dense, ids), network(dense, ids))
    network.eval()
    assert torch.equal(network(dense, ids), network(dense, ids))


def test_an_architecture_without_ids_needs_no_table(fields: tuple[SparseField, ...]) -> None:
    nodes = (
        Node.of("dense_input", "input.dense", width=3),
        Node.of("dense_op", "block1.dense", operator="fc", width=4),
        Node.of("head", "head"),
    )
    network = Network(Architecture(nodes, (Edge(0, 1, "dense"), Edge(1, 2, "dense"))), fields)
    assert network.embedding is None
    assert network(torch.randn(5, 3), torch.zeros(5, 6, dtype=torch.int64)).shape == (5,)
