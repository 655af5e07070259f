"""The layers of ctr-plus on crossbars: nothing that is costed there is computed elsewhere."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dagsmith.data import Dataset
from dagsmith.hardware.pim import Hardware
from dagsmith.hardware.workload import workload
from dagsmith.space import HANDMADE, Architecture, Population, ctr_plus_pim, named_architecture
from dagsmith.space.pim import PLUS_PIM_KINDS
from dagsmith.supernet import Network, PathSampler
from dagsmith.supernet.inputs import to_tensors
from dagsmith.supernet.plan import compile_plan
from dagsmith.supernet.quantisation import Quantised


def handmade(dataset: Dataset, name: str) -> Architecture:
    dense, fields = len(dataset.dense_features), len(dataset.fields)
    return named_architecture(name, dense, fields, hidden=(16, 8), norm="none")


def logits(net: Architecture, dataset: Dataset) -> Tensor:
    network = Network(net, dataset.fields, seed=3, std=0.5).eval()
    dense, ids, _ = to_tensors(dataset.valid.take(np.arange(64)), torch.device("cpu"))
    with torch.no_grad():
        found: Tensor = network(dense, ids)
    return found


@pytest.mark.parametrize("name", [*HANDMADE])
def test_every_weight_that_is_costed_is_multiplied_on_a_crossbar(
    dataset: Dataset, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = Hardware().equip(handmade(dataset, name))
    net.validate(PLUS_PIM_KINDS)
    placed: list[int] = []
    product = Quantised.product

    def counted(self: Quantised, where: str, inputs: Tensor, matrix: Tensor) -> Tensor:
        placed.append(matrix.numel())
        return product(self, where, inputs, matrix)

    monkeypatch.setattr(Quantised, "product", counted)
    logits(net, dataset)
    work = workload(Population.from_architectures([net], PLUS_PIM_KINDS))
    assert sum(placed) == (work.inputs * work.outputs).sum()


@pytest.mark.parametrize("name", [*HANDMADE])
def test_many_bits_compute_what_no_hardware_does(dataset: Dataset, name: str) -> None:
    plain = handmade(dataset, name)
    bits = [
        Hardware(weight_bits=b, activation_bits=b, embedding_bits=b).equip(plain) for b in (20, 3)
    ]
    found, fine, coarse = (logits(net, dataset) for net in (plain, *bits))
    torch.testing.assert_close(found, fine, atol=1e-3, rtol=1e-3)
    assert (found - coarse).abs().mean() > 1e-3


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_random_joint_networks_run(dataset: Dataset, seed: int) -> None:
    space = ctr_plus_pim(len(dataset.dense_features), len(dataset.fields), blocks=1, widths=(8,))
    net = space.decode(space.sample(1, np.random.default_rng(seed))[0])
    assert compile_plan(net).mapped
    assert bool(torch.isfinite(logits(net, dataset)).all())


def test_paths_of_the_joint_space_have_hardware(dataset: Dataset) -> None:
    space = ctr_plus_pim(len(dataset.dense_features), len(dataset.fields), blocks=1, widths=(8,))
    sampler = PathSampler(space, seed=3)
    for step in range(4):
        net = sampler.draw(step)
        net.validate(space.kinds)
        assert compile_plan(net).head_mapping is not None
