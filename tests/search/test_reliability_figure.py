import numpy as np
from scipy.stats import norm

from dagsmith.predictor import Prediction, reliability
from dagsmith.search.reliability_figure import figure_reliability


def test_a_line_for_each_name_beside_the_diagonal() -> None:
    truth = np.random.default_rng(0).normal(size=400)

    def prediction(width: float) -> Prediction:
        return Prediction.of(
            np.zeros((1, 400)), lambda level: np.full(400, width * norm.ppf(level))
        )

    found = {
        name: reliability(truth, prediction(w)) for name, w in (("as it is", 1), ("half", 0.5))
    }
    figure = figure_reliability(found)
    diagonal, *lines = figure.data
    assert list(diagonal.x) == list(diagonal.y) == [0, 1]
    assert [line.legendgroup for line in lines] == ["as it is", "as it is", "half", "half"]
    for line, values in zip(
        lines, [v for each in found.values() for v in (each.coverage, each.width)], strict=True
    ):
        np.testing.assert_array_equal(line.y, values)
    assert "calibration error 0.0" in lines[0].name
    # Too narrow: below the diagonal.
    assert (np.array(lines[2].y) < np.array(lines[2].x)).all()
