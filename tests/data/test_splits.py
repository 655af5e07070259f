import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dagsmith.data import ColumnSplit, DatasetError, FileSplit, RatioSplit, TimeSplit
from dagsmith.data.splits import Dealer, plan_split


def deal(plan_rule: RatioSplit, label: NDArray[np.float32], block: int) -> NDArray[np.int32]:
    counts = np.bincount(label.astype(int), minlength=2)[None]
    dealer = Dealer(plan_split(plan_rule, ["train"], counts))
    keys = np.zeros(len(label), dtype=np.int32)
    starts = range(0, len(label), block)
    return np.concatenate([dealer.deal(keys[b : b + block], label[b : b + block]) for b in starts])


@given(st.integers(0, 99), st.integers(1, 400), st.integers(1, 77))
def test_a_ratio_split_is_stratified_exact_and_blind_to_blocks(
    seed: int, rows: int, block: int
) -> None:
    label = (np.random.default_rng(seed).random(rows) < 0.3).astype(np.float32)
    rule = RatioSplit(0.7, 0.2, 0.1, seed=seed)
    dealt = deal(rule, label, block)
    assert dealt.tolist() == deal(rule, label, rows).tolist()
    for click in (0, 1):
        mine = dealt[label == click]
        for place, share in enumerate((0.7, 0.2, 0.1)):
            assert abs((mine == place).sum() - share * len(mine)) < 1


def test_a_ratio_split_is_random_but_repeatable() -> None:
    label = np.zeros(20_000, dtype=np.float32)
    first, again, other = (deal(RatioSplit(seed=s), label, 999) for s in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert (first != other).mean() > 0.2
    # Every tenth of the rows gets its fair part of the test rows.
    tenths = (first == 2).reshape(10, -1).sum(axis=1)
    assert tenths.min() > 140
    assert tenths.max() < 260


def test_the_last_days_test_and_the_ones_before_validate() -> None:
    keys = ["10", "9", "2", "30"]
    counts = np.array([[1, 1], [2, 0], [5, 1], [0, 3]])
    plan = plan_split(TimeSplit("day"), keys, counts)
    assert [(p.name, p.split) for p in plan.partitions] == [
        ("day=2", "train"),
        ("day=9", "train"),
        ("day=10", "valid"),
        ("day=30", "test"),
    ]
    assert plan.of_key.tolist() == [2, 1, 0, 3]


def test_days_that_are_texts_come_in_their_order() -> None:
    keys = ["2014-10-03", "2014-09-30", "2014-10-01"]
    plan = plan_split(TimeSplit("day", valid=0), keys, np.ones((3, 2), dtype=np.int64))
    assert [p.name for p in plan.partitions] == [f"day={key}" for key in sorted(keys)]


def test_too_few_days_are_refused() -> None:
    with pytest.raises(DatasetError, match="'day' has 2 different values, more than 2"):
        plan_split(TimeSplit("day"), ["1", "2"], np.ones((2, 2), dtype=np.int64))


def test_numbers_and_dates_have_no_order() -> None:
    with pytest.raises(DatasetError, match="numbers and dates, such as 5 and 2024-01-31"):
        plan_split(TimeSplit("day"), ["2024-01-31", "5", "6"], np.ones((3, 2), dtype=np.int64))


@pytest.mark.parametrize(
    ("rule", "role"), [(TimeSplit("ts"), "test"), (TimeSplit("ts", test=2), "validate")]
)
def test_a_single_row_is_no_split_of_a_log(rule: TimeSplit, role: str) -> None:
    keys = [str(key) for key in range(150)]
    counts = np.tile([1, 0], (150, 1))
    with pytest.raises(
        DatasetError, match=f"'ts' has 150 .*a single row would be left to {role}; give a per"
    ):
        plan_split(rule, keys, counts)
    plan = plan_split(TimeSplit("ts", valid=20, test=20), keys, counts)
    assert [p.split for p in plan.partitions].count("test") == 20


def test_a_column_may_leave_out_validation() -> None:
    counts = np.array([[50, 50], [10, 10]])
    plan = plan_split(ColumnSplit("part"), ["Test", "training"], counts)
    assert plan.of_key.tolist() == [2, 0]
    assert plan.quotas is not None
    assert plan.quotas.tolist() == [[9, 1, 0], [9, 1, 0]]


def test_a_column_with_another_value_is_refused() -> None:
    with pytest.raises(DatasetError, match="'part' holds 'tst'; did you mean 'test'"):
        plan_split(ColumnSplit("part"), ["train", "tst"], np.ones((2, 2), dtype=np.int64))


def test_given_files_need_no_dealing() -> None:
    plan = plan_split(FileSplit(), ["train", "valid", "test"], np.ones((3, 2), dtype=np.int64))
    assert plan.quotas is None
    assert plan.of_key.tolist() == [0, 1, 2]


def test_impossible_rules_are_refused() -> None:
    for wrong in (
        lambda: RatioSplit(0.8, 0.3, 0.1),
        lambda: RatioSplit(1.2, -0.1, -0.1),
        lambda: RatioSplit(0, 0.5, 0.5),
        lambda: TimeSplit("day", valid=-1),
        lambda: TimeSplit("day", period=0),
        lambda: TimeSplit("day", period=1, prefix=2),
    ):
        with pytest.raises(DatasetError):
            wrong()
