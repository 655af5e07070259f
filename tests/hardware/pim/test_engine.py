"""The engine against hand-computed figures, published totals, and what must hold for every net."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.hardware import CostError, costs
from dagsmith.hardware.pim import (
    PIM_COSTS,
    Hardware,
    PIMCost,
    PIMMetric,
    default_technology,
    peak,
    pim_cost,
    pim_costs,
)
from dagsmith.hardware.testing import check_cost_model
from dagsmith.space import (
    HANDMADE,
    SPACES,
    Architecture,
    Block,
    Edge,
    Node,
    Population,
    named_architecture,
    nasrec_full,
    published_nets,
)
from dagsmith.space.ctr import KINDS, PLUS_KINDS
from dagsmith.space.pim import PIM_KINDS

SPACE = nasrec_full(13, 26, blocks=4)
SOME = SPACE.decode_many(SPACE.sample(12, np.random.default_rng(0)))
TABLE = default_technology()


def one_layer(inputs: int, outputs: int) -> Population:
    """A fully connected layer and nothing else but the head above it."""
    nodes = (
        Node.of("dense_input", width=inputs),
        Node.of("dense_op", operator="fc", width=outputs),
        Node.of("head"),
    )
    net = Architecture(nodes, (Edge(0, 1, "dense"), Edge(1, 2, "dense")))
    return Population.from_architectures([net], KINDS)


def cost_of(population: Population, **knobs: Any) -> PIMCost:
    return pim_cost(population, Hardware(**knobs))


def test_an_isaac_crossbar_by_hand() -> None:
    # 128 x 16 weights of 16 bits fill exactly one crossbar: 8 cells of 2 bits each, 16 pulses.
    cost = cost_of(one_layer(128, 16), weight_bits=16, activation_bits=16)
    layer = 1
    energy = {name: float(part[0, layer]) for name, part in cost.energy_pj.items()}
    conversions, drives, reads = 16 * 128, 16 * 128, 16 * 128 * 128
    moved = 16 * (128 + 16)
    assert energy["adc"] == pytest.approx(conversions * (1.67 + 0.000977))
    assert energy["dac"] == pytest.approx(drives * 3.9e-3 * 100)
    assert energy["cells"] == pytest.approx(reads * 1.83e-3)
    assert energy["shift_add"] == pytest.approx(conversions * 0.021)
    assert energy["registers"] == pytest.approx(drives * 0.1211 + conversions * 0.02246)
    assert energy["buffer"] == pytest.approx(moved * 0.0799)
    assert energy["bus"] == pytest.approx(moved * 0.054)
    assert energy["router"] == pytest.approx(16 * 16 * 0.081)
    assert energy["digital"] == pytest.approx(16 * 0.4)
    assert energy["leakage"] == pytest.approx(0.4938782 * 1600)
    assert energy["memory"] == 0
    assert cost.crossbars[0].tolist() == [0, 1, 1]
    assert cost.cells[0].tolist() == [0, 128 * 128, 16 * 8]
    # 16 pulses of 100 ns, 2304 bits over the bus, one element-wise operation.
    assert cost.node_latency_ns[0, layer] == pytest.approx(1600 + 2304 / 81.92 + 4)
    assert cost.interval_ns[0] == pytest.approx(1600)
    assert cost.latency_ns[0] == pytest.approx(cost.node_latency_ns[0].sum())
    area = {name: float(part[0, layer]) * 1e6 for name, part in cost.area_mm2.items()}
    assert area["adc"] == pytest.approx(1200 + 128 * 0.0391)
    assert area["dac"] == pytest.approx(128 * 0.166)
    assert area["cells"] == pytest.approx(25, rel=1e-4)
    assert area["shift_add"] == pytest.approx(30)
    assert area["registers"] == pytest.approx(128 * (2.0508 + 0.75195))
    assert area["tiles"] == pytest.approx((83000 + 90000 + 37750 + 4100) / 2)
    assert cost.programming_pj[0] == pytest.approx((128 * 128 + 16 * 8) * 0.6)
    assert cost.programming_ns[0] == pytest.approx(128 * 10)


def test_isaac_chip_totals() -> None:
    chip = peak(Hardware(weight_bits=16, activation_bits=16))
    assert chip.tops == pytest.approx(41.3, rel=1e-3)
    assert chip.tile_mm2 == pytest.approx(0.372, rel=2e-3)
    assert chip.chip_mm2 == pytest.approx(85.4, rel=1e-3)
    assert chip.gops_per_mm2 == pytest.approx(483, rel=2e-3)


def test_products_of_activations_are_digital_and_take_no_crossbars() -> None:
    space = nasrec_full(13, 26, blocks=1)
    plain, cross = (
        Population.from_architectures([space.assemble([Block((op,), ("efc",), 16, 16)])], KINDS)
        for op in ("fc", "dot_product")
    )
    assert cost_of(plain).area_mm2["digital"].sum() == 0
    found = cost_of(cross, activation_bits=8)
    mac = 12.68 * (8 / 32) ** 2 + 0.21
    products = 7**2 * 16
    node = [n.values.get("operator") for n in cross.architecture(0).nodes].index("dot_product")
    # Vector 13 -> 16, rows 26 -> 6 (16 times), 21 -> 16: their outputs are element-wise work.
    elements = (16 + 6 * 16 + 16) * 0.4
    assert found.energy_pj["digital"][0, node] == pytest.approx(products * mac + elements)
    assert found.area_mm2["digital"][0, node] > 0


def test_dram_fetches_whole_bursts_and_reram_does_not() -> None:
    net = SPACE.decode_many(SPACE.sample(1, np.random.default_rng(1)))
    dram, hbm, reram = (
        cost_of(net, tier=tier).energy_pj["memory"].sum() for tier in ("dram", "hbm", "reram")
    )
    # 26 vectors of 16 bytes move as 26 bursts of 64 bytes.
    assert dram == pytest.approx(26 * 512 * 8)
    assert hbm == pytest.approx(26 * 512 * 6.25)
    assert reram < hbm / 10
    assert cost_of(net, tier="dram").energy_pj["memory"].sum() == pytest.approx(
        cost_of(net, tier="dram", embedding_bits=32).energy_pj["memory"].sum()
    )
    assert cost_of(net, tier="dram").latency_ns > cost_of(net, tier="hbm").latency_ns
    rows = 33_762_601
    on_chip = pim_cost(net, Hardware(tier="reram"), table_rows=rows)
    # 4 GB of cells of 2 bits, arrays of 128 x 128: Criteo's tables need over 130,000 of them.
    assert on_chip.area_mm2["memory"].sum() > 131_000 * 25e-6
    assert on_chip.programming_pj > rows * 64 * 0.6
    assert pim_cost(net, table_rows=rows).area_mm2["memory"].sum() == 0


def test_weights_of_single_ids_are_looked_up_too() -> None:
    nets = [named_architecture(name, 0, 10) for name in ("dnn", "deepfm", "lr")]
    population = Population.from_architectures(nets, PLUS_KINDS)
    dnn, deepfm, lr = pim_cost(population).energy_pj["memory"].sum(axis=1)
    # 16, 17 and 1 numbers of 8 bits are one burst of DRAM each.
    assert dnn == deepfm == lr == pytest.approx(10 * 512 * 8)
    dnn, deepfm, lr = pim_cost(population, Hardware(tier="reram")).energy_pj["memory"].sum(axis=1)
    assert dnn < deepfm
    assert 0 < lr < dnn


@pytest.mark.parametrize("name", published_nets())
def test_parts_sum_to_the_whole(name: str) -> None:
    nets = Population.from_architectures([published_nets()[name].architecture], KINDS)
    cost = pim_cost(nets)
    by_component = sum(float(part.sum()) for part in cost.energy_pj.values())
    by_node = np.stack(list(cost.energy_pj.values())).sum(axis=(0, 1))
    assert cost.total_energy_pj[0] == pytest.approx(by_component)
    assert cost.total_energy_pj[0] == pytest.approx(by_node.sum())
    assert cost.total_area_mm2[0] == pytest.approx(
        sum(float(part.sum()) for part in cost.area_mm2.values())
    )
    tiles = np.ceil(cost.crossbars.sum() / 96)
    shared = sum(TABLE[f"tile.{part}_area"] for part in ("buffer", "bus", "router", "rest"))
    assert cost.area_mm2["tiles"].sum() == pytest.approx(tiles * shared * 1e-6)
    assert (cost.node_latency_ns <= cost.latency_ns[0]).all()
    assert cost.interval_ns[0] <= cost.latency_ns[0]
    assert all((part >= 0).all() for part in (*cost.energy_pj.values(), *cost.area_mm2.values()))


DEARER = {
    # Knob: what never falls when it grows, and what never rises.
    "weight_bits": (("energy_pj", "area_mm2", "crossbars", "latency_ns"), ()),
    "activation_bits": (("energy_pj", "latency_ns", "interval_ns", "area_mm2"), ()),
    "adc_bits": (("energy_pj", "area_mm2"), ()),
    "dac_bits": (("area_mm2",), ("latency_ns", "interval_ns")),
    "cell_bits": ((), ("crossbars", "area_mm2", "latency_ns")),
    "adcs": (("area_mm2",), ("latency_ns", "interval_ns")),
    "size": ((), ("crossbars",)),
    "replication": (("area_mm2", "crossbars", "programming_pj"), ("latency_ns", "interval_ns")),
    "embedding_bits": (("energy_pj", "latency_ns"), ()),
}
STEPS: dict[str, tuple[int, ...]] = {
    "weight_bits": (2, 4, 6, 8, 16),
    "activation_bits": (2, 4, 8, 16),
    "adc_bits": (4, 5, 6, 7, 8, 9, 10),
    "dac_bits": (1, 2, 4),
    "cell_bits": (1, 2, 4),
    "adcs": (1, 2, 4, 8),
    "size": (64, 128, 256, 512),
    "replication": (1, 2, 4, 8, 16),
    "embedding_bits": (4, 8, 16, 32),
}
BASES = st.builds(
    Hardware,
    tier=st.sampled_from(("dram", "hbm", "reram")),
    **{name: st.sampled_from(choices) for name, choices in STEPS.items()},
)


@pytest.mark.parametrize("knob", DEARER)
@given(base=BASES, data=st.data())
@settings(max_examples=12)
def test_costs_are_monotone_in_every_knob(knob: str, base: Hardware, data: st.DataObject) -> None:
    low, high = sorted(data.draw(st.lists(st.sampled_from(STEPS[knob]), min_size=2, max_size=2)))
    smaller: dict[str, Any] = {knob: low}
    larger: dict[str, Any] = {knob: high}
    before = pim_costs(SOME, replace(base, **smaller))
    after = pim_costs(SOME, replace(base, **larger))
    up, down = DEARER[knob]
    for name in up:
        assert (after[name] >= before[name] * (1 - 1e-12)).all(), name
    for name in down:
        assert (after[name] <= before[name] * (1 + 1e-12)).all(), name


@given(hardware=BASES)
@settings(max_examples=12)
def test_hardware_nodes_cost_what_their_description_does(hardware: Hardware) -> None:
    nets = [SOME.architecture(row) for row in range(4)]
    equipped = [hardware.equip(net) for net in nets]
    for net in equipped:
        net.validate(PIM_KINDS)
    joint = Population.from_architectures(equipped, PIM_KINDS)
    found, expected = pim_costs(joint), pim_costs(SOME[np.arange(4)], hardware)
    for name in PIM_COSTS:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-12)


@pytest.mark.parametrize("name", SPACES)
@given(seed=st.integers(0, 2**31))
@settings(max_examples=10)
def test_a_population_costs_what_its_architectures_do(name: str, seed: int) -> None:
    space = SPACES[name](13, 26, blocks=3)
    genotypes = space.sample(5, np.random.default_rng(seed))
    together = pim_costs(space.decode_many(genotypes), table_rows=1000)
    for row, genotype in enumerate(genotypes):
        alone = Population.from_architectures([space.decode(genotype)], space.kinds)
        for cost, values in pim_costs(alone, table_rows=1000).items():
            assert np.isfinite(values).all()
            np.testing.assert_allclose(together[cost][row], values[0], rtol=1e-12)


@pytest.mark.parametrize("name", HANDMADE)
def test_hand_made_models_cost_the_same_among_others(name: str) -> None:
    nets = [named_architecture(other, 13, 26, embedding_dim=16) for other in (name, *HANDMADE)]
    found = pim_costs(Population.from_architectures(nets, PLUS_KINDS))
    alone = pim_costs(Population.from_architectures(nets[:1], PLUS_KINDS))
    for cost, values in alone.items():
        assert np.isfinite(values).all()
        np.testing.assert_allclose(found[cost][0], values[0], rtol=1e-12)


def test_large_populations_are_costed_in_parts() -> None:
    many = SOME[np.resize(np.arange(len(SOME)), 1030)]
    few = pim_costs(SOME)
    for cost, values in pim_costs(many).items():
        assert np.array_equal(values, np.resize(few[cost], 1030))


@pytest.mark.parametrize("name", PIM_COSTS)
def test_each_metric_is_a_cost_model(name: str) -> None:
    metric = PIMMetric(name)
    check_cost_model(metric, SOME)
    assert np.array_equal(costs(SOME, [metric])[name], pim_costs(SOME)[name])


def test_an_empty_population_costs_nothing() -> None:
    assert pim_cost(SOME[:0]).total_area_mm2.shape == (0,)


def test_impossible_configurations_are_named() -> None:
    with pytest.raises(CostError, match=r"adc_bits is 12; .*'isaac-32nm' has 4, 5, .*10"):
        cost_of(SOME, adc_bits=12)
    with pytest.raises(CostError, match="dac_bits is 5"):
        cost_of(SOME, dac_bits=5)
    with pytest.raises(CostError, match="a crossbar of 4 columns is smaller than the 8 slices"):
        cost_of(SOME, size=4, cell_bits=1)
    with pytest.raises(CostError, match="256 ADCs for a crossbar of 128 columns"):
        cost_of(SOME, adcs=256)
    with pytest.raises(CostError, match="activation_bits is 64; expected at most 32"):
        cost_of(SOME, activation_bits=64)
    with pytest.raises(CostError, match="size is 1; expected a whole number of at least 2"):
        cost_of(SOME, size=1)
    with pytest.raises(CostError, match="weight_bits is 0; expected a whole number above 0"):
        Hardware(weight_bits=0)
    with pytest.raises(CostError, match=r"tier is 'hbm2'; did you mean 'hbm'\?"):
        Hardware(tier="hbm2")
    with pytest.raises(CostError, match=r"no PIM cost 'energy'; did you mean 'energy_pj'\?"):
        PIMMetric("energy")


def test_a_hardware_node_with_impossible_bits_is_named() -> None:
    net = Hardware().equip(SOME.architecture(0))
    nodes = tuple(
        Node.of("mapping", weight_bits=2.5, activation_bits=8, replication=1)
        if node.kind == "mapping"
        else node
        for node in net.nodes
    )
    wrong = Population.from_architectures([Architecture(nodes, net.edges)], PIM_KINDS)
    with pytest.raises(CostError, match=r"weight_bits is 2\.5"):
        pim_cost(wrong)
