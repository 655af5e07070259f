import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagsmith.data import (
    Buckets,
    CategoricalFeature,
    Dataset,
    DatasetError,
    DenseFeature,
    Encoders,
    Hashing,
    Label,
    MultiValuedFeature,
    Schema,
    SparseField,
    Vocabulary,
    prepare,
)

SCHEMA = Schema(
    Label("click"),
    (
        DenseFeature("price", "log-standardise", missing=-1),
        CategoricalFeature("user_id", Vocabulary(min_count=3)),
        CategoricalFeature("city", Hashing(7)),
        MultiValuedFeature("genres", max_length=3),
        CategoricalFeature("day", Buckets(3)),
    ),
)


@pytest.fixture(scope="module")
def dataset(click_log: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return prepare(click_log, tmp_path_factory.mktemp("data") / "out", schema=SCHEMA)


def test_fields_tile_the_columns(dataset: Dataset) -> None:
    shapes = [(f.name, f.columns.start, f.columns.stop, f.multivalued) for f in dataset.fields]
    assert shapes == [
        ("user_id", 0, 1, False),
        ("city", 1, 2, False),
        ("genres", 2, 5, True),
        ("day", 5, 6, False),
    ]
    for split in dataset.splits.values():
        for field in dataset.fields:
            ids = split.sparse[:, field.columns]
            assert ids.min() >= 0
            assert ids.max() < field.cardinality


def test_a_saved_encoder_encodes_the_same(
    dataset: Dataset, click_log: pl.DataFrame, tmp_path: Path
) -> None:
    dataset.encoders.save(tmp_path / "model")
    loaded = Encoders.load(tmp_path / "model")
    assert loaded.fingerprint == dataset.encoders.fingerprint
    assert loaded.fields == dataset.fields
    ours, theirs = dataset.encoders.encode(click_log), loaded.encode(click_log)
    np.testing.assert_array_equal(ours.dense, theirs.dense)
    np.testing.assert_array_equal(ours.sparse, theirs.sparse)
    np.testing.assert_array_equal(ours.label, click_log["click"].to_numpy())


def test_columns_may_come_in_any_order_and_type(dataset: Dataset, click_log: pl.DataFrame) -> None:
    ours = dataset.encoders.encode(click_log)
    other = click_log.select(reversed(click_log.columns)).with_columns(
        pl.col("user_id").cast(pl.String),
        pl.col("price").cast(pl.String),
        pl.col("genres").str.split("|"),
        more=pl.lit(1),
    )
    theirs = dataset.encoders.encode(other)
    np.testing.assert_array_equal(ours.sparse, theirs.sparse)
    np.testing.assert_allclose(ours.dense, theirs.dense, rtol=1e-6)


def test_unknown_and_missing_values(dataset: Dataset) -> None:
    frame = pl.DataFrame(
        {
            "price": [None, -3.0],
            "user_id": ["nobody", None],
            "city": [None, "nowhere"],
            "genres": ["a|zzz", ""],
            "day": [None, 1e9],
        }
    )
    batch = dataset.encoders.encode(frame)
    assert batch.dense[0, 0] == -1
    assert np.isnan(batch.label).all()
    assert batch.sparse[:, 0].tolist() == [1, 0]
    assert batch.sparse[0, 1] == 0
    assert 1 <= batch.sparse[1, 1] <= 7
    assert batch.sparse[0, 2] >= 2
    assert batch.sparse[:, 3:5].tolist() == [[1, 0], [0, 0]]
    assert batch.sparse[:, 5].tolist() == [0, 3]
    assert dataset.encoders.unknown(batch) == {"user_id": 1, "genres": 1}


def test_bad_frames_are_refused(dataset: Dataset, click_log: pl.DataFrame) -> None:
    with pytest.raises(DatasetError, match="there is no column 'city'; did you mean 'citty'"):
        dataset.encoders.encode(click_log.rename({"city": "citty"}))
    with pytest.raises(DatasetError, match="row 1: column 'price' is 'dear'"):
        dataset.encoders.encode(click_log.with_columns(price=pl.lit("dear")))
    with pytest.raises(DatasetError, match="row 1: label 'click' is 5, 0 or 1"):
        dataset.encoders.encode(click_log.with_columns(click=pl.lit(5)))


def test_encoders_that_cannot_be_read(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no encoders here"):
        Encoders.load(tmp_path)

    def spoilt(name: str, **change: object) -> Path:
        folder = tmp_path / name
        dataset.encoders.save(folder)
        data = json.loads((folder / "encoders.json").read_text())
        (folder / "encoders.json").write_text(json.dumps(data | change))
        return folder

    with pytest.raises(DatasetError, match="not written by dagsmith"):
        Encoders.load(spoilt("foreign", kind="something"))
    with pytest.raises(DatasetError, match="format 99 is of a newer dagsmith"):
        Encoders.load(spoilt("newer", version=99))
    with pytest.raises(DatasetError, match="damaged"):
        Encoders.load(spoilt("damaged", sparse=None))
    folder = spoilt("short")
    (folder / "encoders.json").write_text("{")
    with pytest.raises(DatasetError, match="damaged encoders"):
        Encoders.load(folder)
    folder = spoilt("other")
    table = pl.read_parquet(folder / "vocabulary.parquet")
    table.head(3).write_parquet(folder / "vocabulary.parquet")
    with pytest.raises(
        DatasetError, match=r"feature 'user_id': 5 ids where .* the vocabulary is dam"
    ):
        Encoders.load(folder)


def test_a_sparse_field_is_plain_data() -> None:
    assert SparseField("a", 3, slice(0, 1), False) == SparseField("a", 3, slice(0, 1), False)
