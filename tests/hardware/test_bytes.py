import numpy as np
import pytest

from dagsmith.hardware import Bytes, CostError, Parameters
from dagsmith.hardware.pim import Hardware
from dagsmith.hardware.testing import check_cost_model
from dagsmith.space import NAMED, Population, named_architecture, nasrec_full
from dagsmith.space.ctr import PLUS_KINDS
from dagsmith.space.pim import PIM_KINDS

SPACE = nasrec_full(13, 3, blocks=2)
NETS = SPACE.decode_many(SPACE.sample(9, np.random.default_rng(0)))


def test_it_keeps_the_promise_of_cost_models() -> None:
    check_cost_model(Bytes(), NETS)
    check_cost_model(Bytes(cardinalities=(5, 6, 7)), NETS)


def test_plain_weights_are_four_bytes_each() -> None:
    assert np.allclose(Bytes().cost(NETS), 4 * Parameters().cost(NETS))
    tables = (50, 60, 70)
    assert np.allclose(Bytes(tables).cost(NETS), 4 * Parameters(tables).cost(NETS))


def test_hand_made_models_take_what_they_have() -> None:
    nets = [named_architecture(name, 4, 3) for name in NAMED if not name.startswith("nasrec")]
    population = Population.from_architectures(nets, PLUS_KINDS)
    assert np.allclose(Bytes().cost(population), 4 * Parameters().cost(population))
    tables = (50, 60, 70)
    assert np.allclose(Bytes(tables).cost(population), 4 * Parameters(tables).cost(population))


def test_mapped_weights_take_their_bits() -> None:
    hardware = Hardware(weight_bits=4, embedding_bits=8)
    nets = Population.from_architectures(
        [hardware.equip(NETS.architecture(row)) for row in range(len(NETS))], PIM_KINDS
    )
    plain, mapped = Bytes().cost(NETS), Bytes().cost(nets)
    biases = 4 * Parameters().cost(NETS) - plain
    assert (biases == 0).all()
    assert (mapped < plain / 4).all()
    assert np.allclose(Bytes((50, 60, 70)).cost(nets) - mapped, 180 * 16)


def test_another_number_of_fields_is_refused() -> None:
    with pytest.raises(CostError, match="2 cardinalities for an architecture of 3 sparse fields"):
        Bytes((5, 6)).cost(NETS)
