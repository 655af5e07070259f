from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.space import (
    PIDSSpace,
    SearchSpace,
    SpaceError,
    pids_classification,
    pids_segmentation,
)
from dagsmith.space.pids import DECODER, ENCODER, PointStage
from dagsmith.space.testing import SearchSpaceTests


class TestClassification(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return pids_classification()


class TestSegmentation(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return pids_segmentation()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_stages_are_what_their_slots_say(seed: int) -> None:
    space = pids_segmentation()
    genotype = space.sample(1, np.random.default_rng(seed))[0]
    params = space.to_params(genotype)
    net = space.decode(genotype)
    assert [node.name for node in net.nodes[1:-1]] == [f"stage{i}" for i in range(1, 12)]
    for stage, node in zip((*ENCODER, *DECODER), net.nodes[1:-1], strict=True):
        values = node.values
        assert values.pop("stride") == stage.stride
        for decision, value in values.items():
            choices = getattr(stage, decision)
            wanted = params.get(f"{node.name}.{decision}", choices[0])
            assert value == (str(wanted) if decision == "kernel" else wanted)


def test_the_decoder_reads_the_encoder_stage_of_its_resolution() -> None:
    space = pids_segmentation()
    net = space.decode(np.zeros(len(space.slots), np.int16))
    skips = [(edge.source, edge.target) for edge in net.edges if edge.port == "skip"]
    assert skips == [(1, 11), (2, 10), (3, 9), (5, 8)]
    # Each time before the resolution was halved.
    halving = [number for number, stage in enumerate(ENCODER, 1) if stage.stride == 2]
    assert halving == [source + 1 for source, _ in skips]
    assert [(e.source, e.target) for e in net.edges if e.port == "in"] == [
        (index, index + 1) for index in range(12)
    ]


def test_sizes() -> None:
    sizes = [3, 3**2 * 2 * 2, 3**3 * 2 * 2, 3**4 * 2, 3**4 * 2, 3**4 * 2, 3**2 * 2]
    assert pids_classification().size() == prod(sizes)
    assert f"{prod(sizes):.2e}" == "8.93e+11"
    sizes += [3**2 * 2**3, 3**2 * 2**3, 3**2 * 2**3, 3 * 2**3]
    assert pids_segmentation().size() == prod(sizes)
    assert f"{prod(sizes):.2e}" == "8.00e+18"
    assert (len(pids_classification().slots), len(pids_segmentation().slots)) == (28, 47)


def test_every_genotype_is_another_architecture() -> None:
    space = PIDSSpace("small", [PointStage(), PointStage((2,), reads=1)])
    genotypes = np.indices(space.slot_sizes.tolist()).reshape(len(space.slots), -1).T
    population = space.decode_many(genotypes.astype(np.int16))
    assert len(np.unique(population.fingerprint())) == space.size() == len(genotypes)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([], "stages are empty"),
        ([PointStage(), PointStage(reads=2)], "stage 2 reads stage 2; expected 1 to 1"),
        ([PointStage(reads=0)], "stage 1 reads stage 0"),
        ([PointStage(kernel=(5, 9))], r"stage 1 has kernels \(5, 9\); expected some of"),
        ([PointStage(channels=())], "'stage1.channels' needs at least one choice"),
    ],
)
def test_stages_that_make_no_space_are_refused(stages: list[PointStage], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        PIDSSpace("bad", stages)
