"""Rows per second, peak memory and batch times of preparing a Criteo-shaped click log.

A log with the statistics of ``criteo_small`` (13 numbers, 26 texts, the missing shares and the
frequencies of the real values, plus a tail of rare values that grows with the log) is written as
TSV and prepared in a process of its own. The peers in the same run: a plain Python loop over
``csv`` that does the same work (count, encode, write arrays), and polars holding all rows in
memory.

    python benchmarks/prepare_data.py --rows 100000 1000000
"""

import argparse
import csv
import json
import math
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from dagsmith.data import Dataset, Encoding, RatioSplit, prepare

DENSE = [f"I{i}" for i in range(1, 14)]
CATEGORICAL = [f"C{i}" for i in range(1, 27)]
MIB = 2**20
CHUNK_ROWS = 100_000


def write_log(path: Path, rows: int, sample: pl.DataFrame | None, fixed: bool) -> None:
    """Write a Criteo-shaped TSV.

    Args:
        path: Where.
        rows: How many.
        sample: Real rows to take numbers and frequent values from; None makes some up.
        fixed: Draw rare values from sets of fixed size, so that vocabularies stop growing.
    """
    rng = np.random.default_rng(0)
    sample = _made_up(rng) if sample is None else sample
    with path.open("wb") as stream:
        for first in range(0, rows, CHUNK_ROWS):
            count = min(CHUNK_ROWS, rows - first)
            columns: dict[str, Any] = {"label": (rng.random(count) < 0.2557).astype(np.int8)}
            for name in DENSE:
                columns[name] = sample[name].gather(rng.integers(0, len(sample), count))
            for place, name in enumerate(CATEGORICAL):
                column = sample[name].gather(rng.integers(0, len(sample), count))
                once = sample[name].n_unique() / len(sample)
                if once > 0.1:
                    # Half of the rows of a wide field hold a value of a Zipf-like tail.
                    draws = rng.pareto(0.7, count) * 1000
                    draws = np.minimum(draws, 20_000 if fixed else 4e9).astype(np.uint32)
                    ids = np.bitwise_xor(draws * np.uint32(2654435761), np.uint32(place * 97))
                    tail = pl.Series(ids).map_elements(lambda v: f"{v:08x}", return_dtype=pl.String)
                    rare = pl.Series(rng.random(count) < once)
                    column = pl.select(
                        pl.when(rare & column.is_not_null()).then(tail).otherwise(column)
                    ).to_series()
                columns[name] = column
            stream.write(
                pl.DataFrame(columns).write_csv(separator="\t", include_header=False).encode()
            )


def _made_up(rng: np.random.Generator) -> pl.DataFrame:
    rows = 8000
    columns: dict[str, Any] = {}
    for name in DENSE:
        columns[name] = pl.Series(rng.lognormal(2, 2, rows).astype(np.int64)).set(
            pl.Series(rng.random(rows) < 0.2), None
        )
    for place, name in enumerate(CATEGORICAL):
        ids = (rng.zipf(1.2, rows) % 10 ** (1 + place % 4)).tolist()
        columns[name] = pl.Series([f"{value * 2654435761 % 2**32:08x}" for value in ids])
    return pl.DataFrame(columns)


def measure(path: Path, out: Path, categorical: str) -> dict[str, float]:
    """Prepare a log in this process."""
    started = time.perf_counter()
    encoding = (
        Encoding(categorical="hashing", buckets=200_000)
        if categorical == "hashing"
        else Encoding(min_count=2)
    )
    dataset = prepare(path, out, format="criteo", encoding=encoding, split=RatioSplit())
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "rows": float(dataset.metadata["rows"]),
        "ids": float(sum(field.cardinality for field in dataset.fields)),
    }


def csv_loop(path: Path, out: Path) -> dict[str, float]:
    """The same work as a plain Python loop: count, encode by dictionary, write arrays."""
    started = time.perf_counter()
    counts: list[Counter[str]] = [Counter() for _ in CATEGORICAL]
    rows = 0
    with path.open(newline="") as stream:
        for record in csv.reader(stream, delimiter="\t"):
            rows += 1
            for counter, value in zip(counts, record[14:], strict=True):
                counter[value] += 1
    tables = [
        {
            value: place + 2
            for place, (value, count) in enumerate(counter.most_common())
            if count >= 2
        }
        for counter in counts
    ]
    dense = np.zeros((rows, 13), dtype=np.float32)
    sparse = np.zeros((rows, 26), dtype=np.int32)
    label = np.zeros(rows, dtype=np.float32)
    with path.open(newline="") as stream:
        for row, record in enumerate(csv.reader(stream, delimiter="\t")):
            label[row] = float(record[0])
            dense[row] = [math.log(max(float(v), 0) + 1) if v else 0 for v in record[1:14]]
            sparse[row] = [
                t.get(v, 1) if v else 0 for t, v in zip(tables, record[14:], strict=True)
            ]
    out.mkdir()
    for name, array in (("dense", dense), ("sparse", sparse), ("label", label)):
        np.save(out / f"{name}.npy", array)
    return {"seconds": time.perf_counter() - started, "rows": float(rows)}


