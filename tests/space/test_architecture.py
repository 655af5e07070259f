import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.space import Architecture, ArchitectureError, Edge, Node, Vocabulary
from dagsmith.space.component import Categorical, ComponentKind, Flag, Number

VALUES = st.one_of(st.booleans(), st.integers(-5, 9), st.sampled_from(["x", "y"]), st.floats(0, 1))
NODES = st.builds(
    lambda kind, values, name: Node(kind, tuple(values.items()), name),
    st.sampled_from(["a", "b"]),
    st.dictionaries(st.sampled_from(["p", "q"]), VALUES, max_size=2),
    st.sampled_from(["", "block1.fc"]),
)


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    nodes = draw(st.lists(NODES, min_size=1, max_size=8))
    pairs = [(s, t) for t in range(len(nodes)) for s in range(t)]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=14)) if pairs else []
    edges = [Edge(s, t, draw(st.sampled_from(["in", "left"]))) for s, t in chosen]
    return Architecture(tuple(nodes), tuple(edges))


@given(architectures())
@settings(max_examples=80)
def test_json_round_trip_is_exact_up_to_order(net: Architecture) -> None:
    found = Architecture.from_json(net.to_json())
    assert found.key == net.key
    assert sorted(found.nodes, key=repr) == sorted(net.nodes, key=repr)
    assert Architecture.from_json(found.to_json()) == found


@given(architectures())
@settings(max_examples=80)
def test_networkx_round_trip_keeps_the_key(net: Architecture) -> None:
    assert Architecture.from_networkx(net.to_networkx()).key == net.key


@given(architectures())
@settings(max_examples=80)
def test_canonical_is_idempotent_and_nameless(net: Architecture) -> None:
    canonical = net.canonical()
    assert canonical.canonical() == canonical
    assert canonical.key == net.key
    assert all(not node.name for node in canonical.nodes)


@given(architectures())
@settings(max_examples=80)
def test_live_keeps_exactly_what_reaches_the_last_node(net: Architecture) -> None:
    live = net.live()
    assert live.live() == live
    assert live.nodes[-1] == net.nodes[-1]
    read = {edge.source for edge in live.edges}
    assert read == set(range(len(live.nodes) - 1))


def test_the_key_sees_kind_attribute_port_and_direction() -> None:
    base = Architecture((Node.of("a", n=1), Node.of("b")), (Edge(0, 1),))
    others = [
        Architecture((Node.of("a", n=2), Node.of("b")), (Edge(0, 1),)),
        Architecture((Node.of("c", n=1), Node.of("b")), (Edge(0, 1),)),
        Architecture((Node.of("a", n=1), Node.of("b")), (Edge(0, 1, "left"),)),
        Architecture((Node.of("b"), Node.of("a", n=1)), (Edge(0, 1),)),
        Architecture((Node.of("a", n=1), Node.of("b")), ()),
    ]
    assert len({base.key, *(other.key for other in others)}) == 6
    renamed = Architecture((Node.of("a", "here", n=1), Node.of("b", "there")), (Edge(0, 1),))
    assert renamed.key == base.key


def test_whole_floats_and_integers_are_one_value() -> None:
    assert Node.of("a", width=64.0) == Node.of("a", width=64)
    assert repr(Node.of("a", width=64.0)) == repr(Node.of("a", width=64))


def test_repeated_edges_count_once() -> None:
    nodes = (Node.of("a"), Node.of("b"))
    assert Architecture(nodes, (Edge(0, 1), Edge(0, 1))) == Architecture(nodes, (Edge(0, 1),))


def test_inputs_are_ordered_by_port_and_source() -> None:
    net = Architecture(
        tuple(Node.of("a") for _ in range(4)),
        (Edge(2, 3, "dense"), Edge(1, 3, "dense"), Edge(0, 3, "sparse")),
    )
    assert net.inputs(3) == [Edge(1, 3, "dense"), Edge(2, 3, "dense"), Edge(0, 3, "sparse")]


def test_a_cycle_is_named() -> None:
    nodes = (Node.of("a"), Node.of("b"), Node.of("c"))
    with pytest.raises(ArchitectureError, match=r"cycle through nodes \[1, 2\]"):
        Architecture.build(nodes, [Edge(0, 1), Edge(1, 2), Edge(2, 1)])


