import errno
import gzip
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagsmith.data import (
    CategoricalFeature,
    ColumnSplit,
    Dataset,
    DatasetError,
    DenseFeature,
    Encoders,
    Encoding,
    Label,
    MultiValuedFeature,
    RatioSplit,
    Schema,
    TimeSplit,
    encode_file,
    prepare,
    reading,
    spill,
    text,
)


def write(frame: pl.DataFrame, path: Path) -> Path:
    name = path.name
    if name.endswith(".parquet"):
        frame.write_parquet(path)
    elif name.endswith(".zst"):
        frame.write_csv(path, compression="zstd")
    else:
        content = frame.write_csv(separator="\t" if ".tsv" in name else ",").encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("split", [RatioSplit(seed=5), TimeSplit("day")])
def test_every_kind_of_file_gives_the_same_store(
    click_log: pl.DataFrame, tmp_path: Path, split: RatioSplit | TimeSplit
) -> None:
    encoding = Encoding(transform="log-standardise")
    expected = prepare(click_log, tmp_path / "frame", split=split, encoding=encoding)
    for name in ("a.csv", "a.tsv", "a.csv.gz", "a.tsv.gz", "a.csv.zst", "a.parquet"):
        path = write(click_log, tmp_path / name)
        dataset = prepare(path, tmp_path / f"out_{name}", split=split, encoding=encoding)
        assert dataset.schema == expected.schema, name
        assert dataset.fingerprint == expected.fingerprint, name


