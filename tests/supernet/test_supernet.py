import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from dagsmith.data import SparseField
from dagsmith.space import (
    Architecture,
    ArchitectureError,
    Block,
    ClickSpace,
    NASRecSpace,
    nasrec_full,
    nasrec_pim,
    nasrec_small,
)
from dagsmith.space.ctr import DENSE_OPERATORS, SPARSE_OPERATORS
from dagsmith.supernet import (
    CheckpointError,
    PathSampler,
    RowwiseAdagrad,
    Supernet,
)
from dagsmith.supernet.sliced_adagrad import SlicedAdagrad, clip_gradients

Rows = tuple[Tensor, Tensor, Tensor]
DrawRows = Callable[[Sequence[SparseField], int, int], Rows]
Shake = Callable[[Supernet], Supernet]

WIDTHS = (8, 16, 36, 128)
"""16 is the embedding dimension, 36 = 8 * 9 / 2, 128 = 8 * 16: there maps are left out."""


def single_valued(count: int) -> tuple[SparseField, ...]:
    return tuple(
        SparseField(f"f{i}", 5 + 3 * i, slice(i, i + 1), multivalued=False) for i in range(count)
    )


@pytest.fixture(scope="module")
def world(
    fields: tuple[SparseField, ...], draw_rows: DrawRows, shake: Shake
) -> dict[str, tuple[Supernet, Rows]]:
    """Supernets with random weights over odd inputs, and rows for each."""
    plain, eight = single_valued(3), single_valued(8)
    spaces: dict[str, tuple[ClickSpace, Sequence[SparseField]]] = {
        "small": (nasrec_small(5, 3, blocks=3, widths=WIDTHS, rows=(4, 8)), plain),
        "full": (nasrec_full(5, 3, blocks=3, widths=WIDTHS, rows=(4, 8)), plain),
        # 8 fields are the rows that width 36 wants, 16 dense features the embedding dimension.
        "equal sizes": (nasrec_full(16, 8, blocks=3, widths=WIDTHS, rows=(4, 8)), eight),
        "multi-valued": (nasrec_full(2, 4, blocks=2, widths=(8, 16), rows=(4, 8)), fields),
        "no dense": (nasrec_full(0, 3, blocks=2, widths=(8, 16), rows=(4, 8)), plain),
        "one head": (
            nasrec_full(5, 3, blocks=2, widths=(8, 16), rows=(4, 8), embedding_dim=10),
            plain,
        ),
        "on hardware": (nasrec_pim(5, 3, blocks=3, widths=WIDTHS, rows=(4, 8)), plain),
    }
    return {
        name: (shake(Supernet(space, columns, seed=3)), draw_rows(columns, space.dense_width, 32))
        for name, (space, columns) in spaces.items()
    }


def assert_exact(supernet: Supernet, architecture: Architecture, rows: Rows) -> None:
    dense, ids, _ = rows
    plan = supernet.plan(architecture)
    inside = supernet.forward(plan, supernet.bank.slices(plan), dense, ids)
    alone = supernet.extract(architecture).eval()
    outside = alone(dense, ids)
    assert inside.shape == (len(dense),)
    assert float(inside.detach().std()) > 1e-3, (
        "logits that do not depend on the row compare nothing"
    )
    torch.testing.assert_close(inside, outside, atol=1e-5, rtol=1e-5)
    assert alone.parameter_count() == plan.parameter_count()


@pytest.mark.parametrize("dense_op", DENSE_OPERATORS)
@pytest.mark.parametrize("sparse_op", SPARSE_OPERATORS)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("inputs", ["full", "equal sizes"])
def test_each_operator_is_exact(
    world: dict[str, tuple[Supernet, Rows]],
    dense_op: str,
    sparse_op: str,
    width: int,
    inputs: str,
) -> None:
    supernet, rows = world[inputs]
    assert isinstance(supernet.space, NASRecSpace)
    for fm, to_sparse in ((False, False), (True, False), (False, True), (True, True)):
        blocks = [
            Block(
                (dense_op,),
                (sparse_op,),
                width if number < 3 else 8,
                8 if number == 2 else 4,
                tuple(range(number)),
                tuple(range(number)),
                number - 1,
                0,
                fm,
                to_sparse,
            )
            for number in (1, 2, 3)
        ]
        assert isinstance(supernet.space, NASRecSpace)
        assert_exact(supernet, supernet.space.assemble(blocks), rows)


