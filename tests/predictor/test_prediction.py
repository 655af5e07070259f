import numpy as np
import pytest

from dagsmith.predictor import PredictorError
from dagsmith.predictor.prediction import as_population, check_columns, check_targets
from dagsmith.space import NASRecSpace, Population


def test_what_is_no_architecture_is_named(space: NASRecSpace) -> None:
    genotypes = space.sample(3, np.random.default_rng(0))
    net = space.decode(genotypes[0])
    with pytest.raises(PredictorError, match=r"single architecture; .*\[architecture\]"):
        as_population(net, space.kinds)  # type: ignore[arg-type]
    with pytest.raises(PredictorError, match="row 1 of the architectures is of type int; expected"):
        as_population([net, 7], space.kinds)  # type: ignore[list-item]
    with pytest.raises(PredictorError, match=r"row 0 .* ndarray; .* space\.decode_many"):
        as_population(genotypes, space.kinds)  # type: ignore[arg-type]
    assert len(as_population([net, net], space.kinds)) == 2


def test_what_is_no_number_is_refused(population: Population) -> None:
    four = population[:4]
    with pytest.raises(PredictorError, match=r"targets are no real numbers: .*'high'"):
        check_targets(four, [0.5, 0.6, "high", 0.7])  # type: ignore[arg-type]
    with pytest.raises(PredictorError, match="targets are no real numbers: they are complex"):
        check_columns(four, np.arange(4) * 1j)
    with pytest.raises(PredictorError, match="targets are no real numbers"):
        check_columns(four, [[1.0], [2.0, 3.0], [4.0], [5.0]])
    with pytest.raises(PredictorError, match="targets are not finite in 1 rows: 2"):
        check_targets(four, [0.5, 0.6, None, 0.7])  # type: ignore[arg-type]


def test_targets_whose_squares_are_infinite(population: Population) -> None:
    with pytest.raises(PredictorError, match=r"-1e\+200 in row 3; expected below 1e100"):
        check_targets(population[:4], [1.0, 2.0, 3.0, -1e200])
