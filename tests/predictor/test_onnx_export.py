import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dagsmith.predictor import GNNPredictor, GNNSettings, PredictorError, TrainingSettings
from dagsmith.space import NASBench201Space, Population

SPACE = NASBench201Space("whole")
CELLS = SPACE.decode_many(SPACE.sample(150, np.random.default_rng(1)))
HINT = {"hint": np.random.default_rng(2).normal(size=150)}
QUICK = GNNSettings(members=3, dim=4, rounds=2, training=TrainingSettings(epochs=10))


def targets(cells: Population) -> np.ndarray:
    """A sum over operations, which the linear part takes, and a quality."""
    costs = np.array([1.0, 9.0, 2.0, 2.0, 0.3, 0.0])
    operation = np.nan_to_num(cells.attributes[:, :, 0], nan=5.0).astype(int)
    latency = costs[operation].sum(axis=1)
    return np.stack([latency, np.log1p(latency) + HINT["hint"]], axis=1)


@pytest.fixture(scope="module")
def predictor() -> GNNPredictor:
    return GNNPredictor(SPACE.kinds, QUICK).fit(CELLS, targets(CELLS), HINT)


@pytest.fixture(scope="module")
def session(predictor: GNNPredictor, tmp_path_factory: pytest.TempPathFactory) -> Any:
    pytest.importorskip("onnxscript", reason="exporting needs the extra onnx")
    onnxruntime = pytest.importorskip("onnxruntime", reason="running needs the extra onnx")
    path = tmp_path_factory.mktemp("onnx") / "deep" / "predictor.onnx"
    predictor.export_onnx(path, level=0.8)
    assert [file.name for file in path.parent.iterdir()] == ["predictor.onnx"]
    return onnxruntime.InferenceSession(str(path))


def test_the_file_answers_as_the_predictor_does(predictor: GNNPredictor, session: Any) -> None:
    fitted = predictor._known
    assert fitted.linear is not None
    assert fitted.description.features is not None
    # Batches of other sizes than the one that was traced, with and without padding.
    for rows in (slice(None), slice(0, 1), slice(7, 20)):
        hint = {"hint": HINT["hint"][rows]}
        found = session.run(None, predictor.onnx_inputs(CELLS[rows], hint))
        prediction = predictor.predict(CELLS[rows], hint)
        expected = (prediction.mean, prediction.std, *prediction.interval(0.8))
        for answer, values in zip(found, expected, strict=True):
            np.testing.assert_allclose(answer, values, rtol=1e-5, atol=1e-5)
    few = [SPACE.decode(genotype) for genotype in SPACE.sample(4, np.random.default_rng(5))]
    hint = {"hint": np.arange(4.0)}
    (mean, *_) = session.run(None, predictor.onnx_inputs(few, hint))
    np.testing.assert_allclose(mean, predictor.predict(few, hint).mean, rtol=1e-5, atol=1e-5)


def test_the_file_says_what_it_takes(session: Any) -> None:
    notes = session.get_modelmeta().custom_metadata_map
    assert notes["format"] == "dagsmith.predictor.onnx/1"
    assert json.loads(notes["ports"]) == list(SPACE.kinds.ports)
    assert json.loads(notes["extras"]) == ["hint"]
    assert "cell_op.op=conv3x3" in json.loads(notes["columns"])
    assert [each.name for each in session.get_outputs()] == ["mean", "std", "low", "high"]


def test_what_cannot_be_exported(predictor: GNNPredictor, tmp_path: Path) -> None:
    with pytest.raises(PredictorError, match="not fitted"):
        GNNPredictor(SPACE.kinds).export_onnx(tmp_path / "p.onnx")
    with pytest.raises(PredictorError, match=r"level is 90"):
        predictor.export_onnx(tmp_path / "p.onnx", level=90)
    with pytest.raises(PredictorError, match="is a folder"):
        predictor.export_onnx(tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_was_never_fitted_is_no_input() -> None:
    space = NASBench201Space()
    genotypes = space.sample(400, np.random.default_rng(3))
    has = (genotypes == 3).any(axis=1)
    known, strange = space.decode_many(genotypes[~has]), space.decode_many(genotypes[has])
    predictor = GNNPredictor(space.kinds, QUICK, unknown="mean")
    predictor.fit(known, np.arange(len(known)))
    assert len(predictor.predict(strange)) == has.sum()
    with pytest.raises(PredictorError, match=r"no fitted one had: .*; fit some that have it$"):
        predictor.onnx_inputs(strange)
