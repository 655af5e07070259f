import numpy as np
import pytest
from numpy.typing import NDArray

from dagsmith.hardware import CostError, CostModel, Flops, Parameters, costs
from dagsmith.space import (
    Architecture,
    ArchitectureError,
    Categorical,
    ComponentKind,
    Edge,
    Node,
    Number,
    Population,
    Vocabulary,
    nasrec_small,
)
from dagsmith.space.ctr import KINDS


class NodeCount:
    """A user's own cost."""

    name = "nodes"
    unit = "1"

    def cost(self, population: Population) -> NDArray[np.float64]:
        return np.asarray(population.present.sum(axis=1), np.float64)


@pytest.mark.parametrize("model", [Flops(), Parameters(), NodeCount()])
def test_models_keep_the_protocol(model: CostModel) -> None:
    assert isinstance(model, CostModel)
    space = nasrec_small(13, 26)
    found = model.cost(space.decode_many(space.sample(7, np.random.default_rng(0))))
    assert found.shape == (7,)
    assert found.dtype == np.float64
    assert (found > 0).all()


def test_costs_take_a_population_or_architectures() -> None:
    space = nasrec_small(13, 26)
    genotypes = space.sample(7, np.random.default_rng(0))
    models: list[CostModel] = [Flops(), NodeCount(), Parameters()]
    many = costs(space.decode_many(genotypes), models)
    single = costs([space.decode(genotype) for genotype in genotypes], models)
    assert list(many) == ["flops", "nodes", "parameters"]
    for name in many:
        assert np.array_equal(many[name], single[name])


def test_two_models_of_one_name_are_refused() -> None:
    with pytest.raises(CostError, match="two cost models are named 'flops'"):
        costs([], [Flops(), Flops()])


def test_no_architectures_cost_nothing() -> None:
    assert costs([], [Flops(), Parameters()])["flops"].shape == (0,)


STRANGE = Vocabulary((*KINDS.kinds, ComponentKind("conv"), ComponentKind("crossbar")))


@pytest.mark.parametrize("model", [Flops(), Parameters()])
def test_unknown_kinds_are_named(model: CostModel) -> None:
    net = Architecture(
        (Node.of("dense_input", width=3), Node.of("conv"), Node.of("crossbar")),
        (Edge(0, 1), Edge(1, 2)),
    )
    with pytest.raises(CostError, match=r"kinds conv, crossbar; expected .*dense_op"):
        costs([net], [model], STRANGE)


def test_a_kind_of_the_same_name_but_other_attributes_is_unknown() -> None:
    other = Vocabulary((ComponentKind("dense_op", (Categorical("operator", ("sum",)),)),))
    with pytest.raises(CostError, match="dense_op"):
        costs([Architecture((Node.of("dense_op", operator="sum"),), ())], [Flops()], other)


def test_kinds_may_stand_in_another_order_beside_unused_ones() -> None:
    space = nasrec_small(13, 26)
    nets = [space.decode(g) for g in space.sample(5, np.random.default_rng(0))]
    extra = ComponentKind("knob", (Number("bits"), Number("rows"), Number("columns")), ("up",))
    other = Vocabulary((extra, *reversed(KINDS.kinds)))
    assert (
        costs(nets, [Flops()], other)["flops"].tolist() == costs(nets, [Flops()])["flops"].tolist()
    )


def test_an_unknown_kind_of_a_single_architecture_names_the_nearest() -> None:
    with pytest.raises(ArchitectureError, match="did you mean 'head'"):
        costs([Architecture((Node.of("haed"),), ())], [Flops()])