def test_chunks_and_files_do_not_matter(
    click_log: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoding = Encoding(transform="log-standardise")
    schema = prepare(click_log, tmp_path / "whole", encoding=encoding).schema
    whole = Dataset.open(tmp_path / "whole")
    parts = tmp_path / "parts"
    parts.mkdir()
    write(click_log.head(300), parts / "1.csv")
    write(click_log.slice(300, 1), parts / "2.parquet")
    write(click_log.slice(301), parts / "3.tsv")
    monkeypatch.setattr(text, "CHUNK_BYTES", 999)
    monkeypatch.setattr(reading, "CHUNK_ROWS", 13)
    assert prepare(parts, tmp_path / "out", schema=schema).fingerprint == whole.fingerprint
    assert prepare(click_log, tmp_path / "f", schema=schema).fingerprint == whole.fingerprint


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.booleans(),
            st.none() | st.floats(-5, 5, width=32),
            st.sampled_from(["a", "b", "c", "", None]),
            st.lists(st.sampled_from(["x", "y", "z"]), max_size=4),
            st.sampled_from(["train", "train", "valid", "test"]),
        ),
        min_size=4,
        max_size=40,
    )
)
def test_stored_rows_are_what_the_encoders_make_of_them(
    rows: list[tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    fixed = [
        (True, 1.0, "a", ["x"], "train"),
        (False, None, "b", [], "train"),
        (True, 2.0, "c", ["y"], "valid"),
        (False, 0.0, None, ["z"], "test"),
    ]
    frame = pl.DataFrame(
        fixed + rows,
        schema={
            "label": pl.Boolean,
            "d": pl.Float32,
            "c": pl.String,
            "m": pl.List(pl.String),
            "split": pl.String,
        },
        orient="row",
    )
    schema = Schema(
        Label("label"),
        (
            DenseFeature("d", "standardise"),
            CategoricalFeature("c"),
            MultiValuedFeature("m", max_length=3),
        ),
    )
    out = tmp_path_factory.mktemp("property") / "out"
    dataset = prepare(frame, out, schema=schema, split=ColumnSplit("split"))
    for name in ("train", "valid", "test"):
        part = frame.filter(pl.col("split") == name)
        encoded = dataset.encoders.encode(part)
        stored = dataset.splits[name]
        np.testing.assert_array_equal(stored.dense, encoded.dense)
        np.testing.assert_array_equal(stored.sparse, encoded.sparse)
        np.testing.assert_array_equal(stored.label, encoded.label)
    train = frame.filter(pl.col("split") == "train")
    assert (
        dataset.fields[0].cardinality == 2 + train["c"].replace({"": None}).drop_nulls().n_unique()
    )
    values = train["d"].drop_nulls().to_numpy().astype(np.float64)
    assert dataset.encoders.dense[0].mean == pytest.approx(values.mean(), abs=1e-5)


def test_splits_are_disjoint_and_complete(tmp_path: Path) -> None:
    frame = pl.DataFrame({"label": [0, 1] * 500, "row": range(1000)})
    schema = Schema(Label("label"), (DenseFeature("row", "none"),))
    dataset = prepare(frame, tmp_path / "out", schema=schema, split=RatioSplit(0.6, 0.3, 0.1))
    rows = [split.dense[:, 0] for split in dataset.splits.values()]
    assert [len(part) for part in rows] == [600, 300, 100]
    assert sorted(np.concatenate(rows).tolist()) == list(range(1000))
    assert all(split.label.mean() == 0.5 for split in dataset.splits.values())
    # Within a split, the order of the source is kept.
    assert all((np.diff(part) > 0).all() for part in rows)


def test_nothing_is_fitted_on_other_rows(tmp_path: Path) -> None:
    def dataset(name: str, value: str, number: float) -> Dataset:
        train = pl.DataFrame({"label": [0, 1] * 9, "c": ["a", "b"] * 9, "d": [1.0, 2.0] * 9})
        other = pl.DataFrame({"label": [0, 1], "c": ["a", value], "d": [1.0, number]})
        paths = [write(f, tmp_path / f"{name}{i}.csv") for i, f in enumerate((train, other, other))]
        encoding = Encoding(transform="standardise")
        return prepare(paths[0], tmp_path / name, valid=paths[1], test=paths[2], encoding=encoding)

    first, second = dataset("first", "b", 2), dataset("second", "zzz", 1e9)
    assert first.encoders.fingerprint == second.encoders.fingerprint
    assert second.valid.sparse[:, 0].tolist() == [2, 1]
    assert second.metadata["unknown_share"]["test"] == {"c": 0.5}
    assert second.metadata["unknown_share"]["train"] == {"c": 0.0}


@pytest.mark.parametrize("name", ["later.csv", "later.parquet"])
def test_a_category_is_the_same_in_another_type(tmp_path: Path, name: str) -> None:
    ids = [1, 2, 3] * 12
    frame = pl.DataFrame({"label": [0, 1] * 18, "user_id": ids, "flag": [True, False] * 18})
    floats = pl.Series([*ids[:-1], None], dtype=pl.Float64)
    flags = frame["flag"].cast(pl.String).str.to_titlecase()
    train = write(frame, tmp_path / "train.parquet")
    later = write(frame.with_columns(user_id=floats, flag=flags), tmp_path / name)
    dataset = prepare(train, tmp_path / "out", valid=later, test=later)
    assert dataset.metadata["unknown_share"]["test"] == {"user_id": 0.0, "flag": 0.0}
    assert [field.cardinality for field in dataset.fields] == [5, 4]
    same = dataset.train.sparse[:-1], dataset.test.sparse[:-1]
    np.testing.assert_array_equal(*same)
    assert dataset.test.sparse[-1].tolist()[0] == 0


def test_a_field_that_is_mostly_unknown_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame = pl.DataFrame({"label": [0, 1] * 10, "c": ["a", "b"] * 10, "d": ["x", "y"] * 10})
    train = write(frame, tmp_path / "train.csv")
    other = write(frame.with_columns(c=pl.lit("z")), tmp_path / "other.csv")
    dataset = prepare(train, tmp_path / "out", valid=train, test=other)
    told = "split 'test': 100% of the values of 'c' do not occur in the training rows"
    assert dataset.metadata["warnings"] == [told]
    assert told in caplog.text
    caplog.clear()
    encode_file(dataset, other)
    assert "the file: 100% of the values of 'c' do not occur" in caplog.text


def test_a_missing_validation_file_is_cut_from_the_training_rows(
    click_log: pl.DataFrame, tmp_path: Path
) -> None:
    train, test = write(click_log, tmp_path / "a.csv"), write(click_log, tmp_path / "b.csv")
    dataset = prepare(train, tmp_path / "out", test=test)
    assert [len(s) for s in dataset.splits.values()] == [900, 100, 1000]


@pytest.mark.parametrize("role", ["valid", "test"])
@pytest.mark.parametrize("rows", ["", "7,a\n8,b\n"], ids=["header only", "all left out"])
def test_training_rows_do_not_stand_in_for_a_given_file(
    tmp_path: Path, role: str, rows: str
) -> None:
    base, given = log_of(tmp_path, c=["a", "b"] * 300), tmp_path / "given.csv"
    given.write_text("label,c\n" + rows)
    with pytest.raises(DatasetError, match=rf"given.csv: the {role} file has no usable rows"):
        prepare(base, tmp_path / "out", on_error="skip", **{role: given})  # type: ignore[arg-type]


def test_times_make_days(tmp_path: Path) -> None:
    seconds = np.arange(0, 5 * 86_400, 3600)
    frame = pl.DataFrame(
        {
            "label": seconds // 3600 % 2,
            "time": seconds,
            "when": pl.Series(seconds * 1000).cast(pl.Datetime("ms")),
            "c": ["x"] * len(seconds),
        }
    )
    path = write(frame, tmp_path / "a.parquet")
    by_period = prepare(path, tmp_path / "a", split=TimeSplit("time", period=86_400))
    by_date = prepare(path, tmp_path / "b", split=TimeSplit("when"), drop=["time"])
    assert list(by_period.splits)[3:] == [f"time={day}" for day in range(5)]
    assert list(by_date.splits)[3:] == [f"when=1970-01-0{day}" for day in range(1, 6)]
    assert {len(split) for name, split in by_date.splits.items() if "=" in name} == {24}
    assert [len(by_date.splits[name]) for name in ("train", "valid", "test")] == [72, 24, 24]


def test_hours_in_a_text_file_make_days_as_in_a_frame(tmp_path: Path) -> None:
    hours = np.arange(0, 5 * 86_400, 3600)
    frame = pl.DataFrame(
        {"label": hours // 3600 % 2, "when": pl.Series(hours * 1000).cast(pl.Datetime("ms"))}
    ).with_columns(c=pl.lit("x"))
    path = write(frame, tmp_path / "a.csv")
    from_text = prepare(path, tmp_path / "a", split=TimeSplit("when"))
    from_frame = prepare(frame, tmp_path / "b", split=TimeSplit("when"))
    assert from_text.fingerprint == from_frame.fingerprint
    assert [len(from_text.splits[name]) for name in ("train", "valid", "test")] == [72, 24, 24]


@pytest.mark.parametrize("gap", [None, ""])
def test_a_row_without_a_split_is_named(tmp_path: Path, gap: str | None) -> None:
    split = ["train"] * 30 + [gap] + ["valid", "test"] * 10
    path = log_of(tmp_path, c=["a", "b", "c"] * 17, split=split)
    with pytest.raises(DatasetError, match=r"line 32: column 'split', .* is missing"):
        prepare(path, tmp_path / "out")
    dataset = prepare(path, tmp_path / "out", on_error="skip")
    assert [len(dataset.splits[name]) for name in ("train", "valid", "test")] == [30, 10, 10]
    assert [field.name for field in dataset.fields] == ["c"]


def test_days_that_are_no_iso_dates_are_refused(tmp_path: Path) -> None:
    days = [f"{day}/1/2024" for day in range(8, 14) for _ in range(10)]
    path = log_of(tmp_path, day=days, c=["a", "b"] * 30)
    with pytest.raises(DatasetError, match=r"log.csv, line 2: column 'day', .* is '8/1/2024'; exp"):
        prepare(path, tmp_path / "out", split=TimeSplit("day"))


def test_columns_without_values_are_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame = pl.DataFrame(
        {"label": [0, 1] * 20, "c": ["a", "b"] * 20, "d": [None] * 40, "e": [""] * 40}
    )
    dataset = prepare(write(frame, tmp_path / "a.csv"), tmp_path / "out")
    assert dataset.metadata["dropped"] == ["d", "e"]
    assert [field.name for field in dataset.fields] == ["c"]
    assert "column 'd' has no value in the training rows: dropped" in caplog.text
    with pytest.raises(DatasetError, match="every feature column is empty"):
        prepare(frame.select("label", "e"), tmp_path / "other")


BAD = "label,price,c\n0,1,a\n1,2,b\n{}\n0,3,a\n1,4,b\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("7,1,a", "line 4: label 'label' is '7', 0 or 1 is expected"),
        (",1,a", "line 4: label 'label' is missing"),
        ("1,dear,a", "line 4: column 'price' is 'dear', a number is expected"),
        ("1,1,a,9", "line 4: 4 columns where 3 are expected"),
        ("1,1", "line 4: 2 columns where 3 are expected"),
    ],
)
def test_bad_rows_are_named_or_counted(
    tmp_path: Path, line: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log.csv"
    path.write_text(BAD.format(line) + "1,1,a\n0,1,b\n" * 20)
    schema = {
        "label": "label",
        "features": [{"kind": "dense", "name": "price"}, {"kind": "categorical", "name": "c"}],
    }
    with pytest.raises(DatasetError) as caught:
        prepare(path, tmp_path / "out", schema=schema)
    assert message in str(caught.value)
    assert "log.csv" in str(caught.value)
    assert "\n" not in str(caught.value)
    dataset = prepare(path, tmp_path / "out", schema=schema, on_error="skip")
    assert dataset.metadata["rows"] == 44
    assert sum(dataset.metadata["skipped"].values()) == 1
    assert "left out" in caplog.text


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"x": pl.Series([0] * 40).cast(pl.Date), "c": ["a"] * 40},
            r"2.parquet, row 1: column 'x' is of type Date, numbers are expected",
        ),
        (
            {"x": [0.5] * 40, "c": [["a"]] * 40},
            r"2.parquet, row 1: column 'c' is of type List.*: declare it multi-valued",
        ),
    ],
)
def test_of_several_files_the_one_of_another_type_is_named(
    tmp_path: Path, columns: dict[str, Any], message: str
) -> None:
    log, label = tmp_path / "log", {"label": [0, 1] * 20}
    log.mkdir()
    write(pl.DataFrame({**label, "x": [0.5] * 40, "c": ["a"] * 40}), log / "1.parquet")
    dataset = prepare(log, tmp_path / "out")
    second = write(pl.DataFrame({**label, **columns}), log / "2.parquet")
    with pytest.raises(DatasetError, match=message):
        prepare(log, tmp_path / "new")
    for on_error in ("raise", "skip"):
        with pytest.raises(DatasetError, match=message) as caught:
            encode_file(dataset, second, on_error=on_error)
        assert str(caught.value).count("2.parquet") == 1