@pytest.mark.parametrize(
    "name",
    ["small", "full", "equal sizes", "multi-valued", "no dense", "one head", "on hardware"],
)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=12)
def test_random_subnets_are_exact(
    world: dict[str, tuple[Supernet, Rows]], name: str, seed: int
) -> None:
    supernet, rows = world[name]
    genotype = supernet.space.sample(1, np.random.default_rng(seed))[0]
    assert_exact(supernet, supernet.space.decode(genotype), rows)


@pytest.mark.parametrize("training", [True, False])
def test_normalised_embeddings_are_exact(
    fields: tuple[SparseField, ...], draw_rows: DrawRows, shake: Shake, training: bool
) -> None:
    space = nasrec_full(2, 4, blocks=2, widths=(8, 16), rows=(4, 8))
    supernet = shake(Supernet(space, fields, normalise=True, std=1e-2))
    dense, ids, _ = draw_rows(fields, 2, 32)
    supernet.embedding(ids[:20])
    supernet.embedding.train(training)
    for step in range(4):
        architecture = PathSampler(space).draw(step)
        alone = supernet.extract(architecture).train(training)
        plan = supernet.plan(architecture)
        inside = supernet.forward(plan, supernet.bank.slices(plan), dense, ids)
        torch.testing.assert_close(inside, alone(dense, ids), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mode", ["any-path", "full-path"])
@pytest.mark.parametrize("name", ["small", "full", "equal sizes"])
def test_paths_of_several_operators_are_exact(
    world: dict[str, tuple[Supernet, Rows]], mode: str, name: str
) -> None:
    supernet, rows = world[name]
    sampler = PathSampler(supernet.space, mode, seed=4)  # type: ignore[arg-type]
    for step in range(8):
        assert_exact(supernet, sampler.draw(step), rows)


@pytest.mark.parametrize("clip", [1e-2, 1e3])
@pytest.mark.parametrize("mode", ["single-operator", "full-path"])
@pytest.mark.parametrize("width_factor", [None, 2.0])
def test_a_step_is_the_step_of_the_extracted_network(
    fields: tuple[SparseField, ...],
    draw_rows: DrawRows,
    shake: Shake,
    mode: str,
    clip: float,
    width_factor: float | None,
) -> None:
    """Weights after the step agree, and nothing but the slices has changed."""
    space = nasrec_full(5, 4, blocks=3, widths=(8, 16), rows=(4, 8))
    supernet = shake(Supernet(space, fields, seed=1, width_factor=width_factor))
    dense, ids, label = draw_rows(fields, 5, 64)
    for step in range(4):
        architecture = PathSampler(space, mode, seed=2).draw(step)  # type: ignore[arg-type]
        # New optimizers every time: the sums of the supernet's remember other subnets.
        sliced = SlicedAdagrad(supernet.bank, eps=1e-2)
        rowwise = RowwiseAdagrad([supernet.embedding.weight], lr=0.1)
        network = supernet.extract(architecture)
        assert network.embedding is not None
        network.embedding.sparse = True
        table = network.embedding.weight
        weights = list(network.weights.values())
        alone = [torch.optim.Adagrad(weights, lr=0.1, eps=1e-2), RowwiseAdagrad([table], lr=0.1)]
        functional.binary_cross_entropy_with_logits(network(dense, ids), label).backward()
        torch.nn.utils.clip_grad_norm_(weights, clip)
        for optimizer in alone:
            optimizer.step()

        before = {name: tensor.clone() for name, tensor in supernet.bank.tensors.items()}
        plan = supernet.plan(architecture)
        leaves = supernet.bank.slices(plan)
        output = supernet.forward(plan, leaves, dense, ids)
        functional.binary_cross_entropy_with_logits(output, label).backward()
        clip_gradients(leaves, clip)
        moved = {name: leaf.grad.abs() > 1e-5 for name, leaf in leaves.items()}  # type: ignore[union-attr]
        sliced.step(leaves, 0.1)
        rowwise.step()

        torch.testing.assert_close(supernet.embedding.weight, table, atol=1e-5, rtol=1e-5)
        for name, tensor in supernet.bank.tensors.items():
            changed = tensor != before[name]
            if name not in plan.weights:
                assert not changed.any(), f"{name} is not of this subnet"
                continue
            prefix = tuple(slice(0, size) for size in plan.weights[name].shape)
            torch.testing.assert_close(
                tensor[prefix], network.weights[name].detach(), atol=1e-5, rtol=1e-5
            )
            inside = torch.zeros_like(changed)
            inside[prefix] = True
            assert not (changed & ~inside).any(), f"{name} changed outside its slice"
            assert changed[prefix][moved[name]].all(), f"{name} stood still"
        assert sum(int(where.sum()) for where in moved.values()) > plan.parameter_count() / 3


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (nasrec_full(4, 3, blocks=2, widths=(8,), rows=(4,)), "dense_input.*4.*'nasrec-full'.*5"),
        (nasrec_full(5, 2, blocks=2, widths=(8,), rows=(4,)), "sparse_input.*2.*3"),
        (
            nasrec_full(5, 3, blocks=2, widths=(8,), rows=(4,), embedding_dim=8),
            "sparse_input.*8.*16",
        ),
        (nasrec_full(5, 3, blocks=2, widths=(64,), rows=(4,)), "block1.*of another space"),
        (nasrec_full(5, 3, blocks=2, widths=(8,), rows=(16,)), "of another space"),
    ],
)
def test_an_architecture_of_another_space_is_refused(other: NASRecSpace, message: str) -> None:
    space = nasrec_full(5, 3, blocks=2, widths=(8, 16), rows=(4, 8))
    supernet = Supernet(space, single_valued(3))
    block = Block(("fc",), ("efc",), other.widths[0], other.rows[0], (0,), (0,))
    last = Block(("fc",), ("efc",), other.widths[0], other.rows[0], (0, 1), (0, 1))
    with pytest.raises(ArchitectureError, match=message):
        supernet.plan(other.assemble([block, last]))


