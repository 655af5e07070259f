import numpy as np

from dagsmith.predictor.alike import merge_alike
from dagsmith.space import Population


def test_isomorphic_architectures_become_one(population: Population) -> None:
    first = population[:5]
    rows = np.array([0, 1, 2, 1, 3, 4, 1])
    columns = np.column_stack([rows + np.array([0, 0, 0, 3, 0, 0, 6]), rows * 10.0])
    merged = merge_alike(first[rows], columns.astype(np.float64))
    assert merged.counts.tolist() == [1, 3, 1, 1, 1]
    assert merged.columns[:, 0].tolist() == [0, 4, 2, 3, 4]
    assert merged.columns[:, 1].tolist() == [0, 10, 20, 30, 40]
    np.testing.assert_array_equal(merged.population.fingerprint(), first.fingerprint())


def test_what_is_different_stays_as_it_is(population: Population) -> None:
    columns = np.arange(10.0)[:, None]
    merged = merge_alike(population[:10], columns)
    np.testing.assert_array_equal(merged.columns, columns)
    assert (merged.counts == 1).all()
