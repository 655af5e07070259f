import pytest

from dagsmith.data import DatasetError, TableMapping


def test_columns_are_named_by_themselves_or_by_the_caller() -> None:
    mapping = TableMapping(["a", "b"], {"cost": "c"})
    assert mapping.named("metrics") == {"a": "a", "b": "b"}
    assert mapping.named("costs") == {"cost": "c"}
    assert mapping.named("fidelities") == {}


def test_a_name_is_given_once() -> None:
    for costs in (["a"], {"a": "c"}):
        with pytest.raises(DatasetError, match="two columns have the name 'a'"):
            TableMapping(["a"], costs)
    with pytest.raises(DatasetError, match="'a'"):
        TableMapping(["a", "a"])


def test_one_column_is_a_list_of_one() -> None:
    with pytest.raises(DatasetError, match=r"metrics are 'accuracy'; expected a list"):
        TableMapping("accuracy")
