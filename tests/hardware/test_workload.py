import numpy as np

from dagsmith.hardware import workload
from dagsmith.space import Architecture, Block, Population, ctr_plus, nasrec_full
from dagsmith.space.ctr import PLUS_KINDS


def maps(net: Architecture) -> dict[str, list[tuple[float, float, float]]]:
    """The linear maps of each node as ``(inputs, outputs, uses)``."""
    work = workload(Population.from_architectures([net], PLUS_KINDS))
    return {
        f"{index}.{node.values.get('operator', node.kind)}": [
            (float(inputs), float(outputs), float(uses))
            for inputs, outputs, uses in zip(
                work.inputs[0, index], work.outputs[0, index], work.uses[0, index], strict=True
            )
            if outputs
        ]
        for index, node in enumerate(net.nodes)
    }


def test_maps_of_each_node() -> None:
    space = nasrec_full(13, 26, blocks=2)
    net = space.assemble(
        [
            Block(("fc",), ("attention",), 64, 32, fm=True, dense_to_sparse=True),
            Block(("dot_product",), ("efc",), 128, 16, (0, 1), (0, 1)),
        ]
    )
    assert maps(net) == {
        "0.dense_input": [],
        "1.sparse_input": [],
        "2.fc": [(13, 64, 1)],
        "3.attention": [(26, 32, 16), (16, 48, 32), (16, 16, 32), (16, 16, 32), (16, 16, 32)],
        "4.fm": [(16, 64, 1)],
        "5.dense_to_sparse": [(64, 128, 1)],
        "6.dot_product": [(13 + 64, 16, 1), (26 + 40, 16, 16), (136, 128, 1)],
        "7.efc": [(26 + 40, 16, 16)],
        "8.head": [(128 + 16 * 16, 1, 1)],
    }


def test_products_of_activations() -> None:
    space = nasrec_full(13, 26, blocks=1)
    nets = [
        space.assemble([Block(("dot_product",), ("efc",), 128, 16)]),
        space.assemble([Block(("fc",), ("attention",), 128, 48)]),
        space.assemble([Block(("fc",), ("efc",), 128, 48)]),
    ]
    work = workload(Population.from_architectures(nets, space.kinds))
    assert work.products.sum(axis=1).tolist() == [17 * 17 * 16, 2 * 48 * 48 * 16, 0]


def test_unused_positions_have_no_work() -> None:
    space = nasrec_full(13, 26)
    population = space.decode_many(space.sample(50, np.random.default_rng(0)))
    work = workload(population)
    absent = ~population.present
    assert absent.any()
    for array in (work.inputs, work.outputs, work.uses, work.products):
        assert not array[absent].any()


def test_an_empty_population_has_no_work() -> None:
    space = nasrec_full(13, 26)
    work = workload(space.decode_many(np.zeros((0, len(space.slots)), np.int16)))
    assert work.products.shape[0] == 0


def test_maps_of_hand_made_layers() -> None:
    space = ctr_plus(3, 5, embedding_dim=16)
    flat = 3 + 5 * 16

    def maps_of(**choices: object) -> dict[str, list[tuple[float, float, float]]]:
        params = {name.replace("_", "."): value for name, value in choices.items()}
        point = space.point({"dim": 16, **params})  # type: ignore[dict-item]
        found = maps(space.decode(point))
        return {name.split(".")[1]: of for name, of in found.items() if of}

    assert maps_of(left_depth=2) == {
        "layer": [(16, 16, 1)],
        "head": [(16, 1, 1)],
    }
    assert maps_of(cross_depth=1)["cross"] == [(flat, flat, 1)]
    assert maps_of(cross_depth=1, cross_rank=64)["cross"] == [(flat, 64, 1), (64, flat, 1)]
    assert maps_of(cin_depth=1, cin_rows=32) == {"cin": [(25, 32, 16)], "head": [(32, 1, 1)]}
    attention = maps_of(attention_depth=1, attention_heads=2)
    assert attention == {"field_attention": [(16, 16, 5)] * 4, "head": [(5 * 16, 1, 1)]}
    assert maps_of(pairs=True) == {"head": [(10, 1, 1)]}
    assert maps_of(pairs=True, bottom_depth=1) == {"layer": [(3, 16, 1)], "head": [(15 + 16, 1, 1)]}
    assert maps_of(mask_blocks=1)["mask_block"] == [(flat, 32, 1), (32, flat, 1), (flat, 32, 1)]
    gated = maps_of(left_depth=1, left_gate=2)
    assert gated["field_gate"] == [(16, 16, 1), (16, flat, 1)]
    assert maps_of(left_depth=1, left_gate=0)["field_gate"] == [(flat, 16, 1), (16, flat, 1)]
    fused = maps_of(left_depth=1, right_depth=1, fusion_heads=5)
    assert fused["fusion"] == [(4, 5 * 4, 1)]
    assert maps_of(linear=True) == {"head": [(3, 1, 1)]}


def test_products_of_hand_made_layers() -> None:
    space = ctr_plus(3, 5, embedding_dim=16)
    points: list[dict[str, int | bool]] = [
        {"pairs": True},
        {"pairs": True, "bottom.depth": 1},
        {"cin.depth": 2, "cin.rows": 32},
        {"attention.depth": 1, "attention.heads": 2},
    ]
    rows = np.stack([space.point({"dim": 16, **point}) for point in points])
    found = workload(space.decode_many(rows)).products.sum(axis=1)
    assert found.tolist() == [25 * 16, 36 * 16, (25 + 32 * 5) * 16, 2 * 25 * 16]
