import subprocess
import sys

import pytest

import dagsmith


def test_every_name_of_the_contents_page_can_be_had() -> None:
    assert set(dagsmith.__all__) == set(dagsmith._PLACES)
    for name in dagsmith.__all__:
        assert getattr(dagsmith, name) is not None
        assert name in dir(dagsmith)


def test_an_unknown_name_points_to_the_nearest() -> None:
    with pytest.raises(AttributeError, match="did you mean 'load_model'"):
        dagsmith.loadmodel  # noqa: B018


def test_importing_the_package_imports_neither_torch_nor_plotly() -> None:
    code = "import dagsmith, sys; assert not {'torch', 'plotly', 'polars'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
