"""Several workers in one search, and what a trial costs in a storage as the study grows.

``throughput`` starts 1, 2 and 4 processes that join one search of a table whose evaluations take
simulated seconds, so many trials for each worker, and compares evaluations per second from the
first start to the last end of a trial. ``storage`` measures what reading and writing one trial
takes in an SQLite study of so many trials: the time from one evaluation to the next, over 20.

    python benchmarks/workers.py throughput --seconds 10 --trials 16
    python benchmarks/workers.py storage --trials 100 1000 5000 20000
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.trial import TrialState

from dagsmith.data import Evaluation
from dagsmith.search import Objective, make_sampler, open_study, run_search
from dagsmith.space import Architecture, NASRecSpace, nasrec_small

OBJECTIVES = (Objective("logloss", "minimize"),)
INITIAL = 8


class SimulatedTable:
    """A smooth function of widths and nodes that takes its time."""

    fidelity = "table"

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.asked: list[tuple[float, float]] = []

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """Sleep for each architecture, then tell its value."""
        self.asked.append((time.perf_counter(), time.process_time()))
        time.sleep(self._seconds * len(architectures))
        return [self._one(architecture) for architecture in architectures]

    def _one(self, architecture: Architecture) -> Evaluation:
        widths = sum(float(node.values.get("width") or 1) for node in architecture.nodes)
        value = 0.5 - 1e-4 * widths + 1e-3 * len(architecture.nodes)
        return Evaluation(architecture, {"logloss": value}, fidelity="table")


def space() -> NASRecSpace:
    return nasrec_small(13, 26, blocks=3, widths=(16, 64, 256), rows=(16, 32))


def search(
    storage: str, seconds: float, trials: int, sampler: str, batch: int = 8
) -> dict[str, Any]:
    study = open_study(storage, "workers", space(), OBJECTIVES)
    table = SimulatedTable(seconds)
    summary = run_search(
        study,
        space(),
        table,
        sampler=lambda seed: make_sampler(sampler, space(), seed, initial=INITIAL),
        trials=trials,
        initial=INITIAL,
        batch=batch,
    )
    return {
        "added": summary.added,
        "proposing_s": summary.proposing_s,
        "waiting_s": summary.waiting_s,
        "storing_s": summary.storing_s,
        # From the first question to the last, so that opening the study does not count.
        "between_s": [
            (last - first) / max(len(table.asked) - 1, 1)
            for first, last in zip(table.asked[0], table.asked[-1], strict=True)
        ]
        if table.asked
        else [],
    }


def throughput(
    storage: str | None, seconds: float, trials: int, sampler: str, numbers: Sequence[int]
) -> None:
    alone = 0.0
    print("| workers | per second | of linear | double claims | proposing | waiting | storing |")
    print("|---|---|---|---|---|---|---|")
    for workers in numbers:
        with tempfile.TemporaryDirectory() as folder:
            url = storage or f"sqlite:///{folder}/study.db"
            open_study(url, "workers", space(), OBJECTIVES)
            words = [
                "join",
                "--storage",
                url,
                "--seconds",
                str(seconds),
                "--trials",
                str(trials * workers),
            ]
            command = [sys.executable, __file__, *words, "--sampler", sampler]
            joined = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(workers)]
            told = [json.loads(worker.communicate()[0]) for worker in joined]
            study = open_study(url, "workers", space(), OBJECTIVES)
            done = study.get_trials(states=(TrialState.COMPLETE,))
            lost = sum("interrupted" in trial.user_attrs for trial in study.trials)
            begun = sorted(t.datetime_start for t in done if t.datetime_start)
            ended = [trial.datetime_complete for trial in done if trial.datetime_complete]
            speed = len(ended) / (max(ended) - begun[0]).total_seconds()
            alone = alone or speed / workers
            parts = [sum(t[name] for t in told) / sum(t["added"] for t in told) for name in _PARTS]
            shown = " | ".join(f"{part:.3f} s" for part in parts)
            print(f"| {workers} | {speed:.3f} | {speed / alone / workers:.2f} | {lost} | {shown} |")
            if storage:
                optuna.delete_study(study_name="workers", storage=study._storage)


_PARTS = ("proposing_s", "waiting_s", "storing_s")


def storage_cost(sizes: Sequence[int], window: int) -> None:
    print("| trials in the study | ms per trial | processor ms per trial |")
    print("|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/study.db"
        for size in sizes:
            before = max(size - window, window)
            search(file, 0.0, min(before, SEEDLING), "random", batch=500)
            grow(file, before)
            found = search(file, 0.0, before + window, "random", batch=window)
            wall, cpu = (1e3 * seconds for seconds in found["between_s"])
            row = f"| {size:,} | {wall:.1f} | {cpu:.1f} |"
            print(row, flush=True)


SEEDLING = 100
"""Trials that are evaluated; larger studies hold copies of them."""


def grow(file: str, size: int) -> None:
    """Copy rows until the study holds `size` trials, in one transaction; seconds, not hours."""
    with sqlite3.connect(file) as connection:
        (have,) = connection.execute("SELECT COUNT(*) FROM trials").fetchone()
        while have < size:
            part = min(have, size - have)
            for table in _TABLES:
                columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                shifted = {"trial_id": f"trial_id + {have}", "number": f"number + {have}"}
                kept = columns if table == "trials" else columns[1:]
                chosen = ", ".join(shifted.get(name, name) for name in kept)
                connection.execute(
                    f"INSERT INTO {table} ({', '.join(kept)}) SELECT {chosen} FROM {table} "
                    f"WHERE trial_id <= {part}"
                )
            have += part


_TABLES = ("trials", "trial_params", "trial_values", "trial_user_attributes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("part", choices=("throughput", "storage", "join"))
    parser.add_argument("--storage", help="URL; an SQLite file of its own by default")
    parser.add_argument("--seconds", type=float, default=10.0, help="of one evaluation")
    parser.add_argument("--trials", type=int, nargs="+", default=[16])
    parser.add_argument("--sampler", default="evolution")
    parser.add_argument("--window", type=int, default=20, help="trials that are timed")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    values = parser.parse_args()
    if values.part == "join":
        print(json.dumps(search(values.storage, values.seconds, values.trials[0], values.sampler)))
    elif values.part == "throughput":
        throughput(values.storage, values.seconds, values.trials[0], values.sampler, values.workers)
    else:
        storage_cost(values.trials, values.window)


if __name__ == "__main__":
    main()
