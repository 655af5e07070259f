import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagsmith.data import Dataset, DatasetError, TimeSplit, prepare


@pytest.fixture
def folder(click_log: pl.DataFrame, tmp_path: Path) -> Path:
    prepare(click_log, tmp_path / "out", split=TimeSplit("day"))
    return tmp_path / "out"


def memory_owner(array: np.ndarray) -> object:
    base: object = array
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    return base


def test_arrays_are_mapped_and_read_only(folder: Path) -> None:
    dataset = Dataset.open(folder)
    for split in dataset.splits.values():
        for array, dtype in ((split.dense, "f4"), (split.sparse, "i4"), (split.label, "f4")):
            assert type(memory_owner(array)).__name__ == "mmap"
            assert array.dtype == np.dtype(dtype)
            assert array.flags.c_contiguous
            with pytest.raises(ValueError, match="read-only"):
                array[:] = 0


def test_partitions_are_views_of_their_split(folder: Path) -> None:
    dataset = Dataset.open(folder)
    assert list(dataset.splits) == [
        *("train", "valid", "test"),
        *(f"day={day}" for day in range(1, 6)),
    ]
    train = dataset.train
    parts = [dataset.splits[f"day={day}"] for day in (1, 2, 3)]
    assert sum(len(part) for part in parts) == len(train)
    np.testing.assert_array_equal(np.concatenate([p.sparse for p in parts]), train.sparse)
    assert np.shares_memory(parts[1].sparse, train.sparse)


def test_a_data_set_moves_to_another_process(folder: Path) -> None:
    dataset = Dataset.open(folder)
    again = pickle.loads(pickle.dumps(dataset))
    assert again.fingerprint == dataset.fingerprint
    for name in ("train", "day=2"):
        packed = pickle.dumps(dataset.splits[name])
        assert len(packed) < 1000
        np.testing.assert_array_equal(pickle.loads(packed).label, dataset.splits[name].label)


def test_a_moved_data_set_is_the_same(folder: Path) -> None:
    before = Dataset.open(folder).fingerprint
    moved = folder.rename(folder.with_name("moved"))
    assert Dataset.open(str(moved)).fingerprint == before


def test_a_split_that_is_not_there(folder: Path) -> None:
    with pytest.raises(DatasetError, match="no split 'tets'; did you mean 'test'"):
        Dataset.open(folder).split("tets")


def test_reprs_say_what_is_in_it(folder: Path) -> None:
    dataset = Dataset.open(folder)
    assert "1 dense features, 3 sparse fields" in repr(dataset)
    assert f"{len(dataset.test):,} rows" in repr(dataset.test)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def edit(**change: object) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        path.write_text(json.dumps(json.loads(path.read_text()) | change))

    return apply


@pytest.mark.parametrize(
    ("file", "spoil", "message"),
    [
        ("dataset.json", Path.unlink, "not a prepared data set"),
        ("dataset.json", truncate, "damaged or truncated"),
        ("dataset.json", edit(kind="other"), "not written by dagsmith"),
        ("dataset.json", edit(version=99), "format 99 is of a newer dagsmith"),
        ("dataset.json", edit(version="x"), "no format version"),
        ("dataset.json", edit(splits=3), "damaged: AttributeError"),
        ("dataset.json", edit(splits={"train": 7}), "is expected"),
        ("train/sparse.npy", Path.unlink, "sparse.npy: missing; the data set is incomplete"),
        ("train/sparse.npy", truncate, "sparse.npy: damaged or truncated"),
        ("test/label.npy", truncate, "label.npy: damaged or truncated"),
        ("valid/dense.npy", lambda path: path.write_bytes(b""), "dense.npy: damaged"),
        ("encoders/encoders.json", Path.unlink, "no encoders here"),
    ],
)
def test_a_spoilt_store_is_refused(
    folder: Path, file: str, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(folder / file)
    with pytest.raises(DatasetError, match=message) as caught:
        Dataset.open(folder)
    assert "\n" not in str(caught.value)


def test_a_pickle_is_never_loaded(folder: Path) -> None:
    with (folder / "train" / "label.npy").open("wb") as stream:
        np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match="damaged or truncated"):
        Dataset.open(folder)