def log_of(tmp_path: Path, **columns: list[Any]) -> Path:
    count = max(len(values) for values in columns.values())
    frame = pl.DataFrame({"label": ([0, 1] * count)[:count], **columns})
    return write(frame, tmp_path / "log.csv")


def test_wrong_arguments_are_named(tmp_path: Path) -> None:
    path = log_of(tmp_path, c=["a", "b"] * 20)
    out = tmp_path / "out"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"label": "labl"}, "label: no column 'labl'; did you mean 'label'"),
        ({"drop": ["d"]}, "drop: no column 'd'"),
        ({"format": "csv"}, "unknown format 'csv'"),
        ({"on_error": "ignore"}, "on_error must be 'raise' or 'skip'"),
        ({"split": TimeSplit("dya")}, "there is no column 'dya'"),
        ({"split": RatioSplit(), "valid": path}, "not both"),
        ({"schema": {"label": "lable", "features": []}}, "the schema has no feature"),
        (
            {"schema": {"label": "lable", "features": [{"kind": "categorical", "name": "c"}]}},
            "log.csv: there is no column 'lable'; did you mean 'label'",
        ),
        ({"schema": Schema(Label("label"), ()), "label": "c"}, "leave out label and encoding"),
        ({"split": RatioSplit(0.999, 0.0005, 0.0005)}, "split 'valid' is empty: 40 rows"),
    ]
    for options, message in cases:
        with pytest.raises(DatasetError) as caught:
            prepare(path, out, **options)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["log.csv"]