def polars_eager(path: Path, out: Path) -> dict[str, float]:
    """The same work with all rows in memory: one frame, one join per column."""
    started = time.perf_counter()
    schema = dict.fromkeys(("label", *DENSE), pl.Float64) | dict.fromkeys(CATEGORICAL, pl.String)
    frame = pl.read_csv(
        path, has_header=False, separator="\t", quote_char=None, schema=pl.Schema(schema)
    )
    dense = frame.select(
        pl.col(name).clip(0).log1p().fill_null(0).cast(pl.Float32) for name in DENSE
    ).to_numpy()
    sparse = np.empty((len(frame), len(CATEGORICAL)), dtype=np.int32)
    for place, name in enumerate(CATEGORICAL):
        table = (
            frame[name].value_counts(sort=True).filter(pl.col("count") >= 2).with_row_index("id", 2)
        )
        ids = frame.select(name).join(table, on=name, how="left", maintain_order="left")["id"]
        absent = frame[name].is_null()
        sparse[:, place] = ids.fill_null(1).cast(pl.Int32).set(absent, 0).to_numpy()
    label = frame["label"].cast(pl.Float32).to_numpy()
    out.mkdir()
    for name, array in (("dense", dense), ("sparse", sparse), ("label", label)):
        np.save(out / f"{name}.npy", array)
    return {"seconds": time.perf_counter() - started, "rows": float(len(frame))}


def batch_times(out: Path) -> None:
    """Print milliseconds per batch."""
    train = Dataset.open(out).train
    for batch_size in (512, 4096):
        for shuffle in (False, True):
            batches, started = 0, time.perf_counter()
            for _ in train.batches(batch_size, shuffle=shuffle, drop_last=True):
                batches += 1
            took = (time.perf_counter() - started) / max(1, batches) * 1e3
            order = "shuffled" if shuffle else "in order"
            print(f"batches of {batch_size:>5} {order}: {took:.3f} ms each, {batches} batches")


def in_own_process(job: str, path: Path, out: Path) -> dict[str, float]:
    """Run a job in a fresh process, where its peak memory is its own."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, __file__, "--job", job, str(path), str(out)]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))


def peak_mib() -> float:
    """Peak resident memory of this process; ``ru_maxrss`` would include its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_job(job: str, path: Path, out: Path) -> None:
    before = peak_mib()
    started = time.process_time()
    if job == "csv":
        result = csv_loop(path, out)
    elif job == "eager":
        result = polars_eager(path, out)
    else:
        result = measure(path, out, job)
    result["cpu_seconds"] = time.process_time() - started
    result["imports_mib"] = before
    result["peak_mib"] = peak_mib()
    print(json.dumps(result))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--data-dir", default=os.environ.get("DAGSMITH_DATA", "../shared/data"))
    parser.add_argument("--fixed-values", action="store_true", help="vocabularies stop growing")
    parser.add_argument("--peers", action="store_true", help="measure the peers too")
    parser.add_argument("--job", nargs=3, metavar=("JOB", "TSV", "OUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        run_job(options.job[0], Path(options.job[1]), Path(options.job[2]))
        return
    real = Path(options.data_dir) / "ctr" / "criteo_small.parquet"
    sample = pl.read_parquet(real) if real.exists() else None
    print(f"values from {real if sample is not None else 'made-up distributions'}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rows in options.rows:
            path = folder / f"criteo_{rows}.tsv"
            write_log(path, rows, sample, options.fixed_values)
            print(f"{rows:,} rows, {path.stat().st_size / MIB:.0f} MiB")
            jobs = ["vocabulary", "hashing"] + (["csv", "eager"] if options.peers else [])
            for job in jobs:
                result = in_own_process(job, path, folder / job)
                ids = f", {result['ids']:,.0f} ids" if "ids" in result else ""
                print(
                    f"  {job:<10} {result['rows'] / result['seconds']:>10,.0f} rows/s"
                    f"  {result['seconds']:6.2f} s"
                    f"  {result['rows'] / result['cpu_seconds']:>9,.0f} rows per CPU second"
                    f"  peak {result['peak_mib']:6.0f} MiB"
                    f" (imports {result['imports_mib']:.0f}){ids}"
                )
            path.unlink()
        batch_times(folder / "vocabulary")


if __name__ == "__main__":
    main()
