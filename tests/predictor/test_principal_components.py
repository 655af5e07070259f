import numpy as np
import pytest

from dagsmith.predictor import PredictorError
from dagsmith.predictor.principal_components import principal_components
from dagsmith.space import NASBench201Space, Population


def test_components_are_centred_orthogonal_and_ordered(population: Population) -> None:
    found = np.stack(list(principal_components(population, 5).values()))
    assert found.shape == (5, len(population))
    np.testing.assert_allclose(found.mean(axis=1), 0.0, atol=1e-9)
    sizes = found @ found.T
    np.testing.assert_allclose(sizes, np.diag(np.diag(sizes)), atol=1e-6 * sizes[0, 0])
    assert (np.diff(np.diag(sizes)) < 0).all()


def test_there_are_no_more_than_tell_something() -> None:
    space = NASBench201Space("whole")
    # Three different cells have two directions to differ in.
    cells = space.decode_many(np.array([[1] * 6, [2] * 6, [3] * 6] * 4, np.int16))
    assert len(principal_components(cells, 8)) == 2
    with pytest.raises(PredictorError, match="of all 4 architectures are the same"):
        principal_components(cells[::3], 8)
