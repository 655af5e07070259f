import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.data import CategoricalFeature, Hashing, Vocabulary
from dagsmith.data.fitted import FittedHashing, FittedVocabulary
from dagsmith.data.fitting import Codes, VocabularyFit
from dagsmith.data.spelling import float_texts, plain_texts

PAIRS = {"5.0": "5", "-3.0": "-3", "True": "true", "False": "false"}
OTHERS = ["5", "2.10.0", "0.50", ".0", "Trueness", "5.0 ", "", None]


@given(st.lists(st.sampled_from([*PAIRS, *OTHERS])))
def test_only_the_spelling_is_changed_whatever_stands_beside(values: list[str | None]) -> None:
    found = plain_texts(pl.Series(values, dtype=pl.String)).to_list()
    assert found == [PAIRS.get(value, value) if value else value for value in values]


@given(st.lists(st.none() | st.integers(-(10**15), 10**15)))
def test_whole_floats_have_the_texts_of_whole_numbers(values: list[int | None]) -> None:
    column = pl.Series(values, dtype=pl.Int64)
    assert float_texts(column.cast(pl.Float64)).to_list() == column.cast(pl.String).to_list()


def fitted(
    blocks: list[list[str | None]], min_count: int = 1
) -> tuple[FittedVocabulary, list[int]]:
    feature = CategoricalFeature("c", Vocabulary(min_count=min_count))
    codes = Codes()
    found = [codes.of(pl.Series(block, dtype=pl.String)) for block in blocks]
    fit = VocabularyFit(feature, Vocabulary(min_count=min_count), codes)
    for block in found:
        fit.update(block)
    vocabulary, table = fit.fitted()
    return vocabulary, table[np.concatenate(found)].tolist()


def test_a_vocabulary_counts_all_spellings_together() -> None:
    vocabulary, ids = fitted([["5.0", "7", None], ["5", "True", "5.0"], ["true"]], min_count=2)
    assert vocabulary.values.to_list() == ["5", "true"]
    assert vocabulary.counts.to_list() == [3, 2]
    assert ids == [2, 1, 0, 2, 3, 2, 3]


@pytest.mark.parametrize("encoder", ["vocabulary", "hashing"])
def test_every_spelling_has_the_same_id(encoder: str) -> None:
    vocabulary, _ = fitted([["5", "7", "true", "2.10.0"]])
    hashing = FittedHashing(CategoricalFeature("c", Hashing(1000)))
    ids = (vocabulary if encoder == "vocabulary" else hashing).ids
    one = ids(pl.Series(["5", "7", "true", "9", None, "2.10.0"]))
    other = ids(pl.Series(["5.0", "7", "True", "9.0", None, "2.10.0"]))
    assert one.tolist() == other.tolist()
    assert one[4] == 0
    if encoder == "vocabulary":
        assert one.tolist()[3] == 1
        assert sorted(one.tolist()) == [0, 1, 2, 3, 4, 5]
