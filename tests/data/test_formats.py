from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagsmith.data import DatasetError, Encoding, TimeSplit, encode_file, prepare
from dagsmith.data.formats import AVAZU_CATEGORICAL, FORMATS, KDD2012_COLUMNS, format_named


def test_an_unknown_format_names_the_nearest() -> None:
    with pytest.raises(DatasetError, match="unknown format 'critio'; did you mean 'criteo'"):
        format_named("critio")


def test_the_number_of_fields_is_the_published_one() -> None:
    sizes = {}
    for name, form in FORMATS.items():
        if form.schema is not None and name != "movielens":
            columns = (*KDD2012_COLUMNS, "gender", "age")
            schema = form.schema(columns, Encoding())
            sizes[name] = (len(schema.dense), len(schema.sparse))
    # Avazu: 21 columns, hour of the day and weekday; the identifier of the row is left out.
    assert sizes == {"criteo": (13, 26), "avazu": (0, 23), "kdd2012": (3, 10)}


def test_criteo_from_its_raw_text_and_from_a_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    columns = FORMATS["criteo"].columns
    assert columns is not None
    data = {"label": rng.integers(0, 2, 200)}
    data |= {name: rng.integers(-1, 50, 200) for name in columns[1:14]}
    frame = pl.DataFrame(
        data | {name: [f"{v:08x}" for v in rng.integers(0, 9, 200)] for name in columns[14:]}
    )
    frame = frame.with_columns(
        pl.when(pl.col("I3") > 9).then("I3"), pl.col("C4").replace("00000003", None)
    )
    raw, table = tmp_path / "day_0.txt", tmp_path / "table.parquet"
    frame.write_csv(raw, separator="\t", include_header=False)
    frame.write_parquet(table)
    text, parquet = prepare(raw, tmp_path / "a"), prepare(table, tmp_path / "b")
    assert text.fingerprint == parquet.fingerprint
    assert (len(text.dense_features), len(text.fields)) == (13, 26)
    # The test file of the contest has no label.
    unlabelled = tmp_path / "test.txt"
    frame.drop("label").write_csv(unlabelled, separator="\t", include_header=False)
    encoded = encode_file(text, unlabelled)
    assert not encoded.labelled
    assert np.isnan(encoded.label).all()
    np.testing.assert_array_equal(encoded.sparse, encode_file(text, raw).sparse)


