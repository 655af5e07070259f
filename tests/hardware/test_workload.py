import numpy as np

from dagsmith.hardware import workload
from dagsmith.space import Architecture, Block, Population, nasrec_full


def maps(net: Architecture) -> dict[str, list[tuple[float, float, float]]]:
    """The linear maps of each node as ``(inputs, outputs, uses)``."""
    work = workload(Population.from_architectures([net], nasrec_full(1, 1).kinds))
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
