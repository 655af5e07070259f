import pickle

import numpy as np
import polars as pl
import pytest

from dagsmith.data import CategoricalFeature, DenseFeature, Hashing, fitted
from dagsmith.data.fitted import FittedDense, FittedHashing, FittedVocabulary


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ("none", [-2, 0, 8]),
        ("log", [0, 0, np.log(9)]),
        ("standardise", [-2, -1, 3]),
        ("log-standardise", [-1, -1, (np.log(9) - 2) / 2]),
        ("min-max", [0, 0, 1]),
    ],
)
def test_dense_transforms(transform: str, expected: list[float]) -> None:
    feature = DenseFeature("x", transform, missing=7)  # type: ignore[arg-type]
    fitted = FittedDense(feature, mean=2, std=2, low=0, high=4)
    values = fitted.encode(np.array([-2, 0, 8, np.nan], dtype=np.float32))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, [*expected, 7], rtol=1e-6)


def test_hexadecimal_hashing_is_the_remainder() -> None:
    fitted = FittedHashing(CategoricalFeature("x", Hashing(1000, "hex")))
    ids = fitted.ids(pl.Series(["68fd1e64", None, "ff", "not hex"]))
    assert ids[:3].tolist() == [0x68FD1E64 % 1000 + 1, 0, 256]
    assert 1 <= ids[3] <= 1000


@pytest.fixture
def vocabulary() -> FittedVocabulary:
    values = pl.Series(["b", "längeres Wort mit Leerzeichen", "a"])
    return FittedVocabulary(CategoricalFeature("x"), values, pl.Series([3, 2, 1]))


def test_ids_follow_the_order_of_the_vocabulary(vocabulary: FittedVocabulary) -> None:
    for _ in range(2):
        ids = vocabulary.ids(pl.Series(["zzz", "a", None, "b", vocabulary.values[1], "zzz"]))
        assert ids.tolist() == [1, 4, 0, 2, 3, 1]
        assert ids.dtype == np.int32
    assert vocabulary.ids(pl.Series([], dtype=pl.String)).tolist() == []
    assert vocabulary.ids(pl.Series([None], dtype=pl.String)).tolist() == [0]


def test_unknown_texts_do_not_pile_up(
    vocabulary: FittedVocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitted, "FORGOTTEN_TEXTS", 10)
    sizes = []
    for first in range(0, 60, 6):
        texts = [f"new {first + i}" for i in range(6)]
        assert vocabulary.ids(pl.Series([*texts, "a", None])).tolist() == [1] * 6 + [4, 0]
        kind = vocabulary._index._anchor.dtype
        assert isinstance(kind, pl.Categorical)
        sizes.append(len(kind.categories.to_series()))
    assert max(sizes) <= 3 + 10 + 6
    assert min(sizes) == 3


def test_a_vocabulary_moves_to_another_process(vocabulary: FittedVocabulary) -> None:
    vocabulary.ids(pl.Series(["a"]))
    again = pickle.loads(pickle.dumps(vocabulary))
    assert again.ids(pl.Series(["a", "c"])).tolist() == [4, 1]


def test_an_empty_vocabulary_knows_nothing() -> None:
    empty = pl.Series([], dtype=pl.String)
    fitted = FittedVocabulary(CategoricalFeature("x"), empty, pl.Series([], dtype=pl.Int64))
    assert fitted.ids(pl.Series(["a", None])).tolist() == [1, 0]
    assert fitted.cardinality == 2
