"""``dagsmith data prepare``: a click log into a columnar store."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from dagsmith.arguments import Parser
from dagsmith.data import (
    Dataset,
    DatasetError,
    Encoding,
    RatioSplit,
    TimeSplit,
    prepare,
)
from dagsmith.data.encoding import NUMBERS, Numbers
from dagsmith.data.splits import SplitRule
from dagsmith.errors import RunError
from dagsmith.progress import Progress, reporter
from dagsmith.settings import ENCODERS, FORMATS, OF_ENCODING, ON_ERROR, SearchSettings

OF_TIME = ("time_period", "time_prefix", "valid_days", "test_days")


def prepare_command(words: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    parser = _parser()
    values = parser.parse(words)
    rule = _rule(parser, values)
    if values.schema:
        names = (*OF_ENCODING, "buckets", "transform")
        _refuse(parser, values, names, "a schema, which says how each column is encoded")
    shown = reporter()
    shown.begin("data")
    try:
        dataset = prepare(
            values.source,
            values.out,
            format=values.format,
            schema=values.schema,
            label=values.label,
            drop=_names(values.drop),
            valid=values.valid,
            test=values.test,
            users=values.users,
            split=rule,
            encoding=None if values.schema else _encoding(values),
            on_error=_on_error(values.on_error),
            overwrite=values.overwrite,
            progress=shown.told,
        )
    finally:
        shown.end()
    print(describe(dataset))
    return 0


def prepare_log(
    settings: SearchSettings, out: str | Path, progress: Progress, numbers: Numbers
) -> Dataset:
    """Prepare the click log that a search was given, with its numbers entering so."""
    encoding = Encoding(_encoder(settings.encoder), min_count=settings.min_count, numbers=numbers)
    return prepare(
        settings.data,
        out,
        format=settings.format,
        schema=settings.schema,
        label=settings.label,
        drop=settings.drop,
        valid=settings.valid,
        test=settings.test,
        split=_time_split(settings),
        encoding=None if settings.schema else encoding,
        on_error=_on_error(settings.on_error),
        # The folder is the search's own.
        overwrite=True,
        progress=progress,
    )


def check_categories(dataset: Dataset) -> None:
    """Refuse a data set that no model of a space takes.

    Raises:
        RunError: it has no categorical feature.
    """
    if not dataset.fields:
        raise RunError(
            f"{dataset.path}: no categorical feature, and models need one; prepare the log with "
            "--numbers buckets, or both"
        )


def describe(dataset: Dataset) -> str:
    """A few lines on a prepared data set: where, rows, columns, and what was left out."""
    rows = ", ".join(
        f"{len(dataset.splits[name]):,} {name}"
        for name in ("train", "valid", "test")
        if name in dataset.splits
    )
    lines = [
        f"{dataset.path}: {rows} rows; {len(dataset.dense_features)} dense and "
        f"{len(dataset.fields)} categorical features; fingerprint {dataset.fingerprint[:16]}"
    ]
    skipped = dataset.metadata.get("skipped", {})
    if any(skipped.values()):
        lines.append(
            f"left out: {skipped.get('columns', 0)} rows with another number of columns, "
            f"{skipped.get('values', 0)} with unreadable values"
        )
    if dataset.metadata.get("dropped"):
        lines.append(f"without a value, left out: {', '.join(dataset.metadata['dropped'])}")
    lines += [f"warning: {warning}" for warning in dataset.metadata.get("warnings", ())]
    return "\n".join(lines)


def _parser() -> Parser:
    parser = Parser("dagsmith data prepare", "Turn a click log into a columnar store.")
    add: Callable[..., Any] = parser.add_argument
    add("source", nargs="+", metavar="SOURCE", help="CSV, TSV or parquet, .gz and .zst too")
    add("--out", required=True, metavar="DIR", help="folder of the store")
    add("--format", choices=FORMATS, default="auto", help="what the columns are")
    add("--schema", metavar="FILE", help="JSON file that says what each column is")
    add("--label", metavar="NAME", help="name of the label column")
    add("--drop", nargs="+", default=[], metavar="COL", help="columns to leave out")
    add("--valid", nargs="+", metavar="PATH", help="validation files")
    add("--test", nargs="+", metavar="PATH", help="test files")
    add("--users", metavar="FILE", help="of kdd2012: gender and age of the users")
    add("--ratio", metavar="TRAIN,VALID,TEST", help="split at random, by these shares")
    add("--time-column", metavar="COL", help="split by its values, the last ones test")
    add("--time-period", type=float, metavar="N", help="of a number column: what makes a day")
    add("--time-prefix", type=int, metavar="N", help="of a text column: characters of a day")
    add("--valid-days", type=int, default=1, metavar="N", help="values that validate")
    add("--test-days", type=int, default=1, metavar="N", help="values that test")
    add("--seed", type=int, default=0, metavar="N", help="seed of a random split")
    add("--encoder", choices=ENCODERS, default="vocabulary", help="how categories become ids")
    add("--min-count", type=int, default=1, metavar="N", help="training rows that earn an id")
    add("--buckets", type=int, default=100_000, metavar="N", help="of hashing, per field")
    add("--transform", metavar="NAME", help="of dense features; else by format or values")
    add("--numbers", choices=NUMBERS, default="dense", help="what an inferred number becomes")
    add("--on-error", choices=ON_ERROR, default="raise", help="rows that cannot be read")
    add("--overwrite", action="store_true", help="replace a store of other arguments")
    return parser


def _refuse(parser: Parser, values: argparse.Namespace, names: Sequence[str], what: str) -> None:
    """Leave with an error where one of these options is given, which is `what` it is not for."""
    given = [name for name in names if getattr(values, name) != parser.get_default(name)]
    if given:
        options = ", ".join("--" + name.replace("_", "-") for name in given)
        parser.error(f"{options}: not for {what}")


def _rule(parser: Parser, values: argparse.Namespace) -> SplitRule | None:
    if values.time_column:
        if values.ratio:
            parser.error("give --ratio or --time-column, not both")
        return TimeSplit(
            values.time_column,
            values.valid_days,
            values.test_days,
            values.time_period,
            values.time_prefix,
        )
    _refuse(parser, values, OF_TIME, "a split without --time-column")
    if values.ratio:
        try:
            train, valid, test = (float(share) for share in values.ratio.split(","))
        except ValueError:
            parser.error(f"--ratio is {values.ratio!r}; expected three shares such as 0.8,0.1,0.1")
        return RatioSplit(train, valid, test, values.seed)
    if not (values.valid or values.test) and values.seed:
        return RatioSplit(seed=values.seed)
    return None


def _time_split(settings: SearchSettings) -> TimeSplit | None:
    if settings.time_column is None:
        return None
    return TimeSplit(settings.time_column, period=settings.time_period)


def _encoding(values: argparse.Namespace) -> Encoding:
    return Encoding(
        _encoder(values.encoder),
        min_count=values.min_count,
        buckets=values.buckets,
        transform=values.transform,
        numbers=values.numbers,
    )


def _encoder(name: str) -> Literal["vocabulary", "hashing"]:
    if name not in ENCODERS:
        raise DatasetError(f"encoder is {name!r}; expected one of {', '.join(ENCODERS)}")
    return "hashing" if name == "hashing" else "vocabulary"


def _on_error(name: str) -> Literal["raise", "skip"]:
    return "skip" if name == "skip" else "raise"


def _names(words: Sequence[str]) -> list[str]:
    return [name for word in words for name in word.split(",") if name]
