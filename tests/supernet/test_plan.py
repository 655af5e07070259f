import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.hardware import Parameters, costs
from dagsmith.space import Architecture, ArchitectureError, Block, Edge, Node, ctr_plus, nasrec_full
from dagsmith.space.nasrec import NASRecSpace
from dagsmith.supernet.plan import Plan, compile_plan, features, logits

SPACE = nasrec_full(6, 10, blocks=4, widths=(8, 16, 36, 128), rows=(4, 8))


def counted_by_hardware(plan: Plan) -> int:
    """Weights and biases, no norms; gating with the padding that the published counts include."""
    count = plan.parameter_count()
    for name, weight in plan.weights.items():
        if name.endswith(("/scale", "/shift")):
            count -= math.prod(weight.shape)
    for _, step in plan.steps:
        if step.node.values.get("operator") == "gating":
            left, right = (step.sources[side][0].size for side in ("left", "right"))
            wide, width = max(left, right), int(step.node["width"])
            count += (wide + 1) * wide - (left + 1) * right
            count += (wide - right) * width if wide != width else 0
    return count


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_parameters_are_those_that_the_hardware_room_counts(seed: int) -> None:
    genotypes = SPACE.sample(4, np.random.default_rng(seed))
    architectures = [SPACE.decode(genotype) for genotype in genotypes]
    expected = costs(architectures, [Parameters()])["parameters"]
    assert [counted_by_hardware(compile_plan(a)) for a in architectures] == list(expected)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_parameters_of_ctr_plus_are_those_that_the_hardware_room_counts(seed: int) -> None:
    space = ctr_plus(3, 5, blocks=1, widths=(8, 16, 128), embedding_dim=4)
    genotypes = space.sample(4, np.random.default_rng(seed))
    architectures = [space.decode(genotype) for genotype in genotypes]
    expected = costs(architectures, [Parameters()])["parameters"]
    assert [counted_by_hardware(compile_plan(a)) for a in architectures] == list(expected)


def test_weights_belong_to_a_place_whatever_else_the_architecture_has() -> None:
    """The same operator at the same place has the same names, so that subnets share it."""
    fc, dp = (
        Block((operator,), ("efc",), 16, 4, tuple(range(2)), tuple(range(2)))
        for operator in ("fc", "dot_product")
    )
    space = NASRecSpace(
        "two", 6, 10, dense_operators=("fc", "dot_product"), sparse_operators=("efc",), blocks=2
    )
    first = Block(("fc",), ("efc",), 8, 4)
    plans = [compile_plan(space.assemble([first, last])) for last in (fc, dp)]
    shared = set(plans[0].weights) & set(plans[1].weights)
    assert {name for name in shared if name.startswith("block1")} == {
        name for name in plans[0].weights if name.startswith("block1")
    }
    assert all("/fc/" not in name for name in plans[1].weights if name.startswith("block2/dense"))
    assert {
        name.split("/from/")[1]
        for name in plans[0].weights
        if "block2/dense" in name and "from" in name
    } == {"input", "block1"}


def test_an_architecture_without_names_runs_as_the_named_one_does() -> None:
    """Names place the weights of a supernet; alone, a network does not need them."""
    for genotype in SPACE.sample(8, np.random.default_rng(3)):
        named = SPACE.decode(genotype)
        bare = Architecture(tuple(Node(n.kind, n.attributes) for n in named.nodes), named.edges)
        with_names, without = compile_plan(named), compile_plan(bare)
        assert without.parameter_count() == with_names.parameter_count()
        assert sorted(w.shape for w in without.weights.values()) == sorted(
            w.shape for w in with_names.weights.values()
        )


def test_dropout_drops_dense_operator_outputs_only() -> None:
    space = nasrec_full(6, 10, blocks=1, widths=(128,), rows=(8,))
    plan = compile_plan(space.assemble([Block(("fc",), ("efc",), 128, 8)]))
    weights = {name: torch.ones(weight.shape) for name, weight in plan.weights.items()}
    weights |= {name: torch.randn(t.shape) for name, t in weights.items() if "from" in name}
    inputs = torch.randn(64, 6), torch.randn(64, 16, 10)
    plain, dropped, scored = (
        features(plan, weights, *inputs, training=training, dropout=dropout)[0]
        for training, dropout in ((True, 0.0), (True, 0.5), (False, 0.5))
    )
    torch.testing.assert_close(plain, scored)
    torch.testing.assert_close(plain[1], dropped[1])
    kept = dropped[0] != 0
    assert 0.3 < float(kept.sum() / (plain[0] != 0).sum()) < 0.7
    torch.testing.assert_close(dropped[0][kept], 2 * plain[0][kept])


def test_the_logit_is_a_linear_map_of_what_the_head_reads_and_a_sum_of_logits() -> None:
    nodes = (
        Node.of("dense_input", "input.dense", width=3),
        Node.of("sparse_input", "input.sparse", rows=2, dim=4),
        Node.of("first_order", "input.first_order", fields=2),
        Node.of("fm_logit", "fm"),
        Node.of("head", "head"),
    )
    edges = (
        Edge(0, 4, "dense"),
        Edge(1, 4, "sparse"),
        Edge(1, 4, "pooled"),
        Edge(1, 3, "sparse"),
        Edge(2, 4, "logit"),
        Edge(3, 4, "logit"),
    )
    plan = compile_plan(Architecture(nodes, edges))
    weights = {name: torch.randn(weight.shape) for name, weight in plan.weights.items()}
    dense, table = torch.randn(5, 3), torch.randn(5, 1 + 4, 2)
    sparse = table[:, 1:]
    expected = (
        weights["head/bias"]
        + dense @ weights["head/dense/input"]
        + (sparse * weights["head/sparse/input"]).sum((1, 2))
        + sparse.sum(1) @ weights["head/pooled/input"]
        + table[:, 0].sum(1)
        + (sparse[:, :, 0] * sparse[:, :, 1]).sum(1)
    )
    found = logits(plan, weights, *features(plan, weights, dense, table, first=1))
    torch.testing.assert_close(found, expected)


DENSE = Node.of("dense_input", "input.dense", width=3)
FC = Node.of("dense_op", "block1.dense", operator="fc", width=4)


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ((DENSE, FC), (Edge(0, 1, "dense"),), "needs a node of kind 'head'"),
        (
            (DENSE, Node.of("head"), FC),
            (Edge(0, 1, "dense"), Edge(0, 2, "dense")),
            "must be its last node",
        ),
        (
            (DENSE, Node.of("dense_op", "block1.dense", operator="fcc", width=4), Node.of("head")),
            (Edge(0, 1, "dense"), Edge(1, 2, "dense")),
            "block1.dense.*no CTR operator 'fcc'.*'fc'",
        ),
        (
            (DENSE, Node.of("conv", "layer", kernel=3), Node.of("head")),
            (Edge(0, 1, "dense"), Edge(1, 2, "dense")),
            "layer.*no CTR operator 'conv'",
        ),
    ],
)
def test_what_no_ctr_network_has_is_refused(
    nodes: Sequence[Node], edges: Sequence[Edge], message: str
) -> None:
    with pytest.raises(ArchitectureError, match=message):
        compile_plan(Architecture(tuple(nodes), tuple(edges)))
