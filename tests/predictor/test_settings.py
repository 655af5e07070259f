import pytest

from dagsmith.predictor import (
    BoostingSettings,
    ForestSettings,
    GCNSettings,
    GNNSettings,
    MLPSettings,
    PredictorError,
    TrainingSettings,
)

COUNTS = {
    GNNSettings: ("members", "dim", "rounds"),
    MLPSettings: ("members", "dim", "layers", "epochs", "batch"),
    GCNSettings: ("members", "dim", "layers", "epochs", "batch"),
    BoostingSettings: ("members", "trees", "depth"),
    ForestSettings: ("trees",),
}


@pytest.mark.parametrize(
    ("settings", "name"), [(each, name) for each, names in COUNTS.items() for name in names]
)
def test_counts_are_at_least_one(settings: type, name: str) -> None:
    with pytest.raises(PredictorError, match=f"{name} is 0; expected at least 1"):
        settings(**{name: 0})
    assert getattr(settings(**{name: 1}), name) == 1


@pytest.mark.parametrize("settings", [TrainingSettings, MLPSettings, GCNSettings])
@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_a_learning_rate_is_above_zero(settings: type, rate: float) -> None:
    with pytest.raises(PredictorError, match=f"learning_rate is {rate}; expected above 0"):
        settings(learning_rate=rate)


@pytest.mark.parametrize("settings", [TrainingSettings, MLPSettings])
def test_margins_and_penalties(settings: type) -> None:
    with pytest.raises(PredictorError, match=r"margin is -1\.0; expected above 0"):
        settings(margin=-1.0)
    with pytest.raises(PredictorError, match=r"weight_decay is -0\.1; expected at least 0"):
        settings(weight_decay=-0.1)
    assert settings(weight_decay=0.0).weight_decay == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch": 1}, "batch 1"),
        ({"ranking": -1.0}, "ranking -1.0"),
        ({"ranking": 0.0, "regression": 0.0}, "at least one above"),
    ],
)
def test_training_that_cannot_be(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(PredictorError, match=message):
        TrainingSettings(**wrong)  # type: ignore[arg-type]
