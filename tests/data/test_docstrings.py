import doctest
import importlib
import pkgutil

import pytest

import dagsmith.data

MODULES = [module.name for module in pkgutil.iter_modules(dagsmith.data.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_hold(name: str) -> None:
    module = importlib.import_module(f"dagsmith.data.{name}")
    assert doctest.testmod(module).failed == 0


def test_all_is_sorted_and_there() -> None:
    names = dagsmith.data.__all__
    assert all(hasattr(dagsmith.data, name) for name in names)
    assert len(set(names)) == len(names)
