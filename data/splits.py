"""Which rows train, which validate, which test."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dagsmith.data.errors import DatasetError
from dagsmith.space.errors import nearest

SplitName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "valid", "test")
MOST_DAYS = 10_000
"""Partitions that a time split may have: the hours of a year, and more."""
_DEAL_ROWS = 4096
_LARGE_LOG = 100
"""Rows from which one row is no split."""


@dataclass(frozen=True)
class RatioSplit:
    """A random split with the same share of clicks in each part.

    Attributes:
        train: Share of the rows; the three sum to 1.
        valid: Likewise.
        test: Likewise.
        seed: Of the random choice.
    """

    train: float = 0.8
    valid: float = 0.1
    test: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        shares = (self.train, self.valid, self.test)
        if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6 or self.train == 0:
            raise DatasetError(f"split: shares {shares} must be positive and sum to 1")


@dataclass(frozen=True)
class TimeSplit:
    """The last days test, those before validate, the earlier ones train.

    Every value of the column (a day, an hour, a week) becomes a partition of its own, named
    ``column=value``, in ascending order inside its split. Dates and times, and texts that begin
    with an ISO date, are taken by the date, numbers as they are; other texts are refused, because
    their alphabetical order need not be that of time.

    Attributes:
        column: Of the days, or of a time.
        valid: How many days validate.
        test: How many days test.
        period: With a number column: the day is ``floor(value / period)``, such as 86400.
        prefix: With a text column: the day is the first so many characters, and texts of every
            kind come in their order.
    """

    column: str
    valid: int = 1
    test: int = 1
    period: float | None = None
    prefix: int | None = None

    def __post_init__(self) -> None:
        if self.valid < 0 or self.test < 0:
            raise DatasetError("split: numbers of days must not be negative")
        if self.period is not None and (self.period <= 0 or self.prefix is not None):
            raise DatasetError("split: give a positive period, or a prefix, not both")


@dataclass(frozen=True)
class ColumnSplit:
    """A column says to which split a row belongs.

    Attributes:
        column: Its name.
        train: Its values for training rows; likewise the others.
        valid: Where no row has one of these, a share of the training rows validates.
        test: Likewise.
        share: That share.
        seed: Of its random choice.
    """

    column: str
    train: tuple[str, ...] = ("train", "training")
    valid: tuple[str, ...] = ("valid", "val", "validation", "dev")
    test: tuple[str, ...] = ("test", "testing")
    share: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class FileSplit:
    """The source trains; ``valid`` and ``test`` files do the rest.

    Attributes:
        share: If one of the two is not given, this share of the training rows stands in. A file
            that is given has rows: ``read_rows`` refuses one without.
        seed: Of its random choice.
    """

    share: float = 0.1
    seed: int = 0


SplitRule = RatioSplit | TimeSplit | ColumnSplit | FileSplit


@dataclass(frozen=True)
class Partition:
    """Rows stored together.

    Attributes:
        name: ``train``, or ``day=3``.
        split: The split that it is a part of.
    """

    name: str
    split: SplitName


@dataclass(frozen=True)
class Plan:
    """How every row finds its partition.

    Attributes:
        partitions: In the order in which they are stored.
        of_key: Key of a row (a file, a day, ...) -> partition, -1 for a key without rows.
        quotas: Rows without and with a click, ``[2, partitions]``, that the rows of partition
            0 are dealt to, exactly; None leaves them there.
        seed: Of the dealing.
    """

    partitions: tuple[Partition, ...]
    of_key: NDArray[np.int32]
    quotas: NDArray[np.int64] | None = None
    seed: int = 0


def plan_split(rule: SplitRule, keys: Sequence[str], counts: NDArray[np.int64]) -> Plan:
    """Decide on the partitions once the rows are counted.

    Args:
        rule: What was asked for.
        keys: For files, ``train``, ``valid``, ``test``; for a column, its values; for a
            ratio, anything.
        counts: Rows without and with a click of each key, ``[keys, 2]``.

    Raises:
        DatasetError: If a value of the column means no split, or there are too few days.
    """
    if isinstance(rule, TimeSplit):
        return _by_time(rule, keys, counts)
    plain = tuple(Partition(name, name) for name in SPLITS)
    if isinstance(rule, RatioSplit):
        of_key = np.zeros(len(keys), dtype=np.int32)
        quotas = _quotas(counts.sum(axis=0), (rule.train, rule.valid, rule.test))
        return Plan(plain, of_key, quotas, rule.seed)
    if isinstance(rule, ColumnSplit):
        names = {value: place for place, name in enumerate(SPLITS) for value in getattr(rule, name)}
        for key, rows in zip(keys, counts.sum(axis=1), strict=True):
            if rows and key.lower() not in names:
                raise DatasetError(
                    f"split column {rule.column!r} holds {key!r}; {nearest(key, names)}"
                )
        of_key = np.array([names.get(key.lower(), -1) for key in keys], dtype=np.int32)
    else:
        of_key = np.array([SPLITS.index(key) for key in keys if key in SPLITS], dtype=np.int32)
    totals = [int(counts[of_key == place].sum()) for place in range(len(SPLITS))]
    absent = [totals[place] == 0 for place in (1, 2)]
    shares = (1 - rule.share * sum(absent), rule.share * absent[0], rule.share * absent[1])
    if not any(absent):
        return Plan(plain, of_key)
    return Plan(plain, of_key, _quotas(counts[of_key == 0].sum(axis=0), shares), rule.seed)


class Dealer:
    """Assigns rows to partitions, block after block of the source's order.

    Rows of partition 0 are dealt at random so that every partition gets exactly its quota of
    each label; the state is a few numbers, however many rows there are, and the outcome does
    not depend on how the rows come in blocks.

    Args:
        plan: What to follow.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._left = None if plan.quotas is None else plan.quotas.copy()
        self._dealt = [0, 0]
        self._hands = [np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32)]

    def deal(self, keys: NDArray[np.int32], label: NDArray[np.float32]) -> NDArray[np.int32]:
        """Partition of each row, ``[rows]``."""
        result = self._plan.of_key[keys]
        if self._left is not None:
            for click in (0, 1):
                rows = np.flatnonzero((result == 0) & (label == click))
                result[rows] = self._draw(click, len(rows))
        return result

    def _draw(self, click: int, count: int) -> NDArray[np.int32]:
        assert self._left is not None
        hand = [self._hands[click]]
        held = len(hand[0])
        while held < count:
            left = self._left[click]
            block = min(_DEAL_ROWS, int(left.sum()))
            rng = np.random.default_rng([self._plan.seed, click, self._dealt[click]])
            drawn = rng.multivariate_hypergeometric(left, block)
            cards = np.repeat(np.arange(len(left), dtype=np.int32), drawn)
            rng.shuffle(cards)
            left -= drawn
            self._dealt[click] += 1
            hand.append(cards)
            held += block
        cards = np.concatenate(hand)
        self._hands[click] = cards[count:]
        return cards[:count]


