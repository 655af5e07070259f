import numpy as np
import polars as pl
import pytest

from dagsmith.data import DatasetError, Label, MultiValuedFeature
from dagsmith.data import rows as module

PAIRS = pl.Array(pl.String, 2)


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([0, 1, 1]),
        pl.Series([0.0, 1.0, 1.0]),
        pl.Series([False, True, True]),
        pl.Series(["0", "1", "1.0"]),
        pl.Series(["false", "True", " 1"]),
    ],
)
def test_labels_come_in_several_forms(column: pl.Series) -> None:
    values, problem = module.label_values(column, Label("y"))
    assert problem is None
    assert values.tolist() == [0, 1, 1]
    assert values.dtype == np.float32


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pl.Series([0, 2]), "label 'y' is 2, 0 or 1 is expected"),
        (pl.Series(["1", "yes"]), "label 'y' is 'yes', 0 or 1 is expected"),
        (pl.Series([1, None]), "label 'y' is missing, 0 or 1 is expected"),
        (pl.Series(["0", ""]), "label 'y' is missing, 0 or 1 is expected"),
    ],
)
def test_other_labels_are_problems(column: pl.Series, message: str) -> None:
    _, problem = module.label_values(column, Label("y"))
    assert problem is not None
    assert problem.bad.tolist() == [False, True]
    assert problem.message(1) == message


def test_a_threshold_makes_clicks() -> None:
    values, problem = module.label_values(pl.Series([3, 4, 5]), Label("rating", at_least=4))
    assert values.tolist() == [0, 1, 1]
    assert problem is None
    _, problem = module.label_values(pl.Series(["3", "x"]), Label("rating", at_least=4))
    assert problem is not None
    assert problem.message(1) == "label 'rating' is 'x', a number is expected"


def test_numbers_know_missing_and_infinite_ones() -> None:
    values, problem = module.numbers(pl.Series([1, None, 3]), ())
    assert problem is None
    assert values[[0, 2]].tolist() == [1, 3]
    assert np.isnan(values[1])
    values, problem = module.numbers(pl.Series(["1.25", None]).cast(pl.Decimal(9, 3)), ())
    assert problem is None
    assert values[0] == 1.25
    assert np.isnan(values[1])
    values, _ = module.numbers(pl.Series([1.0, float("inf"), float("nan")]), ())
    assert np.isnan(values[1:]).all()
    values, problem = module.numbers(pl.Series(["1e3", " 2 ", "", "NA"]), ("NA",))
    assert problem is None
    assert values[:2].tolist() == [1000, 2]
    assert np.isnan(values[2:]).all()


def test_a_text_among_numbers_is_a_problem() -> None:
    _, problem = module.numbers(pl.Series("price", ["1", "cheap"]), ())
    assert problem is not None
    assert problem.message(1).startswith("column 'price' is 'cheap', a number is expected")
    with pytest.raises(DatasetError, match="column 'when' is of type Date"):
        module.numbers(pl.Series("when", [None], dtype=pl.Date), ())


@pytest.mark.parametrize("column", [pl.Series("x", [1e39, 2.0]), pl.Series("x", ["1e39", "2"])])
def test_a_number_beyond_float32_is_a_problem(column: pl.Series) -> None:
    values, problem = module.numbers(column, ())
    assert problem is not None
    assert problem.bad.tolist() == [True, False]
    assert problem.message(0) == "column 'x' is 1e+39, a number within ±3.4e+38 is expected"
    assert np.isnan(values[0])
    assert values[1] == 2
    _, problem = module.numbers(pl.Series("x", ["cheap", "-1e300", "inf"]), ())
    assert problem is not None
    assert problem.bad.tolist() == [True, True, False]
    assert "'cheap', a number is expected" in problem.message(0)
    assert "is -1e+300, a number within" in problem.message(1)


def test_texts_are_the_same_for_every_type() -> None:
    assert module.texts(pl.Series([5, None]), ()).to_list() == ["5", None]
    assert module.texts(pl.Series(["5", "", "?"]), ("?",)).to_list() == ["5", None, None]
    assert module.texts(pl.Series([True]), ()).to_list() == ["true"]
    # As other libraries write what was whole, or true, before some values were missing.
    floats = pl.Series([5.0, None, float("nan"), -0.0, 0.5, float("inf"), 1e300])
    assert module.texts(floats, ()).to_list() == ["5", None, None, "0", "0.5", "inf", "1e+300"]
    decimals = pl.Series(["5.00", "0.25", None]).cast(pl.Decimal(10, 2))
    assert module.texts(decimals, ()).to_list() == ["5", "0.25", None]
    with pytest.raises(DatasetError, match="declare it multi-valued"):
        module.texts(pl.Series("tags", [["a"]]), ())


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("g", ["a|b", "", None, "c||d|e", "|"]),
        pl.Series("g", [["a", "b"], ["", None], None, ["c", "d"], ["", ""]], dtype=PAIRS),
        pl.Series("g", [["a", "b"], [], None, ["c", "", "d", "e"], [None]]),
    ],
)
def test_tokens_are_numbered_within_their_row(column: pl.Series) -> None:
    feature = MultiValuedFeature("g", max_length=2)
    found = module.tokens(column, feature, ())
    assert found.values.to_list() == ["a", "b", "c", "d"]
    assert found.rows.tolist() == [0, 0, 3, 3]
    assert found.places.tolist() == [0, 1, 0, 1]
    table = found.padded(np.array([5, 6, 7, 8], dtype=np.int32), len(column), 2)
    assert table.T.tolist() == [[5, 6], [0, 0], [0, 0], [7, 8], [0, 0]]


def test_tokens_of_nothing() -> None:
    feature = MultiValuedFeature("g")
    for column in (pl.Series("g", [None, None], dtype=pl.String), pl.Series("g", ["", "NA"])):
        assert not len(module.tokens(column, feature, ("NA",)).values)


def test_the_first_bad_row_is_named() -> None:
    late = module.Problem(np.array([False, False, True]), lambda row: "late")
    early = module.Problem(np.array([False, True, True]), lambda row: "early")
    with pytest.raises(DatasetError, match=r"^file, line 2: early$"):
        module.refuse([late, None, early], lambda row: f"file, line {row + 1}")
    kept = module.usable([late, None, early])
    assert kept is not None
    assert kept.tolist() == [True, False, False]
    assert module.usable([None]) is None
