import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.data import (
    Buckets,
    CategoricalFeature,
    DatasetError,
    DenseFeature,
    Encoding,
    Hashing,
    Label,
    MultiValuedFeature,
    Schema,
    Vocabulary,
)
from dagsmith.data.schema import TRANSFORMS

names = st.text(min_size=1, max_size=8).filter(lambda name: name != "y")
tables = st.one_of(
    st.builds(Vocabulary, st.integers(1, 9), st.none() | st.integers(1, 99)),
    st.builds(Hashing, st.integers(1, 10**6), st.sampled_from(["text", "hex"])),
)
features = st.one_of(
    st.builds(DenseFeature, names, st.sampled_from(TRANSFORMS), st.floats(-1, 1)),
    st.builds(CategoricalFeature, names, tables | st.builds(Buckets, st.integers(2, 50))),
    st.builds(MultiValuedFeature, names, tables, st.sampled_from("|, "), st.integers(1, 20)),
)
schemas = st.builds(
    Schema,
    st.builds(Label, st.just("y"), st.none() | st.floats(0, 5)),
    st.lists(features, max_size=6, unique_by=lambda feature: feature.name).map(tuple),
    st.sampled_from(["table", "avazu"]),
    st.lists(st.text(max_size=3), max_size=2).map(tuple),
)


@given(schemas)
def test_a_schema_survives_json(schema: Schema) -> None:
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_short_forms_are_read(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    path.write_text(
        '{"label": "y", "features": [{"kind": "categorical", "name": "a", "encoder": "hashing"}]}'
    )
    assert Schema.load(path) == Schema(Label("y"), (CategoricalFeature("a", Hashing()),))
    Schema.load(path).save(path)
    assert Schema.load(path).features == (CategoricalFeature("a", Hashing()),)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lable": "y"}, "schema: unknown key 'lable'; did you mean 'label'?"),
        ({"label": 3}, "schema: 'label' and a list of 'features' are expected"),
        ({"label": {"colum": "y"}}, "unknown key 'colum'; did you mean 'column'?"),
        ({"features": [{"kind": "dence", "name": "a"}]}, "unknown kind 'dence'; did you mean 'den"),
        ({"features": [{"kind": "dense"}]}, "a feature needs a 'name'"),
        ({"features": [{"kind": "dense", "name": "a", "transform": "lg"}]}, "did you mean 'log'?"),
        ({"features": [{"kind": "dense", "name": "y"}]}, "'y' is both the label and a feature"),
        ({"features": [{"kind": "dense", "name": "a"}] * 2}, "feature 'a' is given twice"),
        (
            {"features": [{"kind": kind, "name": "a"} for kind in ("dense", "categorical")]},
            "'a' is given twice, which only a number may be: dense and in buckets",
        ),
        (
            {"features": [{"kind": "categorical", "name": "a", "encoder": "hashin"}]},
            "feature 'a': unknown encoder 'hashin'; did you mean 'hashing'?",
        ),
        (
            {"features": [{"kind": "multi-valued", "name": "a", "encoder": "buckets"}]},
            "buckets are for numbers",
        ),
        ({"features": [{"kind": "categorical", "name": "a", "encoder": 3}]}, "an encoder is"),
        (
            {
                "features": [
                    {
                        "kind": "categorical",
                        "name": "a",
                        "encoder": {"type": "hashing", "buckets": "9"},
                    }
                ]
            },
            "key 'buckets': expected int, not '9'",
        ),
    ],
)
def test_mistakes_are_named(change: dict[str, Any], message: str) -> None:
    data = {"label": "y", "features": [], **change}
    with pytest.raises(DatasetError) as caught:
        Schema.from_json(data)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not a JSON schema"), ("[]", "a schema is a JSON object, not list")],
)
def test_a_file_that_is_no_schema(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "schema.json"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        Schema.load(path)
    with pytest.raises(DatasetError, match="no such schema file"):
        Schema.load(tmp_path / "other.json")


def test_values_out_of_range_are_refused() -> None:
    for wrong in (
        lambda: Vocabulary(0),
        lambda: Vocabulary(1, 0),
        lambda: Hashing(0),
        lambda: Hashing(5, "md5"),  # type: ignore[arg-type]
        lambda: Buckets(1),
        lambda: MultiValuedFeature("a", max_length=0),
        lambda: MultiValuedFeature("a", separator=""),
        lambda: Encoding(categorical="vocabulry"),  # type: ignore[arg-type]
        lambda: Encoding(min_count=0),
        lambda: Encoding(transform="sqrt"),  # type: ignore[arg-type]
    ):
        with pytest.raises(DatasetError):
            wrong()