def test_a_supernet_without_an_operator_refuses_it() -> None:
    small = nasrec_small(5, 3, blocks=2, widths=(8, 16), rows=(4, 8))
    block = Block(("gating",), ("efc",), 8, 4)
    with pytest.raises(ArchitectureError, match=r"gating.*'nasrec-small'"):
        Supernet(small, single_valued(3)).plan(small.assemble([block, block]))


def test_capped_tables_cannot_be_extracted() -> None:
    space = nasrec_small(5, 3, blocks=1, widths=(8,), rows=(4,))
    supernet = Supernet(space, single_valued(3), row_cap=6)
    with pytest.raises(CheckpointError, match="capped"):
        supernet.extract(space.assemble([Block(("fc",), ("efc",), 8, 4)]))


def test_an_extracted_network_is_a_copy(world: dict[str, tuple[Supernet, Rows]]) -> None:
    supernet, _ = world["small"]
    before = {name: tensor.clone() for name, tensor in supernet.state().items()}
    architecture = PathSampler(supernet.space).draw(0)
    for weight in supernet.extract(architecture).parameters():
        weight.data.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in supernet.state().items())


def test_saved_weights_come_back(tmp_path: Path, shake: Shake) -> None:
    space = nasrec_full(5, 3, blocks=2, widths=(8, 16), rows=(4, 8))
    first, second = (
        shake(Supernet(space, single_valued(3), seed=1)),
        Supernet(space, single_valued(3), seed=2),
    )
    first.save(tmp_path / "net.safetensors", {"epoch": 3})
    assert second.load(tmp_path / "net.safetensors") == {"space": "nasrec-full", "epoch": 3}
    for name, tensor in first.state().items():
        assert torch.equal(tensor, second.state()[name])


def test_weights_of_another_supernet_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    fields = single_valued(3)
    space = nasrec_full(5, 3, blocks=2, widths=(8, 16), rows=(4, 8))
    Supernet(space, fields).save(path)
    small = nasrec_small(5, 3, blocks=2, widths=(8, 16), rows=(4, 8))
    with pytest.raises(CheckpointError, match=r"'nasrec-full'.*'nasrec-small'"):
        Supernet(small, fields).load(path)
    wider = nasrec_full(5, 3, blocks=2, widths=(8, 32), rows=(4, 8))
    with pytest.raises(CheckpointError, match=r"no tensor bank/\S+ \(.*\)"):
        Supernet(wider, fields).load(path)


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    space = nasrec_small(5, 3, blocks=1, widths=(8,), rows=(4,))
    supernet = Supernet(space, single_valued(3))
    supernet.save(tmp_path / "whole.safetensors")
    tensors = load_file(tmp_path / "whole.safetensors")
    del tensors["bank/head/bias"]
    metadata = {"format": "dagsmith.supernet/1", "description": json.dumps({"space": space.name})}
    save_file(tensors, tmp_path / "part.safetensors", metadata)
    with pytest.raises(CheckpointError, match=r"bank/head/bias \(1,\)"):
        supernet.load(tmp_path / "part.safetensors")