@pytest.mark.parametrize(
    ("edge", "message"),
    [(Edge(0, 5), "leaves the graph of 2 nodes"), (Edge(1, 0), "goes backwards")],
)
def test_a_misplaced_edge_is_refused(edge: Edge, message: str) -> None:
    with pytest.raises(ArchitectureError, match=message):
        Architecture((Node.of("a"), Node.of("b")), (edge,))


def test_build_refuses_an_edge_out_of_the_graph() -> None:
    with pytest.raises(ArchitectureError, match="leaves the graph"):
        Architecture.build([Node.of("a")], [Edge(0, 3)])


GOOD = Architecture((Node.of("a"), Node.of("b")), (Edge(0, 1),)).to_dict()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not an architecture"),
        (json.dumps({**GOOD, "format": "other/1"}), "format 'other/1'; expected 'dagsmith"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "edges"}), "damaged.*edges"),
        (json.dumps({**GOOD, "nodes": [{"attributes": {}}]}), "damaged.*kind"),
        (json.dumps({**GOOD, "edges": [[0]]}), "damaged"),
        (json.dumps({**GOOD, "edges": []}).replace("[]", '[[0, 1e999, "x"]]', 1), "damaged"),
        (json.dumps({**GOOD, "nodes": [{"kind": "a", "attributes": [1]}]}), "damaged"),
        (json.dumps({**GOOD, "nodes": ["a"]}), "damaged"),
        (json.dumps({**GOOD, "nodes": [{"kind": "a", "attributes": {"n": [1]}}]}), "'n' is .*text"),
        (json.dumps({**GOOD, "edges": [[0, 1, "in"], [1, 0, "in"]]}), "cycle"),
        (json.dumps({**GOOD, "edges": [[0, 9, "in"]]}), "leaves the graph"),
    ],
)
def test_a_bad_document_gets_one_clear_error(document: str, message: str) -> None:
    with pytest.raises(ArchitectureError, match=message) as caught:
        Architecture.from_json(document)
    assert "\n" not in str(caught.value)


KINDS = Vocabulary(
    (
        ComponentKind("stem", (), ()),
        ComponentKind("conv", (Categorical("form", ("plain", "deep")), Number("kernel"))),
        ComponentKind("gate", (Flag("hard"),), ("left", "right")),
    )
)


@pytest.mark.parametrize(
    ("node", "port", "message"),
    [
        (Node.of("cnov", form="plain", kernel=3), "in", "'cnov'; did you mean 'conv'"),
        (Node.of("conv", form="plian", kernel=3), "in", "'plian'; did you mean 'plain'"),
        (Node.of("conv", form="plain", kernl=3), "in", "'kernl'; did you mean 'kernel'"),
        (Node.of("conv", form="plain"), "in", "missing its attribute 'kernel'"),
        (Node.of("gate", hard=True), "lift", "no port 'lift'; did you mean 'left'"),
        (Node.of("gate", hard=1), "left", "expected true or false"),
    ],
)
def test_validate_names_the_node_and_the_nearest(node: Node, port: str, message: str) -> None:
    net = Architecture((Node.of("stem"), node), (Edge(0, 1, port),))
    with pytest.raises(ArchitectureError, match=message) as caught:
        net.validate(KINDS)
    assert str(caught.value).startswith("node 1 (")


def test_validate_accepts_what_fits() -> None:
    nodes = (Node.of("stem"), Node.of("conv", form="deep", kernel=3), Node.of("gate", hard=False))
    Architecture(nodes, (Edge(0, 1), Edge(1, 2, "left"), Edge(0, 2, "right"))).validate(KINDS)


def test_a_missing_attribute_is_named() -> None:
    with pytest.raises(ArchitectureError, match="'block1' has no attribute 'width'"):
        Node.of("fc", "block1")["width"]


def test_networkx_nodes_need_a_kind() -> None:
    graph = Architecture((Node.of("a"),), ()).to_networkx()
    graph.add_node("stranger")
    with pytest.raises(ArchitectureError, match="'stranger' has no 'kind'"):
        Architecture.from_networkx(graph)
