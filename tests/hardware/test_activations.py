"""Activations by hand: what every linear map gives, as often as it is applied."""

import numpy as np
import pytest

from dagsmith.hardware import Activations, costs
from dagsmith.hardware.testing import check_cost_model
from dagsmith.space import Architecture, Block, named_architecture, nasrec_full


def activations(architecture: Architecture) -> float:
    return float(costs([architecture], [Activations()])["activations"][0])


def test_it_keeps_the_promise_of_cost_models() -> None:
    space = nasrec_full(13, 3, blocks=2)
    check_cost_model(Activations(), space.decode_many(space.sample(9, np.random.default_rng(0))))


@pytest.mark.parametrize(
    ("block", "expected"),
    # 3 dense features, 5 fields of width 16; the logit last.
    [
        (Block(("fc",), ("efc",), 32, 6), 32 + 6 * 16 + 1),
        (Block(("gating",), ("efc",), 32, 6), 3 + 32 + 6 * 16 + 1),
        # A vector, 8 rows to pair with it, and their 36 products mapped to the width.
        (Block(("dot_product",), ("efc",), 32, 6), 16 + 8 * 16 + 32 + 6 * 16 + 1),
        # Rows; query, key and value, the output, and two maps of the feed-forward part of each.
        (Block(("fc",), ("attention",), 32, 6), 32 + 6 * 16 + 6 * 6 * 16 + 1),
    ],
)
def test_blocks_by_hand(block: Block, expected: int) -> None:
    assert activations(nasrec_full(3, 5, blocks=1).assemble([block])) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fm", 1),
        ("dnn", 3 * 400 + 1),
        ("deepfm", 3 * 400 + 1),
        # Three layers of four maps, each giving 32 numbers for each of 10 fields.
        ("autoint", 3 * 4 * 32 * 10 + 1),
    ],
)
def test_hand_made_models_by_hand(name: str, expected: int) -> None:
    assert activations(named_architecture(name, 0, 10)) == expected
