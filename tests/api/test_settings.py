import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.data import FORMATS as DATA_FORMATS
from dagsmith.errors import RunError
from dagsmith.search import SAMPLERS as SEARCH_SAMPLERS
from dagsmith.settings import FORMATS, NORMS, RECIPES, SAMPLERS, SearchSettings
from dagsmith.space.ctr import NORMS as SPACE_NORMS
from dagsmith.supernet.recipes import RECIPES as TRAINING_RECIPES
from dagsmith.training import recipe_for


def test_the_names_offered_are_those_that_exist() -> None:
    assert set(NORMS) == set(SPACE_NORMS)
    assert set(SAMPLERS) == set(SEARCH_SAMPLERS)
    assert set(RECIPES) == set(TRAINING_RECIPES)
    assert set(FORMATS) == {"auto", *DATA_FORMATS}


@pytest.mark.parametrize(("given_", "used"), [(None, 6.0), (0.0, None), (3.0, 3.0)])
def test_a_width_factor_of_0_is_all_coordinates(given_: float | None, used: float | None) -> None:
    assert recipe_for(SearchSettings(width_factor=given_), 1000).width_factor == used


@given(
    st.builds(
        SearchSettings,
        data=st.just("a.csv"),
        drop=st.lists(st.text(min_size=1)).map(tuple),
        widths=st.lists(st.integers(1, 99)).map(tuple),
        trials=st.integers(1, 10**6),
        label=st.none() | st.text(),
        no_baselines=st.booleans(),
    )
)
def test_settings_survive_json(settings: SearchSettings) -> None:
    assert SearchSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"trails": 3}, "unknown setting 'trails'; did you mean 'trials'"),
        ({"trials": "3"}, "setting 'trials' is '3'; expected int"),
        ({"trials": True}, "setting 'trials' is True"),
        ({"trials": None}, "setting 'trials' is None"),
        ({"drop": [1]}, "setting 'drop' is .*; expected a list of str"),
        ({"sampler": "metropolis"}, "sampler is 'metropolis'"),
        ({"space": "nasrec-smal"}, "did you mean 'nasrec-small'"),
        ({"norm": "bacth"}, "did you mean 'batch'"),
        ({"evaluator": "supernett"}, "did you mean 'supernet'"),
        ({"short_rows": 0}, "short_rows is 0; expected at least 1"),
        ({"trials": 0}, "trials is 0; expected at least 1"),
        ({"seed": -1}, "seed is -1; expected at least 0"),
        ({"rows": 10}, "rows is 10; expected at least 1000"),
        ({"rows": 5000, "data": "x.csv"}, "rows is only for --data synthetic"),
        ({"dropout": 1.0}, "dropout is 1.0; expected 0 or more, below 1"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; expected above 0"),
        ({"embedding_l2": -0.1}, "embedding_l2 is -0.1; expected 0 or more"),
        ({"width_factor": float("inf")}, "width_factor is inf; expected 0 .all coordinates. or"),
        ({"test": "x.csv"}, "test: not for --data synthetic"),
        ({"label": "a", "min_count": 2}, "label, min_count: not for --data synthetic"),
        (
            {"data": "x.csv", "schema": "s.json", "encoder": "hashing", "numbers": "both"},
            "encoder, numbers: not for a schema",
        ),
        ({"recipe": "nasrec", "embedding_l2": 0.1}, "recipe 'nasrec' updates tables row by row"),
        (
            {"data": "x.csv", "time_column": "ts", "time_period": 0.0},
            "time_period is 0.0; expected above 0",
        ),
        ({"time_period": 86400.0}, "time_period is only with a time_column"),
        ({"sampler": "tpe", "transfer": ["x"]}, "sampler 'tpe' has no predictor; transfer is for"),
        ({"transfer": ["x"], "predictor_store": "s"}, "transfer and predictor_store: expected one"),
    ],
)
def test_a_bad_setting_is_named(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(RunError, match=message):
        SearchSettings.from_dict(given_)


def test_a_whole_number_may_stand_for_a_fraction() -> None:
    given_ = {"data": "x.csv", "time_column": "ts", "time_period": 86400}
    settings = SearchSettings.from_dict(given_)
    assert settings.time_period == 86400.0
    assert type(settings.time_period) is float


def test_every_setting_is_described() -> None:
    for field in dataclasses.fields(SearchSettings):
        assert field.metadata["help"], field.name


@pytest.mark.parametrize(
    ("text", "message"), [("{", "not JSON"), ("[]", "a JSON object, not list")]
)
def test_a_foreign_settings_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(text)
    with pytest.raises(RunError, match=message):
        SearchSettings.read(path)


def test_a_missing_settings_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"none\.json: no such settings file"):
        SearchSettings.read(tmp_path / "none.json")
