"""How well predictors rank published tables: ours, and the baselines of this repository.

    python benchmarks/predictor.py --data-dir ../shared/data --out runs/predictor

Labels are drawn at random, the predictor is fitted with its defaults, and all architectures that
were not trained on are ranked; the protocols are those of `predictor_protocols.py`. Every result
is kept in ``--out`` as soon as it is there, so an interrupted run goes on, and further seeds,
protocols or predictors are added by calling again. Other settings of a predictor are another
result; its code is not looked at: after a change of it, take another folder. At the end a table
(``predictor.md``) and a figure (``predictor.html``) of everything that was asked for are written.

`speed` stands for the figures of fitting and scoring; it is measured alone, after the others.
"""

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import predictor_report
import predictor_speed
from predictor_protocols import PREDICTORS, PROTOCOLS, Job, jobs, run

from dagsmith.search.figure_style import duration


class Remaining:
    """How long it will take: what a predictor took per job of as many labels, or per label."""

    def __init__(self, waiting: Sequence[Job], side_by_side: int) -> None:
        self.waiting = set(waiting)
        self.side_by_side = side_by_side
        self._took: dict[tuple[str, str, int], list[float]] = defaultdict(list)

    def done(self, job: Job, record: Mapping[str, Any]) -> None:
        """Learn from a finished job."""
        self.waiting.discard(job)
        seconds = record["fit_seconds"] + record["predict_seconds"]
        self._took[job.protocol, job.predictor, job.labels].append(seconds)

    def seconds(self) -> float:
        """An estimate; jobs of which nothing is known take what the others take on average."""
        known = {kind: sum(took) / len(took) for kind, took in self._took.items()}
        rates: dict[str, list[float]] = defaultdict(list)
        for (_, predictor, labels), mean in known.items():
            rates[predictor].append(mean / labels)
        every = [rate for own in rates.values() for rate in own] or [0.0]

        def guess(job: Job) -> float:
            found = known.get((job.protocol, job.predictor, job.labels))
            rate = rates.get(job.predictor, every)
            return sum(rate) / len(rate) * job.labels if found is None else found

        return sum(map(guess, self.waiting)) / self.side_by_side


def attempt(job: Job, data_dir: Path, out: Path) -> tuple[Job, dict[str, Any] | None, str]:
    """Do a job; one that fails must not end the others."""
    try:
        return job, run(job, data_dir, out), ""
    except Exception as error:
        return job, None, f"{type(error).__name__}: {error}"


def run_all(
    work: Sequence[Job], data_dir: Path, out: Path, side_by_side: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """Run what is not there yet; returns all records, and what failed."""
    records, failures = [], []
    remaining = Remaining(work, side_by_side)
    missing = []
    for job in work:
        if job.record_file(out).exists():
            records.append(run(job, data_dir, out))
            remaining.done(job, records[-1])
        else:
            missing.append(job)
    print(f"{len(work)} results, {len(records)} of them are there", flush=True)
    attempts = joblib.Parallel(side_by_side, return_as="generator_unordered", batch_size=1)(
        joblib.delayed(attempt)(job, data_dir, out) for job in missing
    )
    for job, record, failure in attempts:
        if record is None:
            remaining.waiting.discard(job)
            failures.append(f"{job}: {failure}")
            print(f"FAILED {failures[-1]}", flush=True)
            continue
        records.append(record)
        remaining.done(job, record)
        value = record[PROTOCOLS[job.protocol].metric]
        print(
            f"[{len(records)}/{len(work)}] {job}: {value:.3f}, "
            f"{duration(record['fit_seconds'] + record['predict_seconds'])}; "
            f"about {duration(remaining.seconds())} left",
            flush=True,
        )
    return records, failures


def measure_speed(out: Path, threads: int) -> dict[str, str]:
    """The figures of `predictor_speed.py` that the report shows; kept in ``speed.json``."""
    file = out / "speed.json"
    if file.exists():
        return dict(json.loads(file.read_text()))
    rows = predictor_speed.report(threads)
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps(rows, indent=2) + "\n")
    temporary.replace(file)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data-dir", type=Path, default=os.environ.get("DAGSMITH_DATA", "../shared/data")
    )
    parser.add_argument("--out", type=Path, default=Path("runs/predictor"))
    parser.add_argument(
        "--only", type=names_of(*PROTOCOLS, "speed"), default=[*PROTOCOLS, "speed"], metavar="A,B"
    )
    parser.add_argument(
        "--predictors", type=names_of(*PREDICTORS), default=[*PREDICTORS], metavar="A,B"
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--labels", type=int, nargs="*", default=(), help="only these budgets")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="side by side")
    arguments = parser.parse_args()
    out, data_dir = arguments.out, Path(arguments.data_dir).resolve()
    out.mkdir(parents=True, exist_ok=True)

    begun = time.monotonic()
    protocols = [name for name in PROTOCOLS if name in arguments.only]
    work = jobs(protocols, arguments.predictors, arguments.seeds, arguments.labels)
    records, failures = run_all(work, data_dir, out, arguments.jobs)
    speed = measure_speed(out, arguments.jobs) if "speed" in arguments.only else {}
    for file in predictor_report.write(records, speed, out):
        print(file)
    print(f"{len(records)} results in {duration(time.monotonic() - begun)}")
    if failures:
        raise SystemExit(f"{len(failures)} failed:\n" + "\n".join(failures))


def names_of(*known: str) -> Callable[[str], list[str]]:
    """A parser of comma-separated names."""

    def names(text: str) -> list[str]:
        unknown = sorted(set(text.split(",")) - set(known))
        if unknown:
            message = f"unknown {', '.join(unknown)}; expected some of {', '.join(known)}"
            raise argparse.ArgumentTypeError(message)
        return text.split(",")

    return names


if __name__ == "__main__":
    main()
