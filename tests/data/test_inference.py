from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from dagsmith.data import (
    Buckets,
    CategoricalFeature,
    DatasetError,
    DenseFeature,
    Encoding,
    Hashing,
    Label,
    MultiValuedFeature,
    infer_schema,
)

ROWS = 2000


@pytest.fixture
def table() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "click": rng.integers(0, 2, ROWS),
            "row": [f"r{i}" for i in range(ROWS)],
            "session_id": range(ROWS),
            "user_id": rng.integers(0, 1500, ROWS),
            "price": rng.random(ROWS),
            "age": rng.integers(18, 90, ROWS),
            "gain": rng.choice([0, 10, 99_999], ROWS),
            "weight": rng.integers(0, 10**6, ROWS),
            "device": rng.choice(["phone", "tablet"], ROWS),
            "member": rng.random(ROWS) < 0.5,
            "tags": rng.choice(["a|b|c", "a", "b"], ROWS),
            "history": [[1, 2, 3]] * ROWS,
            "place": pl.Series([[1, 2]] * ROWS, dtype=pl.Array(pl.Int64, 2)),
            "when": pl.Series([None] * ROWS, dtype=pl.Date),
            "nothing": pl.Series([None] * ROWS, dtype=pl.String),
        }
    )


def test_every_rule(table: pl.DataFrame, caplog: pytest.LogCaptureFixture) -> None:
    schema = infer_schema(table)
    assert schema.label == Label("click")
    assert schema.features == (
        CategoricalFeature("user_id"),
        DenseFeature("price", "standardise"),
        CategoricalFeature("age"),
        DenseFeature("gain", "log-standardise"),
        DenseFeature("weight", "standardise"),
        CategoricalFeature("device"),
        CategoricalFeature("member"),
        MultiValuedFeature("tags", max_length=3),
        MultiValuedFeature("history", max_length=3),
        MultiValuedFeature("place", max_length=2),
        CategoricalFeature("nothing"),
    )
    dropped = {record.args[0] for record in caplog.records if isinstance(record.args, tuple)}
    assert dropped == {"row", "session_id", "when"}


def test_numbers_are_features_of_the_kind_that_was_asked_for(table: pl.DataFrame) -> None:
    buckets = CategoricalFeature("price", Buckets(32))
    for numbers, expected in (
        ("dense", [DenseFeature("price", "standardise")]),
        ("buckets", [buckets]),
        ("both", [DenseFeature("price", "standardise"), buckets]),
    ):
        schema = infer_schema(table, encoding=Encoding(numbers=numbers, bins=32))  # type: ignore[arg-type]
        assert [f for f in schema.features if f.name == "price"] == expected
    with pytest.raises(DatasetError, match="numbers is 'bins'"):
        Encoding(numbers="bins")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "transform"),
    [
        (np.random.default_rng(0).normal(size=500), "standardise"),
        (np.random.default_rng(0).lognormal(3, 2, size=500), "log-standardise"),
        (np.random.default_rng(0).uniform(1.6e9, 1.7e9, size=500), "standardise"),
        (np.array([np.nan, np.inf, 0.5, 0.25] * 100), "standardise"),
        (np.full(300, np.nan), "standardise"),
    ],
    ids=["signed", "skewed", "times", "with gaps", "empty"],
)
def test_the_transform_makes_a_number_less_skewed(
    values: NDArray[np.float64], transform: str
) -> None:
    frame = pl.DataFrame({"click": [0, 1] * (len(values) // 2), "x": values})
    assert infer_schema(frame).features == (DenseFeature("x", transform),)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [pl.Decimal(12, 2), pl.Float64])
def test_decimals_are_numbers(kind: pl.DataType) -> None:
    price = pl.Series(np.random.default_rng(0).integers(1, 10**6, 200) / 100).cast(kind)
    frame = pl.DataFrame({"click": [0, 1] * 100, "price": price})
    assert infer_schema(frame).features == (DenseFeature("price", "standardise"),)


@pytest.mark.parametrize("kind", [pl.Int64, pl.Float64, pl.Decimal(12, 2)])
def test_floats_without_a_fraction_are_whole_numbers(kind: pl.DataType) -> None:
    rng = np.random.default_rng(0)
    numbers = {
        "user_id": rng.integers(0, 99, 500),
        "age": rng.integers(20, 30, 500),
        "amount": rng.integers(0, 10**6, 500),
    }
    frame = pl.DataFrame({"click": [0, 1] * 250, **numbers}).with_columns(
        pl.col("user_id", "age", "amount").cast(kind).replace(numbers["age"][0], None)
    )
    assert infer_schema(frame).features == (
        CategoricalFeature("user_id"),
        CategoricalFeature("age"),
        DenseFeature("amount", "standardise"),
    )


def test_floats_that_are_too_large_for_whole_numbers_stay_floats() -> None:
    frame = pl.DataFrame({"click": [0, 1], "x": [1e300, 1.0], "y": [float("inf"), 2.0]})
    kinds = [type(feature) for feature in infer_schema(frame).features]
    assert kinds == [DenseFeature, DenseFeature]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("", list(range(50))),
        ("Unnamed: 0", [3, 1, 2] * 10),
        ("Unnamed: 0.1", list(range(50))),
        ("index", list(range(7, 57))),
        ("__index_level_0__", list(range(50))),
        ("position", list(range(1000, 1100))),
        ("position", [float(row) for row in range(100)]),
    ],
)
def test_the_index_of_a_table_is_no_feature(
    name: str, values: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    frame = pl.DataFrame({name: values}).with_columns(
        click=pl.int_range(len(values)) % 2, c=pl.lit("a")
    )
    assert infer_schema(frame).features == (CategoricalFeature("c"),)
    assert f"column {name!r} numbers the rows: an index, not a feature" in caplog.text
    said = infer_schema(frame, dense=[name])
    assert said.features[0] == DenseFeature(name, "standardise")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("", ["a", "b"] * 50),
        ("index", [3, 1, 2] * 40),
        ("position", list(range(99))),
        ("position", [*range(99), 100]),
        ("position", list(range(0, 200, 2))),
    ],
)
def test_what_only_resembles_an_index_is_a_feature(name: str, values: list[object]) -> None:
    frame = pl.DataFrame({name: values}).with_columns(click=pl.int_range(len(values)) % 2)
    assert [feature.name for feature in infer_schema(frame).features] == [name]