def _by_time(rule: TimeSplit, keys: Sequence[str], counts: NDArray[np.int64]) -> Plan:
    rows = counts.sum(axis=1)
    present = [place for place in range(len(keys)) if rows[place]]
    ordered = sorted(present, key=lambda place: _time_order(keys[place]))
    if len(ordered) <= rule.valid + rule.test:
        raise DatasetError(
            f"split: column {rule.column!r} has {len(ordered)} different values, more than"
            f" {rule.valid + rule.test} are needed to validate and test on the last ones"
        )
    days = len(ordered)
    _refuse_mixed(rule, [keys[place] for place in ordered])
    tests, validates = ordered[days - rule.test :], ordered[: days - rule.test][-rule.valid :]
    for role, places in (("test", tests), ("validate", validates if rule.valid else [])):
        if rows[places].sum() == 1 and rows.sum() >= _LARGE_LOG:
            raise DatasetError(
                f"split: column {rule.column!r} has {days} different values in {rows.sum()} rows,"
                f" so that a single row would be left to {role}; give a period that makes days"
                " of them, such as 86400 for seconds"
            )
    of_key = np.full(len(keys), -1, dtype=np.int32)
    partitions = []
    for place, key in enumerate(ordered):
        split: SplitName = "train"
        if place >= days - rule.test:
            split = "test"
        elif place >= days - rule.test - rule.valid:
            split = "valid"
        partitions.append(Partition(f"{rule.column}={keys[key]}", split))
        of_key[key] = place
    return Plan(tuple(partitions), of_key)


def _refuse_mixed(rule: TimeSplit, ordered: Sequence[str]) -> None:
    """Numbers and dates have no common order; numbers come first."""
    first, last = ordered[0], ordered[-1]
    if rule.prefix is None and _time_order(first)[0] != _time_order(last)[0]:
        raise DatasetError(
            f"split: column {rule.column!r} holds numbers and dates, such as {first} and {last}"
        )


def _time_order(key: str) -> tuple[int, float, str]:
    try:
        return (0, float(key), key)
    except ValueError:
        return (1, 0.0, key)


def _quotas(totals: NDArray[np.int64], shares: Sequence[float]) -> NDArray[np.int64]:
    """Whole numbers of rows by largest remainder, for each label."""
    exact = totals[:, None] * np.asarray(shares, dtype=np.float64)
    quotas: NDArray[np.int64] = np.floor(exact + 1e-9).astype(np.int64)
    for label, total in enumerate(totals):
        order = np.argsort(-(exact[label] - quotas[label]), kind="stable")
        quotas[label, order[: int(total) - int(quotas[label].sum())]] += 1
    return quotas