def test_places_without_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("label,a\n")
    with pytest.raises(DatasetError, match="no such data set"):
        Dataset.open(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="a file, not a prepared data set; prepare it first"):
        Dataset.open(tmp_path / "log.csv")


def test_a_changed_byte_is_found(folder: Path) -> None:
    dataset = Dataset.open(folder)
    dataset.verify()
    path = folder / "train" / "label.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"label.npy: the content was changed"):
        Dataset.open(folder).verify()


def test_some_rows_of_a_data_set(folder: Path) -> None:
    dataset = Dataset.open(folder)
    count = len(dataset.train)
    part = dataset.drawn({"train": count // 2, "valid": None}, seed=3)
    assert len(part.train) == count // 2
    assert part.valid is dataset.valid
    assert part.test is dataset.test
    assert len(dataset.train) == count
    # Rows of the whole, in their order, drawn by the seed, in any process.
    whole = [tuple(row) for row in np.column_stack([dataset.train.sparse, dataset.train.label])]
    drawn = [tuple(row) for row in np.column_stack([part.train.sparse, part.train.label])]
    rest = iter(whole)
    assert all(row in rest for row in drawn)
    again = pickle.loads(pickle.dumps(part))
    np.testing.assert_array_equal(again.train.sparse, part.train.sparse)
    other = dataset.drawn({"train": count // 2}, seed=4)
    assert not np.array_equal(other.train.dense, part.train.dense)
    assert dataset.drawn({"train": 10**9}).train is dataset.train
    with pytest.raises(DatasetError, match="no split 'training'"):
        dataset.drawn({"training": 3})


def test_a_data_set_without_its_dense_features(folder: Path) -> None:
    dataset = Dataset.open(folder)
    assert dataset.dense_features
    bare = dataset.without_dense().drawn({"train": 7}, seed=1)
    assert bare.dense_features == ()
    assert bare.fields == dataset.fields
    assert bare.train.dense.shape == (7, 0)
    assert dataset.train.dense.shape[1] == len(dataset.dense_features)
    again = pickle.loads(pickle.dumps(bare))
    assert again.dense_features == ()
    np.testing.assert_array_equal(again.train.sparse, bare.train.sparse)


def test_other_labels_of_the_training_rows(folder: Path, tmp_path: Path) -> None:
    dataset, file = Dataset.open(folder), tmp_path / "labels.npy"
    soft = np.linspace(0, 1, len(dataset.train), dtype=np.float32)
    np.save(file, soft)
    taught = dataset.with_labels(file)
    for found in (taught, pickle.loads(pickle.dumps(taught))):
        np.testing.assert_array_equal(found.train.label, soft)
        np.testing.assert_array_equal(found.train.sparse, dataset.train.sparse)
        np.testing.assert_array_equal(found.valid.label, dataset.valid.label)
    assert set(np.unique(dataset.train.label)) == {0.0, 1.0}


def test_labels_that_are_none_are_refused(folder: Path, tmp_path: Path) -> None:
    dataset, file = Dataset.open(folder), tmp_path / "labels.npy"
    with pytest.raises(DatasetError, match=r"labels\.npy: missing"):
        dataset.with_labels(file)
    soft = np.full(len(dataset.train), 0.5, np.float32)
    np.save(file, soft[:-1])
    with pytest.raises(DatasetError, match=r"labels\.npy: float32\[\d+\] where"):
        dataset.with_labels(file)
    for wrong in (1.5, -0.1, np.nan):
        soft[3] = wrong
        np.save(file, soft)
        with pytest.raises(DatasetError, match=r"labels\.npy: row 3 is .*; expected 0 to 1"):
            dataset.with_labels(file)