def test_an_index_in_a_text_file_is_no_feature(tmp_path: Path) -> None:
    rows = [f"{row},{int(row > 60)},{'ab'[row % 2]}" for row in range(120)]
    (tmp_path / "log.csv").write_text("\n".join([",click,c", *rows]) + "\n")
    assert infer_schema(tmp_path / "log.csv").features == (CategoricalFeature("c"),)


def test_what_is_said_goes_before_what_is_guessed(table: pl.DataFrame) -> None:
    schema = infer_schema(
        table,
        label="member",
        dense=["age"],
        categorical=["weight", "row"],
        multivalued=["device"],
        drop=["price", "click"],
        encoding=Encoding(categorical="hashing", buckets=50, transform="min-max"),
    )
    features = {feature.name: feature for feature in schema.features}
    assert schema.label == Label("member")
    assert features["age"] == DenseFeature("age", "min-max")
    assert features["weight"] == CategoricalFeature("weight", Hashing(50))
    assert "row" in features
    assert isinstance(features["device"], MultiValuedFeature)
    assert not {"price", "click"} & set(features)


def test_a_table_is_guessed_alike_from_text_and_parquet(
    table: pl.DataFrame, tmp_path: Path
) -> None:
    flat = table.drop("history", "place", "when", "nothing", "member")
    flat.write_csv(tmp_path / "t.csv")
    flat.write_parquet(tmp_path / "t.parquet")
    assert infer_schema(tmp_path / "t.csv") == infer_schema(tmp_path / "t.parquet")


def test_names_that_are_not_there(table: pl.DataFrame) -> None:
    with pytest.raises(DatasetError, match="label: no column 'clik'; did you mean 'click'"):
        infer_schema(table, label="clik")
    with pytest.raises(DatasetError, match="drop: no column 'prise'; did you mean 'price'"):
        infer_schema(table, drop=["prise"])
    with pytest.raises(DatasetError, match=r"no label column: none of label, click, .* give label"):
        infer_schema(table.drop("click"))
    with pytest.raises(DatasetError, match="no feature column beside the label 'click'"):
        infer_schema(table.select("click"))


def test_a_named_format_has_its_own_schema(tmp_path: Path) -> None:
    path = tmp_path / "u.data"
    path.write_text("1\t2\t3\t4\n")
    assert infer_schema(path, format="movielens", drop=["item_id"]).label.at_least == 4
    assert infer_schema(path, format="movielens", label="rating").label.at_least == 4
    with pytest.raises(DatasetError, match="brings its own schema, whose label is 'rating'"):
        infer_schema(path, format="movielens", label="item_id")
    with pytest.raises(DatasetError, match="brings its own schema"):
        infer_schema(path, format="movielens", dense=["user_id"])
    with pytest.raises(DatasetError, match="drop: no column 'itm_id'"):
        infer_schema(path, format="movielens", drop=["itm_id"])
