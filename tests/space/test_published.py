import numpy as np
import pytest

from dagsmith.space import published_nets

NETS = published_nets()


@pytest.mark.parametrize("name", NETS)
def test_every_net_lies_in_its_space(name: str) -> None:
    net = NETS[name]
    genotype = net.space.from_blocks(net.blocks)
    assert net.space.decode(genotype) == net.architecture
    assert net.space.decode_many(genotype[None]).architecture(0) == net.architecture
    assert len(net.blocks) == net.space.blocks == 7
    assert net.space.name.removeprefix("nasrec-") == name.split("-")[1]
    found = net.space.from_params(net.space.to_params(genotype))
    assert np.array_equal(found, genotype)


@pytest.mark.parametrize(
    ("name", "alive"),
    # The best Full networks of Criteo and Avazu use four of their seven blocks.
    [
        ("criteo-full", {1, 2, 3, 7}),
        ("avazu-full", {1, 2, 3, 7}),
        ("criteo-small", {1, 2, 3, 4, 5, 7}),
    ],
)
def test_dead_blocks_are_left_out(name: str, alive: set[int]) -> None:
    found = {node.name for node in NETS[name].architecture.nodes if node.name.startswith("block")}
    assert {int(name[len("block")]) for name in found} == alive
