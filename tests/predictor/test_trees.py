import subprocess
import sys

import numpy as np
import pytest

from dagsmith.predictor import (
    BoostingPredictor,
    BoostingSettings,
    ForestPredictor,
    ForestSettings,
    Predictor,
    PredictorError,
    rank_correlation,
)
from dagsmith.predictor.testing import check_predictor
from dagsmith.space import Architecture, NASBench201Space, Node, Population, Vocabulary

Trees = type[ForestPredictor] | type[BoostingPredictor]
BOTH = pytest.mark.parametrize("predictor", [ForestPredictor, BoostingPredictor])


def quick(predictor: Trees, kinds: Vocabulary, seed: int = 0) -> Predictor:
    if predictor is ForestPredictor:
        return ForestPredictor(kinds, ForestSettings(trees=20), seed)
    return BoostingPredictor(kinds, BoostingSettings(members=2, trees=40), seed)


@BOTH
def test_conformance(predictor: Trees, population: Population) -> None:
    check_predictor(lambda: quick(predictor, population.vocabulary), population)


@BOTH
def test_it_learns_a_target_of_the_paths(predictor: Trees) -> None:
    space = NASBench201Space()
    cells = space.decode_many(space.sample(160, np.random.default_rng(1)))
    # The longest path decides; how many convolutions there are is a small correction.
    depth = np.zeros(cells.kind.shape)
    for node in range(cells.node_count):
        inputs = (cells.edges[:, node] > 0) * depth
        depth[:, node] = inputs.max(axis=1) + cells.present[:, node]
    targets = depth.max(axis=1) + 0.01 * (cells.attributes[:, :, 0] == 1).sum(axis=1)
    mean = quick(predictor, space.kinds).fit(cells[:120], targets[:120]).predict(cells[120:]).mean
    tau = rank_correlation(targets[120:], mean, resamples=0).value
    assert tau is not None
    assert tau > 0.8


def test_members_of_boosting_differ(population: Population) -> None:
    targets = np.random.default_rng(0).normal(size=len(population))
    boosting = BoostingPredictor(population.vocabulary, BoostingSettings(members=3, trees=20))
    prediction = boosting.fit(population, targets).predict(population)
    assert prediction.samples.shape == (3, len(population))
    assert (prediction.std > 0).all()


@BOTH
def test_alike_architectures_cannot_be_learned(predictor: Trees, cells: Vocabulary) -> None:
    alike = [Architecture((Node.of("source"),), ())] * 5
    with pytest.raises(PredictorError, match="all alike"):
        quick(predictor, cells).fit(alike, np.arange(5))


def test_settings_are_checked() -> None:
    with pytest.raises(PredictorError, match="trees is 0; expected at least 1"):
        ForestSettings(trees=0)
    with pytest.raises(PredictorError, match="depth is 0; expected at least 1"):
        BoostingSettings(depth=0)
    with pytest.raises(PredictorError, match=r"rows is 1\.5; expected above 0 and at most 1"):
        BoostingSettings(rows=1.5)


def test_the_room_is_imported_without_scikit_learn() -> None:
    code = "import sys, dagsmith.predictor; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@BOTH
def test_without_scikit_learn_the_extra_is_named(
    predictor: Trees, cells: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(PredictorError, match=rf"{predictor.__name__} needs .*dagsmith\[baselines"):
        predictor(cells)
