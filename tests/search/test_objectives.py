import pytest

from dagsmith.search import Objective, SearchError, parse_objectives


def test_known_names_bring_their_direction() -> None:
    assert parse_objectives("logloss, flops,auc") == (
        Objective("logloss", "minimize"),
        Objective("flops", "minimize", cost=True),
        Objective("auc", "maximize"),
    )


def test_any_other_name_says_its_direction() -> None:
    (objective,) = parse_objectives("profit:maximize")
    assert objective == Objective("profit", "maximize")
    assert objective.sign == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loglos", "did you mean 'logloss'"),
        ("logloss,logloss", "'logloss' is given twice"),
        (" , ", "no objective"),
        ("logloss:up", "expected minimize or maximize"),
    ],
)
def test_bad_objectives_are_named(text: str, message: str) -> None:
    with pytest.raises(SearchError, match=message):
        parse_objectives(text)
