import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from dagsmith.data import Buckets, CategoricalFeature, DenseFeature, Vocabulary, fitting
from dagsmith.data.fitting import BucketFit, Codes, DenseFit, VocabularyFit

texts = st.lists(st.none() | st.sampled_from(["a", "b", "", "längeres Wort mit Leerzeichen"]))


@given(st.lists(texts, max_size=4))
def test_codes_are_given_in_the_order_of_first_sight(blocks: list[list[str | None]]) -> None:
    codes = Codes()
    found = [codes.of(pl.Series(block, dtype=pl.String)).tolist() for block in blocks]
    values = codes.values().to_list()
    assert values == list(dict.fromkeys(t for block in blocks for t in block if t))
    back = [[values[code - 1] if code else None for code in block] for block in found]
    assert back == [[text or None for text in block] for block in blocks]


@pytest.mark.parametrize("transform", ["standardise", "log-standardise"])
@given(
    values=arrays.arrays(np.float32, st.integers(1, 60), elements=st.floats(-9, 1e4, width=32)),
    cut=st.integers(0, 60),
)
def test_statistics_do_not_depend_on_the_blocks(
    transform: str, values: NDArray[np.float32], cut: int
) -> None:
    feature = DenseFeature("x", transform)  # type: ignore[arg-type]
    whole, parts = DenseFit(feature), DenseFit(feature)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "PORTION_ROWS", 7)
        whole.update(values)
        for part in (values[:cut], np.array([np.nan], dtype=np.float32), values[cut:]):
            parts.update(part)
        result = whole.fitted()
        assert parts.fitted() == result
    exact = values.astype(np.float64)
    if transform == "log-standardise":
        exact = np.log1p(np.maximum(exact, 0))
    assert result.mean == pytest.approx(exact.mean(), abs=1e-4, rel=1e-6)
    assert result.low == exact.min()
    assert result.high == exact.max()
    if exact.std() > 0.01:
        assert result.std == pytest.approx(exact.std(), rel=1e-3)


def test_a_constant_column_is_not_blown_up() -> None:
    fitted = DenseFit(DenseFeature("x", "standardise"))
    fitted.update(np.full(1000, 0.1, dtype=np.float32))
    assert np.abs(fitted.fitted().encode(np.full(3, 0.1, dtype=np.float32))).max() < 1e-6


def test_values_are_ordered_by_frequency_and_then_by_text() -> None:
    codes = Codes()
    blocks = [codes.of(pl.Series(block)) for block in (["d", "c", "b"], ["c", "b", None], ["a"])]
    fitted = VocabularyFit(CategoricalFeature("x"), Vocabulary(), codes)
    for block in blocks:
        fitted.update(block)
    vocabulary, table = fitted.fitted()
    assert vocabulary.values.to_list() == ["b", "c", "a", "d"]
    assert vocabulary.counts.to_list() == [2, 2, 1, 1]
    assert table.tolist() == [0, 5, 3, 2, 4]


@pytest.mark.parametrize(
    ("encoder", "kept"),
    [(Vocabulary(min_count=2), ["b", "c"]), (Vocabulary(max_size=1), ["b"])],
)
def test_rare_values_are_out_of_vocabulary(encoder: Vocabulary, kept: list[str]) -> None:
    codes = Codes()
    block = codes.of(pl.Series(["b", "b", "b", "c", "c", "a"]))
    fitted = VocabularyFit(CategoricalFeature("x", encoder), encoder, codes)
    fitted.update(block)
    vocabulary, table = fitted.fitted()
    assert vocabulary.values.to_list() == kept
    assert sorted(table.tolist()) == [0] + [1] * (3 - len(kept)) + list(range(2, 2 + len(kept)))


def test_buckets_hold_equal_shares_even_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "SAMPLE_ROWS", 2000)
    fitted = BucketFit(CategoricalFeature("x", Buckets(4)))
    rng = np.random.default_rng(0)
    values = rng.lognormal(size=20_000).astype(np.float32)
    for part in np.array_split(np.sort(values), 10):
        fitted.update(part)
    ids = fitted.fitted().ids(values)
    shares = np.bincount(ids, minlength=5) / len(values)
    assert shares[0] == 0
    assert np.abs(shares[1:] - 0.25).max() < 0.04


def test_a_value_that_fills_a_bucket_has_one_to_itself() -> None:
    fitted = BucketFit(CategoricalFeature("x", Buckets(20)))
    rng = np.random.default_rng(0)
    amounts = rng.uniform(1, 100, 3000)
    values = np.concatenate([np.zeros(6000), np.full(1000, 50.0), amounts]).astype(np.float32)
    fitted.update(rng.permutation(values))
    encoder = fitted.fitted()
    for alone in (0.0, 50.0):
        ids = encoder.ids(values)
        [own] = set(encoder.ids(np.array([alone], dtype=np.float32)).tolist())
        assert set(values[ids == own].tolist()) == {alone}
    # The others share what is left of the twenty equally.
    assert 16 <= encoder.cardinality - 1 <= 20
    counts = np.bincount(encoder.ids(amounts.astype(np.float32)))
    assert counts[counts > 0].max() < 2 * 3000 / 14


def test_buckets_of_few_values_are_merged() -> None:
    fitted = BucketFit(CategoricalFeature("x", Buckets(8)))
    fitted.update(np.array([0, 0, 0, 0, 1, 1, 2, 2, np.nan], dtype=np.float32))
    encoder = fitted.fitted()
    ids = encoder.ids(np.array([-5, 0, 1, 2, 9, np.nan], dtype=np.float32))
    assert ids.tolist() == [1, 1, 2, 3, 3, 0]
    assert encoder.cardinality == 4
