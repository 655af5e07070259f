"""Subnets of ctr-plus inside the supernet and alone: the same numbers, for every operator."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dagsmith.data import Dataset, SparseField
from dagsmith.space import HANDMADE, Architecture, CTRPlusSpace, SpaceError, ctr_plus
from dagsmith.space.ctr import PLUS_KINDS
from dagsmith.space.ctr_plus_streams import DEPTH
from dagsmith.supernet import (
    PathSampler,
    SubnetScoring,
    Supernet,
    SupernetEvaluator,
    SupernetRecipe,
    train_supernet,
)
from dagsmith.supernet.inputs import to_tensors

Rows = tuple[Tensor, Tensor, Tensor]
DrawRows = Callable[[Sequence[SparseField], int, int], Rows]
Shake = Callable[[Supernet], Supernet]
World = tuple[Supernet, Rows]


def space_over(dense: int, fields: int) -> CTRPlusSpace:
    return CTRPlusSpace(
        dense,
        fields,
        blocks=2,
        widths=(8, 16),
        trunk_widths=(8, 36),
        embedding_dims=(3, 4, 8),
        dropouts=(0.0, 0.5),
    )


@pytest.fixture(scope="module")
def world(fields: tuple[SparseField, ...], draw_rows: DrawRows, shake: Shake) -> World:
    supernet = shake(Supernet(space_over(5, 4), fields, seed=3, std=0.5))
    return supernet, draw_rows(fields, 5, 32)


def assert_exact(world: World, architecture: Architecture, training: bool = False) -> None:
    """Without dropout, which draws anew, training and scoring are exact."""
    supernet, (dense, ids, _) = world
    plan = supernet.plan(architecture)
    with torch.no_grad():
        inside = supernet.forward(plan, supernet.bank.slices(plan), dense, ids, training)
        outside = supernet.extract(architecture).train(training)(dense, ids)
    assert float(inside.std()) > 1e-3
    torch.testing.assert_close(inside, outside, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", HANDMADE)
@pytest.mark.parametrize("dim", [3, 8])
@pytest.mark.parametrize("training", [False, True])
def test_hand_made_models_are_exact(world: World, name: str, dim: int, training: bool) -> None:
    space = space_over(5, 4)
    # The named choices as far as this small space has them.
    choices = {slot.name: slot.choices for slot in space.slots}
    params = {
        slot: value if value in choices[slot] else choices[slot][-1]
        for slot, value in HANDMADE[name].items()
    }
    assert_exact(world, space.decode(space.point({**params, "dim": dim})), training)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_random_subnets_are_exact(world: World, seed: int) -> None:
    genotype = world[0].space.sample(1, np.random.default_rng(seed))[0]
    assert_exact(world, world[0].space.decode(genotype))


def test_the_random_subnets_above_have_every_operator() -> None:
    space = space_over(5, 4)
    population = space.decode_many(space.sample(60, np.random.default_rng(0)))
    seen = {PLUS_KINDS.kinds[code].name for code in np.unique(population.kind) if code >= 0}
    assert seen == set(PLUS_KINDS)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_every_subnet_finds_its_weights(world: World, seed: int) -> None:
    space = world[0].space
    rng = np.random.default_rng(seed)
    for genotype in rng.integers(0, space.slot_sizes, (4, len(space.slots))).astype(np.int16):
        world[0].plan(space.decode(genotype))


@pytest.mark.parametrize("normalise", [False, True])
def test_normalised_embeddings_are_exact(
    fields: tuple[SparseField, ...], draw_rows: DrawRows, shake: Shake, normalise: bool
) -> None:
    supernet = shake(Supernet(space_over(5, 4), fields, normalise=normalise, std=0.5))
    rows = draw_rows(fields, 5, 32)
    supernet.embedding(rows[1][:20])
    supernet.embedding.eval()
    for step in range(8):
        assert_exact((supernet, rows), PathSampler(supernet.space, seed=1).draw(step))


def test_a_smaller_dimension_reads_the_first_coordinates(world: World) -> None:
    supernet, (dense, ids, _) = world
    space = supernet.space
    assert isinstance(space, CTRPlusSpace)
    small = space.decode(space.point({"linear": True, "fm": True, "dim": 3}))
    before = supernet.extract(small)(dense, ids)
    kept = supernet.embedding.weight.detach().clone()
    with torch.no_grad():
        supernet.embedding.weight[:, 1 + 3 :] += 1.0
    assert torch.equal(supernet.extract(small)(dense, ids), before)
    with torch.no_grad():
        supernet.embedding.weight.copy_(kept)
        supernet.embedding.weight[:, 0] += 1.0
    found = supernet.extract(small)(dense, ids)
    # The second field has several values, and a row with none of them has no weight to move.
    full = (ids[:, 1:4] != 0).any(1)
    torch.testing.assert_close((found - before)[full], torch.full_like(found[full], 4.0))
    with torch.no_grad():
        supernet.embedding.weight.copy_(kept)


def test_a_supernet_trains_and_scores(dataset: Dataset) -> None:
    space = space_over(len(dataset.dense_features), len(dataset.fields))
    recipe = SupernetRecipe(epochs=1, batch_size=100)
    nets = [Supernet(space, dataset.fields, seed=1) for _ in range(2)]
    losses = [train_supernet(net, dataset, recipe).loss for net in nets]
    assert losses[0] == losses[1]
    state, other = nets[0].state(), nets[1].state()
    assert all(torch.equal(state[name], other[name]) for name in state)
    scoring = SubnetScoring(refit_rows=500, score_rows=500)
    architectures = [PathSampler(space, seed=2).draw(step) for step in range(6)]
    architectures += [space.decode(space.point(HANDMADE[name])) for name in ("lr", "fm")]
    for found in SupernetEvaluator(nets[0], dataset, scoring).evaluate(architectures):
        assert not found.failure
        assert 0 < found.metrics["logloss"] < 2


def test_the_supernets_own_head_is_what_its_forward_gives(dataset: Dataset) -> None:
    space = space_over(len(dataset.dense_features), len(dataset.fields))
    supernet = Supernet(space, dataset.fields, seed=1, std=0.5)
    fm = space.decode(space.point(HANDMADE["fm"]))
    scoring = SubnetScoring(refit="none", score_rows=None, batch_size=10**6)
    found = SupernetEvaluator(supernet, dataset, scoring).evaluate([fm])[0]
    alone = supernet.extract(fm).eval()
    rows = dataset.valid.take(np.arange(len(dataset.valid)))
    dense, ids, label = to_tensors(rows, torch.device("cpu"))
    loss = torch.nn.functional.binary_cross_entropy_with_logits(alone(dense, ids), label)
    assert found.metrics["logloss"] == pytest.approx(loss.item(), rel=1e-5)


def test_sampling_modes_of_choice_blocks_are_refused() -> None:
    space = ctr_plus(3, 4)
    with pytest.raises(SpaceError, match="'any-path' needs a space of choice blocks; 'ctr-plus'"):
        PathSampler(space, "any-path")
    with pytest.raises(SpaceError, match="a warm-up by the full path needs"):
        PathSampler(space, warmup_steps=3)


def test_towers_are_no_deeper_than_the_space() -> None:
    assert max(int(v) for p in HANDMADE.values() for k, v in p.items() if "depth" in k) <= DEPTH
