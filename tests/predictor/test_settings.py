import pytest

from dagsmith.predictor import GNNSettings, PredictorError, TrainingSettings


@pytest.mark.parametrize("name", ["members", "dim", "rounds"])
def test_sizes_are_at_least_one(name: str) -> None:
    with pytest.raises(PredictorError, match=f"{name} is 0"):
        GNNSettings(**{name: 0})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch": 1}, "batch 1"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"margin": -1.0}, "margin -1.0"),
        ({"ranking": -1.0}, "ranking -1.0"),
        ({"ranking": 0.0, "regression": 0.0}, "at least one above"),
    ],
)
def test_training_that_cannot_be(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(PredictorError, match=message):
        TrainingSettings(**wrong)  # type: ignore[arg-type]
