from dataclasses import replace

import pytest

from dagsmith.supernet import RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_go_by_their_name(name: str) -> None:
    assert RECIPES[name].name == name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rowwise": True, "embedding_l2": 0.1}, "embedding_l2 needs dense embedding updates"),
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"lr": 0.0}, "lr above 0"),
        ({"width_factor": 0.0}, "None is all coordinates"),
        ({"width_factor": float("inf")}, "None is all coordinates"),
    ],
)
def test_what_cannot_be_trained_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(RECIPES["nasrec"], **change)  # type: ignore[arg-type]


def test_the_nasrec_protocol_is_one_epoch_without_regularisation() -> None:
    recipe = RECIPES["nasrec"]
    assert (recipe.epochs, recipe.optimizer, recipe.schedule) == (1, "adagrad", "cosine")
    assert (recipe.embedding_l2, recipe.dropout, recipe.clip) == (0.0, 0.0, None)


def test_the_bars_protocol_stops_early_on_auc() -> None:
    recipe = RECIPES["bars"]
    assert (recipe.optimizer, recipe.schedule, recipe.monitor) == ("adam", "plateau", "auc")
    assert recipe.embedding_l2 > 0
    assert not recipe.rowwise
