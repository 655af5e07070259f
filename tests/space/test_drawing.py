import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.space import Architecture, Edge, Node, draw, nasrec_full, published_nets
from dagsmith.space.layout import layered

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", published_nets())
def test_a_published_net_shows_all_its_parts(name: str) -> None:
    net = published_nets()[name].architecture
    svg = draw(net)
    assert svg == net.to_svg()
    shown = texts(svg)
    for node in net.nodes:
        assert node.name in shown or node.name == node.kind
    assert {"dense", "sparse"} <= set(shown)
    assert {node.kind for node in net.nodes} <= set(shown)
    root = ElementTree.fromstring(svg)
    assert len(list(root.iter(f"{SVG}g"))) == len(net.nodes)


def test_nothing_is_fetched_from_elsewhere() -> None:
    svg = draw(published_nets()["kdd-full"].architecture)
    assert svg.count("http") == 1  # the name space of SVG itself
    assert "<script" not in svg
    assert "@import" not in svg


def test_text_is_escaped() -> None:
    bad = "<script>&\"'"
    net = Architecture((Node.of(bad, bad, text=bad), Node.of("end")), (Edge(0, 1, bad), Edge(0, 1)))
    svg = draw(net)
    assert "<script" not in svg
    assert bad in texts(svg)


def test_ports_are_named_only_where_there_are_several() -> None:
    nodes = (Node.of("a"), Node.of("b"))
    assert "left" not in texts(draw(Architecture(nodes, (Edge(0, 1, "left"),))))
    both = texts(draw(Architecture(nodes, (Edge(0, 1, "left"), Edge(0, 1, "right")))))
    assert both.count("left") == both.count("right") == 1


def test_small_graphs_can_be_drawn() -> None:
    assert texts(draw(Architecture((), ()))) == []
    assert texts(draw(Architecture((Node.of("a"), Node.of("b", on=True)), ()))).count("a") == 2


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_cells_of_a_layer_do_not_overlap(seed: int) -> None:
    space = nasrec_full(13, 26)
    net = space.decode(space.sample(1, np.random.default_rng(seed))[0])
    widths = [40.0 + 10 * (index % 5) for index in range(len(net.nodes))]
    layout = layered(widths, [(edge.source, edge.target) for edge in net.edges])
    for number, cells in enumerate(layout.layers):
        end = -1e-6
        for node, layer in cells:
            assert layer == number
            half = widths[node] / 2 if layout.depth[node] == layer else 0.0
            assert layout.x[node, layer] - half >= end
            end = layout.x[node, layer] + half
        assert end <= layout.width + 1e-6
    assert all(layout.depth[edge.source] < layout.depth[edge.target] for edge in net.edges)
    assert sorted(
        cell[0] for cells in layout.layers for cell in cells if cell[1] == layout.depth[cell[0]]
    ) == list(range(len(net.nodes)))


def test_a_ladder_is_drawn_without_crossings() -> None:
    # Two chains: a sensible order keeps each on its side.
    edges = [(0, 3), (1, 2), (2, 5), (3, 4), (4, 6), (5, 7)]
    layout = layered([50.0] * 8, edges)
    left = [0, 3, 4, 6]
    right = [1, 2, 5, 7]
    signs = {
        layout.x[a, layout.depth[a]] < layout.x[b, layout.depth[b]]
        for a, b in zip(left, right, strict=True)
    }
    assert len(signs) == 1