def test_one_class_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train = write(pl.DataFrame({"label": [0, 1] * 9, "c": ["a"] * 18}), tmp_path / "train.csv")
    ones = write(pl.DataFrame({"label": [1] * 9, "c": ["a"] * 9}), tmp_path / "ones.csv")
    with pytest.raises(DatasetError, match="all 7 training rows have the label 1"):
        prepare(ones, tmp_path / "a")
    dataset = prepare(train, tmp_path / "b", valid=ones, test=train)
    assert dataset.metadata["warnings"] == ["split 'valid': all 9 rows have the label 1: no AUC"]
    assert "no AUC" in caplog.text


def test_a_split_may_be_left_out(tmp_path: Path) -> None:
    path = log_of(tmp_path, c=["a", "b"] * 20)
    dataset = prepare(path, tmp_path / "out", split=RatioSplit(0.9, 0.1, 0))
    assert list(dataset.splits) == ["train", "valid"]
    with pytest.raises(DatasetError, match="no split 'test'"):
        _ = dataset.test


def test_the_same_arguments_find_the_finished_store(
    click_log: pl.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, out = write(click_log, tmp_path / "log.csv"), tmp_path / "out"
    caplog.set_level(logging.INFO)
    first = prepare(path, out)
    made = (out / "dataset.json").stat().st_mtime_ns
    assert prepare(path, out).fingerprint == first.fingerprint
    os.utime(path)  # touched, but the same
    prepare(path, out)
    assert (out / "dataset.json").stat().st_mtime_ns == made
    assert "is already prepared" in caplog.text
    with pytest.raises(DatasetError, match=r"other arguments \(split.seed: 0 then, 3 now\)"):
        prepare(path, out, split=RatioSplit(seed=3))
    with pytest.raises(DatasetError, match=r"min_count: 1 then, 2 now"):
        prepare(path, out, encoding=Encoding(min_count=2))
    again = prepare(path, out, encoding=Encoding(min_count=2), overwrite=True)
    assert again.fingerprint != first.fingerprint
    write(click_log.reverse(), path)
    with pytest.raises(DatasetError, match="the content of the train source is another one"):
        prepare(path, out, encoding=Encoding(min_count=2))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["log.csv", "out"]


def test_other_things_are_not_overwritten(tmp_path: Path) -> None:
    path, out = log_of(tmp_path, c=["a", "b"] * 20), tmp_path / "out"
    out.mkdir()
    prepare(path, out)  # an empty folder may be used
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("x")
    with pytest.raises(DatasetError, match="not a prepared data set"):
        prepare(path, tmp_path / "home", overwrite=True)
    assert (tmp_path / "home" / "thesis.tex").exists()


def test_a_full_disk_is_one_clear_line(
    click_log: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spill.Spill, "write", full)
    with pytest.raises(DatasetError, match="no space left on the disk") as caught:
        prepare(click_log, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_while_arrays_are_written(
    click_log: pl.DataFrame, tmp_path: Path
) -> None:
    code = (
        "import resource, sys, signal, polars as pl\n"
        "from dagsmith.data import DatasetError, prepare\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try:\n"
        "    prepare(sys.argv[1], sys.argv[2])\n"
        "except DatasetError as error:\n"
        "    print(error)\n"
    )
    path = write(click_log, tmp_path / "log.parquet")
    arguments = [sys.executable, "-c", code, str(path), str(tmp_path / "out")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert "no space left on the disk" in done.stdout
    assert [entry.name for entry in tmp_path.iterdir()] == ["log.parquet"]


@pytest.mark.parametrize("stage", ["read", "fit", "write"])
def test_a_killed_preparation_leaves_nothing_that_opens(
    click_log: pl.DataFrame, tmp_path: Path, stage: str
) -> None:
    path, out = write(click_log, tmp_path / "log.parquet"), tmp_path / "out"
    code = (
        "import os, signal, sys\n"
        "from dagsmith.data import prepare\n"
        "def progress(stage, done, total):\n"
        "    if stage == sys.argv[3]:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "prepare(sys.argv[1], sys.argv[2], progress=progress)\n"
    )
    arguments = [sys.executable, "-c", code, str(path), str(out), stage]
    assert subprocess.run(arguments, check=False).returncode == -signal.SIGKILL
    assert list(tmp_path.glob(".out.partial-*"))
    with pytest.raises(DatasetError, match="no such data set"):
        Dataset.open(out)
    resumed = prepare(path, out)
    assert resumed.fingerprint == prepare(path, tmp_path / "other").fingerprint
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["log.parquet", "other", "out"]


def test_an_error_leaves_no_trace(click_log: pl.DataFrame, tmp_path: Path) -> None:
    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "write":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(click_log, tmp_path / "out", progress=progress)
    assert list(tmp_path.iterdir()) == []


def test_a_second_process_waits_and_finds_it_done(
    click_log: pl.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    begun, go_on = threading.Event(), threading.Event()

    def hold(stage: str, done: int, total: int | None) -> None:
        begun.set()
        assert go_on.wait(10)

    results: list[Dataset] = []

    def work(**options: Any) -> None:
        results.append(prepare(click_log, tmp_path / "out", **options))

    first = threading.Thread(target=work, kwargs={"progress": hold})
    first.start()
    assert begun.wait(10)
    second = threading.Thread(target=work)
    second.start()
    for _ in range(200):
        if "waiting for another process" in caplog.text:
            break
        time.sleep(0.02)
    go_on.set()
    first.join()
    second.join()
    assert "waiting for another process" in caplog.text
    assert "is already prepared" in caplog.text
    assert results[0].fingerprint == results[1].fingerprint


def test_progress_reaches_its_total(click_log: pl.DataFrame, tmp_path: Path) -> None:
    seen: dict[str, list[tuple[int, int | None]]] = {}

    def progress(stage: str, done: int, total: int | None) -> None:
        seen.setdefault(stage, []).append((done, total))

    path = write(click_log, tmp_path / "log.csv")
    prepare(path, tmp_path / "out", progress=progress)
    assert list(seen) == ["read", "fit", "write"]
    for steps in seen.values():
        assert steps[-1][0] == steps[-1][1]
        assert steps == sorted(steps)


def test_a_number_may_be_dense_and_in_buckets(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"click": rng.integers(0, 2, 400), "x": rng.normal(size=400), "y": [None, 0.5] * 200}
    )
    encoding = Encoding(numbers="both", bins=8)
    dataset = prepare(frame, tmp_path / "both", encoding=encoding)
    assert dataset.dense_features == ("x", "y")
    assert [field.name for field in dataset.fields] == ["x", "y"]
    apart = {
        numbers: prepare(frame, tmp_path / numbers, encoding=Encoding(numbers=numbers, bins=8))
        for numbers in ("dense", "buckets")
    }
    np.testing.assert_array_equal(dataset.train.dense, apart["dense"].train.dense)
    np.testing.assert_array_equal(dataset.train.sparse, apart["buckets"].train.sparse)
    served = Encoders.load(tmp_path / "both" / "encoders").encode(frame)
    assert served.dense.shape == (400, 2)
    assert np.ptp(served.sparse, axis=0).tolist() == [7, 1]
    with pytest.raises(DatasetError, match=r"column 'x' is 'much', a number is expected"):
        Encoders.load(tmp_path / "both" / "encoders").encode(pl.DataFrame({"x": "much", "y": 1}))


def test_a_column_without_a_number_is_dropped_both_ways(tmp_path: Path) -> None:
    frame = pl.DataFrame({"click": [0, 1] * 50, "x": np.linspace(0, 1, 100), "y": [np.nan] * 100})
    dataset = prepare(frame, tmp_path / "out", encoding=Encoding(numbers="both"))
    assert dataset.dense_features == ("x",)
    assert dataset.metadata["dropped"] == ["y"]
