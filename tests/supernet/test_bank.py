import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.space import NASRecSpace, nasrec_full, nasrec_small
from dagsmith.space.ctr import DENSE_OPERATORS, SPARSE_OPERATORS
from dagsmith.supernet import WeightBank
from dagsmith.supernet.bank import initialise
from dagsmith.supernet.operators import Weight
from dagsmith.supernet.plan import compile_plan

CPU = torch.device("cpu")


def some(names: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), min_size=1, unique=True).map(tuple)


SPACES = st.builds(
    NASRecSpace,
    st.just("random"),
    st.integers(0, 20),
    st.integers(1, 12),
    dense_operators=some(DENSE_OPERATORS),
    sparse_operators=some(SPARSE_OPERATORS),
    blocks=st.integers(1, 4),
    widths=st.lists(st.integers(1, 40), min_size=1, max_size=4, unique=True),
    rows=st.lists(st.integers(1, 12), min_size=1, max_size=3, unique=True),
    connection_cap=st.integers(1, 4),
    embedding_dim=st.sampled_from([2, 4, 8, 16]),
)


def assert_covered(space: NASRecSpace, count: int, seed: int) -> None:
    bank = WeightBank.covering(space.envelope(), 0, CPU)
    for genotype in space.sample(count, np.random.default_rng(seed)):
        for name, weight in compile_plan(space.decode(genotype)).weights.items():
            full = tuple(bank.tensors[name].shape) if name in bank.tensors else None
            fits = full is not None and all(
                need <= have for need, have in zip(weight.shape, full, strict=True)
            )
            assert fits, f"{name} needs {weight.shape}, the bank has {full}"


@given(SPACES, st.integers(0, 9))
@settings(max_examples=40, derandomize=True)
def test_the_envelope_covers_every_architecture(space: NASRecSpace, seed: int) -> None:
    assert_covered(space, 10, seed)


@pytest.mark.parametrize("make", [nasrec_small, nasrec_full])
@pytest.mark.parametrize(("dense", "fields"), [(13, 26), (0, 23), (3, 10), (16, 45)])
def test_the_envelope_covers_the_named_spaces(make, dense: int, fields: int) -> None:  # type: ignore[no-untyped-def]
    assert_covered(make(dense, fields), 25, 0)


# Sizes at which the widest blocks leave out a projection that narrower ones, or smaller input
# sets, need: 28 and 36 are triangular; 8 dense features and 8 of block 1 are the 16 of a vector;
# 2 + 4 + 8 rows are the 14 that a width of 98 asks for.
@pytest.mark.parametrize(
    ("dense", "fields", "widths", "rows"),
    [(6, 10, (16, 28, 36), (4,)), (8, 10, (4, 8), (4,)), (8, 10, (8,), (4,)), (6, 2, (98,), (4,))],
)
def test_the_envelope_covers_maps_that_the_widest_leave_out(
    dense: int, fields: int, widths: tuple[int, ...], rows: tuple[int, ...]
) -> None:
    assert_covered(nasrec_full(dense, fields, blocks=3, widths=widths, rows=rows), 400, 0)


def test_covering_takes_the_largest_shape_and_fan_of_each_weight() -> None:
    space = nasrec_small(6, 10, blocks=2, widths=(8, 16), rows=(4, 8))
    architectures = [space.decode(g) for g in space.sample(12, np.random.default_rng(1))]
    bank = WeightBank.covering(architectures, 0, CPU)
    plans = [compile_plan(architecture) for architecture in architectures]
    for name, tensor in bank.tensors.items():
        shapes = [plan.weights[name].shape for plan in plans if name in plan.weights]
        assert tuple(tensor.shape) == tuple(map(max, zip(*shapes, strict=True)))
    assert set(bank.tensors) == {name for plan in plans for name in plan.weights}
    assert bank.parameter_count() == sum(math.prod(t.shape) for t in bank.tensors.values())


def test_slices_are_leaves_that_share_the_memory_of_the_bank() -> None:
    space = nasrec_small(6, 10, blocks=2, widths=(8, 16), rows=(4, 8))
    bank = WeightBank.covering(space.envelope(), 0, CPU)
    plan = compile_plan(space.decode(space.sample(1, np.random.default_rng(2))[0]))
    leaves = bank.slices(plan)
    assert set(leaves) == set(plan.weights)
    for name, leaf in leaves.items():
        assert leaf.is_leaf
        assert leaf.requires_grad
        assert tuple(leaf.shape) == plan.weights[name].shape
        with torch.no_grad():
            leaf.fill_(7.0)
        prefix = bank.tensors[name][tuple(slice(0, size) for size in leaf.shape)]
        assert bool((prefix == 7.0).all())


def test_the_seed_decides_the_weights() -> None:
    space = nasrec_small(6, 10, blocks=2, widths=(8, 16), rows=(4, 8))
    first, again, other = (WeightBank.covering(space.envelope(), seed, CPU) for seed in (1, 1, 2))
    assert all(torch.equal(first.tensors[name], again.tensors[name]) for name in first.tensors)
    assert not all(torch.equal(first.tensors[name], other.tensors[name]) for name in first.tensors)


def test_initialisation_is_xavier_uniform_or_constant() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = initialise(Weight((60, 50), (100, 50)), generator)
    bound = math.sqrt(6 / 150)
    assert 0.95 * bound < float(drawn.abs().max()) <= bound
    assert float(drawn.std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)
    assert torch.equal(initialise(Weight((3,), None, 0.17), generator), torch.full((3,), 0.17))