def test_avazu_has_hours_and_days(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    days = np.sort(rng.integers(21, 25, 300))
    hours = [
        f"1410{day}{hour:02}" for day, hour in zip(days, rng.integers(0, 24, 300), strict=True)
    ]
    data = {"id": range(300), "click": rng.integers(0, 2, 300), "hour": [int(h) for h in hours]}
    frame = pl.DataFrame(data | {name: rng.integers(0, 5, 300) for name in AVAZU_CATEGORICAL})
    path = tmp_path / "train.gz"
    frame.write_csv(tmp_path / "train.csv")
    (tmp_path / "train.csv").rename(path := tmp_path / "train")
    dataset = prepare(path, tmp_path / "out", split=TimeSplit("day"))
    names = [field.name for field in dataset.fields]
    assert names == ["hour_of_day", "weekday", *AVAZU_CATEGORICAL]
    parts = [name for name in dataset.splits if name.startswith("day=")]
    assert parts == ["day=141021", "day=141022", "day=141023", "day=141024"]
    assert len(dataset.splits["day=141024"]) == len(dataset.test) == int((days == 24).sum())
    # By the raw column: the same days.
    raw = prepare(path, tmp_path / "raw", split=TimeSplit("hour", prefix=6))
    np.testing.assert_array_equal(raw.train.sparse, dataset.train.sparse)


def test_kdd2012_joins_its_users(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = {name: rng.integers(0, 20, 400) for name in KDD2012_COLUMNS}
    data["click"] = rng.poisson(0.4, 400)
    frame = pl.DataFrame(data)
    path, users = tmp_path / "training.txt", tmp_path / "userid_profile.txt"
    frame.write_csv(path, separator="\t", include_header=False)
    pl.DataFrame({"u": range(1, 20), "g": [1, 2] * 9 + [1], "a": [3] * 19}).write_csv(
        users, separator="\t", include_header=False
    )
    alone = prepare(path, tmp_path / "a", format="kdd2012")
    joined = prepare(path, tmp_path / "b", format="kdd2012", users=users)
    assert len(alone.fields) == 8
    assert [field.name for field in joined.fields[-2:]] == ["gender", "age"]
    assert joined.fields[-2].cardinality == 4
    clicks = int(sum(split.label.sum() for split in joined.splits.values()))
    assert clicks == int((frame["click"] > 0).sum())
    encoded = encode_file(joined, path, users=users)
    # The user 0 has no profile: gender and age are missing.
    np.testing.assert_array_equal(encoded.sparse[:, -2] == 0, (frame["user_id"] == 0).to_numpy())
    with pytest.raises(DatasetError, match="there is no column 'gender'"):
        encode_file(joined, path)
    with pytest.raises(DatasetError, match="belongs to the format 'kdd2012'"):
        prepare(path, tmp_path / "c", format="criteo", users=users)


def test_movielens_from_plain_ratings(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {name: rng.integers(1, 6, 200) for name in ("user_id", "item_id", "rating", "timestamp")}
    )
    plain, headed = tmp_path / "u.data", tmp_path / "ratings.csv"
    frame.write_csv(plain, separator="\t", include_header=False)
    frame.rename({"user_id": "userId", "item_id": "movieId"}).write_csv(headed)
    first = prepare(plain, tmp_path / "a", format="movielens")
    second = prepare(headed, tmp_path / "b", format="movielens")
    np.testing.assert_array_equal(first.train.sparse, second.train.sparse)
    assert first.metadata["click_rate"]["train"] == pytest.approx(
        (frame["rating"] >= 4).mean(), abs=0.01
    )


def test_movielens_without_items_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("user_id,itm_id,rating\n1,2,3\n")
    with pytest.raises(DatasetError, match="a column 'item_id' or 'movie_id'"):
        prepare(path, tmp_path / "out", format="movielens")


def test_real_movielens_has_genres(real_data: Path, tmp_path: Path) -> None:
    dataset = prepare(real_data / "ml100k.parquet", tmp_path / "out", format="movielens")
    genres = dataset.fields[-1]
    assert genres.multivalued
    assert genres.cardinality == 19 + 2
    assert dataset.train.sparse[:, genres.columns].shape == (80_000, 6)


def test_real_frappe_has_the_published_number_of_ids(real_data: Path, tmp_path: Path) -> None:
    dataset = prepare(
        real_data / "frappe_x1_train.parquet",
        tmp_path / "out",
        valid=real_data / "frappe_x1_valid.parquet",
        test=real_data / "frappe_x1_test.parquet",
        drop=["redrawn_negative"],
    )
    # BARS: 5,379 values of the training rows, and two more ids per field.
    assert sum(field.cardinality for field in dataset.fields) == 5399
    assert dataset.dense_features == ()
    assert dataset.train.dense.shape == (202_027, 0)
    assert [len(dataset.valid), len(dataset.test)] == [57_722, 28_860]


@pytest.mark.parametrize(
    ("name", "dense", "fields"),
    [("criteo_small", 13, 26), ("avazu_small", 0, 23), ("adult", 2, 12)],
)
def test_other_real_logs(
    real_data: Path, tmp_path: Path, name: str, dense: int, fields: int
) -> None:
    dataset = prepare(real_data / f"{name}.parquet", tmp_path / "out")
    assert (len(dataset.dense_features), len(dataset.fields)) == (dense, fields)
    if name == "adult":
        assert len(dataset.test) == 16_281
