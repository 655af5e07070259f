import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from dagsmith.predictor import GNNPredictor, GNNSettings, PredictorError
from dagsmith.predictor.storage import SavedPredictor, read_predictor, write_predictor
from dagsmith.space import Population, Vocabulary


@pytest.fixture
def saved(tmp_path: Path, population: Population, quick: GNNSettings) -> Path:
    path = tmp_path / "predictor.safetensors"
    targets = np.arange(len(population), dtype=float)
    GNNPredictor(population.vocabulary, quick).fit(population, targets).save(path)
    return path


def rewrite(path: Path, **changes: object) -> None:
    """Change fields of the header, as an older file that has no digest."""
    with safe_open(str(path), framework="np") as file:
        header = json.loads(file.metadata()["predictor"])
    del header["digest"]
    save_file(load_file(path), path, metadata={"predictor": json.dumps(header | changes)})


def test_vocabulary_and_settings_survive(tmp_path: Path, cells: Vocabulary) -> None:
    path = tmp_path / "p.safetensors"
    write_predictor(path, SavedPredictor(cells, GNNSettings(dim=12), 9, "mean", {}))
    found = read_predictor(path)
    assert (found.kinds, found.settings, found.seed) == (cells, GNNSettings(dim=12), 9)


def test_a_newer_version_is_refused(saved: Path) -> None:
    rewrite(saved, version=2)
    with pytest.raises(PredictorError, match=r"format 2; .* reads up to 1"):
        GNNPredictor.load(saved)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PredictorError, match=r"no predictor at .*absent"):
        GNNPredictor.load(tmp_path / "absent")


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file(saved: Path, part: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(PredictorError, match="damaged"):
        GNNPredictor.load(saved)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.999])
def test_a_flipped_bit(saved: Path, part: float) -> None:
    content = bytearray(saved.read_bytes())
    # Among the tensors, which follow the header.
    first = 8 + int.from_bytes(content[:8], "little")
    content[first + int((len(content) - first) * part)] ^= 16
    saved.write_bytes(content)
    with pytest.raises(PredictorError, match="is damaged: its content is not what was written"):
        GNNPredictor.load(saved)


def test_a_changed_setting(saved: Path) -> None:
    content = saved.read_bytes()
    changed = content.replace(b'\\"seed\\": 0', b'\\"seed\\": 7')
    assert changed != content
    saved.write_bytes(changed)
    with pytest.raises(PredictorError, match="is damaged"):
        GNNPredictor.load(saved)


def test_a_file_of_before_the_digests(saved: Path) -> None:
    rewrite(saved)
    assert GNNPredictor.load(saved).seed == 0


def test_a_folder_is_no_file(tmp_path: Path, cells: Vocabulary) -> None:
    with pytest.raises(PredictorError, match="is a folder"):
        write_predictor(tmp_path, SavedPredictor(cells, GNNSettings(), 0, "error", {}))


def test_a_foreign_file(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"weight": np.zeros(3)}, path)
    with pytest.raises(PredictorError, match="not of a predictor"):
        GNNPredictor.load(path)


def test_an_unknown_setting(saved: Path) -> None:
    with safe_open(str(saved), framework="np") as file:
        settings = json.loads(file.metadata()["predictor"])["settings"]
    rewrite(saved, settings=settings | {"colour": "red"})
    with pytest.raises(PredictorError, match="colour"):
        GNNPredictor.load(saved)


def test_weights_that_do_not_fit_the_settings(saved: Path) -> None:
    with safe_open(str(saved), framework="np") as file:
        settings = json.loads(file.metadata()["predictor"])["settings"]
    rewrite(saved, settings=settings | {"dim": 16})
    with pytest.raises(PredictorError, match="does not fit"):
        GNNPredictor.load(saved)


def test_a_failed_write_leaves_the_old_file(
    saved: Path, cells: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_predictor(saved, SavedPredictor(cells, GNNSettings(), 0, "error", {}))
    assert saved.read_bytes() == before
    assert [file.name for file in saved.parent.iterdir()] == [saved.name]
