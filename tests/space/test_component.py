import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.space import ArchitectureError, Categorical, ComponentKind, Flag, Number, Vocabulary


@given(st.integers(-(2**24), 2**24))
def test_integers_survive_the_way_through_float32(value: int) -> None:
    number = Number("n")
    found = number.decode(float(np.float32(number.encode(value))))
    assert found == value
    assert isinstance(found, int)


@given(st.integers(-999_999, 999_999), st.integers(1, 6))
def test_decimals_survive_the_way_through_float32(digits: int, places: int) -> None:
    value = float(f"{digits}e-{places}")
    number = Number("n")
    assert number.decode(float(np.float32(number.encode(value)))) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, "3", True])
def test_a_number_is_a_finite_number(value: float | str | bool) -> None:
    with pytest.raises(ArchitectureError, match=r"'n' is .*; expected a number"):
        Number("n").encode(value)


def test_a_log_scale_starts_above_zero() -> None:
    assert Number("n").encode(0) == 0.0
    with pytest.raises(ArchitectureError, match="log scale expects a number above 0"):
        Number("n", "log").encode(0)


def test_choices_round_trip_and_are_checked() -> None:
    operator = Categorical("op", ("fc", "gating"))
    assert [operator.decode(operator.encode(name)) for name in ("fc", "gating")] == ["fc", "gating"]
    with pytest.raises(ArchitectureError, match="no choice 'gatng'; did you mean 'gating'"):
        operator.encode("gatng")


def test_flags_round_trip() -> None:
    flag = Flag("on")
    assert [flag.decode(flag.encode(value)) for value in (True, False)] == [True, False]


def test_a_vocabulary_orders_kinds_and_ports() -> None:
    one = ComponentKind("one", (Number("n"),), ("left", "right"))
    two = ComponentKind("two", (), ("right", "up"))
    vocabulary = Vocabulary((one, two))
    assert vocabulary.ports == ("left", "right", "up")
    assert vocabulary.port_bit == {"left": 1, "right": 2, "up": 4}
    assert dict(vocabulary) == {"one": one, "two": two}
    assert vocabulary == Vocabulary((one, two)) != Vocabulary((two, one))
    assert hash(vocabulary) == hash(Vocabulary((one, two)))


def test_a_vocabulary_refuses_twice_the_same_name_and_too_many_ports() -> None:
    with pytest.raises(ArchitectureError, match="same name"):
        Vocabulary((ComponentKind("a"), ComponentKind("a")))
    ports = tuple(f"port{i}" for i in range(17))
    with pytest.raises(ArchitectureError, match="at most 16"):
        Vocabulary((ComponentKind("a", (), ports),))


@pytest.mark.parametrize("attributes", [("name",), ("kind",), ("n", "n")])
def test_attribute_names_are_unique_and_not_reserved(attributes: tuple[str, ...]) -> None:
    with pytest.raises(ArchitectureError, match=f"cannot have the attribute '{attributes[-1]}'"):
        ComponentKind("a", tuple(Flag(name) for name in attributes))


def test_an_unknown_kind_is_named_with_the_nearest() -> None:
    vocabulary = Vocabulary((ComponentKind("dense_op"), ComponentKind("head")))
    with pytest.raises(ArchitectureError, match="'dense_po'; did you mean 'dense_op'"):
        vocabulary["dense_po"]
