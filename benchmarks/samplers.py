"""Best found against evaluations: every sampler on spaces of which the best is known.

    python benchmarks/samplers.py --data-dir ../shared/data --out runs/samplers --seeds 50

Every search is a plain Optuna study, asked for one architecture at a time. An architecture that was
evaluated before, by canonical key, is answered from memory and not counted, so that samplers that
repeat themselves lose nothing by it. A search ends when it has found the best there is: after that
its regret stays 0. What is compared: regret (how much worse the best found is than the best there
is) after so many evaluations, and evaluations until the regret has fallen to a level; medians over
the seeds with bootstrap intervals of 95 percent.

Each finished (truth, sampler, seed) is a small file in ``--out``, named by a digest of its settings
too, so an interrupted run goes on, and a changed setting is run anew. At the end: ``samplers.md``,
``samplers.html`` and ``samplers.json``.
"""

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import optuna
import sampler_report
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from sampler_truths import TRUTHS, Truth, load_truth

from dagsmith.search import (
    EvolutionSettings,
    LocalSearchSampler,
    MetropolisHastingsSampler,
    MetropolisHastingsSettings,
    MetropolisWalkSampler,
    MetropolisWalkSettings,
    RandomArchitectureSampler,
    RegularizedEvolutionSampler,
)
from dagsmith.space import SearchSpace

PATIENCE = 3000
"""Known architectures in a row after which a sampler has no more to say."""
REGRET = 1e-9
"""Below this a regret is rounding."""

INITIAL = 10
"""Random architectures before local search, the walk, NSGA-II and (its default) MH-ES begin."""
MakeSampler = Callable[[SearchSpace, int, int], BaseSampler]


SAMPLERS: dict[str, tuple[str, MakeSampler]] = {
    "random": ("", lambda space, seed, trials: RandomArchitectureSampler(space, seed=seed)),
    "local": (
        "initial 10",
        lambda space, seed, trials: LocalSearchSampler(space, initial=INITIAL, seed=seed),
    ),
    "evolution": (
        "population 24, tournament 8",
        lambda space, seed, trials: RegularizedEvolutionSampler(
            space, settings=EvolutionSettings(population=24, tournament=8), seed=seed
        ),
    ),
    "nsga2": (
        "population 10",
        lambda space, seed, trials: optuna.samplers.NSGAIISampler(
            population_size=INITIAL, seed=seed
        ),
    ),
    "tpe": (
        "Optuna's defaults",
        lambda space, seed, trials: optuna.samplers.TPESampler(seed=seed),
    ),
    "tpe-univariate": (
        "multivariate=False",
        lambda space, seed, trials: optuna.samplers.TPESampler(seed=seed, multivariate=False),
    ),
    "gp": (
        "Optuna's defaults",
        lambda space, seed, trials: optuna.samplers.GPSampler(seed=seed),
    ),
    "mh-walk": (
        "initial 10, 4 chains, no predictor",
        lambda space, seed, trials: MetropolisWalkSampler(
            space,
            settings=MetropolisWalkSettings(initial=INITIAL, steps=max(trials - INITIAL, 1)),
            seed=seed,
        ),
    ),
    "mh": (
        "defaults: initial 10, batches of 5, the GNN",
        lambda space, seed, trials: MetropolisHastingsSampler(space, seed=seed),
    ),
    "mh-often": (
        "initial 6, batches of 2, the GNN",
        lambda space, seed, trials: MetropolisHastingsSampler(
            space, settings=MetropolisHastingsSettings(initial=6), seed=seed, batch=2
        ),
    ),
}
"""Samplers by name: their settings in words, and how they are made from space, seed and budget."""


@dataclass(frozen=True)
class Job:
    """One search.

    Args:
        truth: what is searched.
        sampler: by whom.
        seed: of the sampler.
        trials: evaluations.
    """

    truth: str
    sampler: str
    seed: int
    trials: int

    def file(self, out: Path) -> Path:
        """Where its result lies: the settings are part of the name."""
        settings: list[Any] = [SAMPLERS[self.sampler][0], self.trials, optuna.__version__]
        if self.sampler in ("mh", "mh-often"):
            settings.append(repr(MetropolisHastingsSettings()))
        digest = hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:8]
        return out / self.truth / f"{self.sampler}-{self.seed}-{digest}.json"


def search(truth: Truth, sampler: BaseSampler, trials: int) -> list[float]:
    """Regret of the best found after each evaluation; ends early when it is 0."""
    study = optuna.create_study(sampler=sampler, direction="maximize")
    distributions: dict[str, BaseDistribution] = dict(truth.space.distributions())
    known: dict[str, float] = {}
    regrets: list[float] = []
    repeats = 0
    while len(regrets) < trials and repeats < PATIENCE:
        trial = study.ask(distributions)
        architecture = truth.space.decode(truth.space.from_params(trial.params))
        if architecture.key in known:
            repeats += 1
        else:
            repeats = 0
            known[architecture.key] = truth.value(architecture)
            regret = truth.optimum - max(known.values())
            regrets.append(0.0 if regret < REGRET else regret)
        study.tell(trial, known[architecture.key])
        if regrets[-1] == 0.0:
            break
    return regrets


def run(job: Job, folder: Path, out: Path) -> dict[str, Any]:
    """Do a job, or read its result."""
    file = job.file(out)
    if file.exists():
        return dict(json.loads(file.read_text()))
    os.environ["OMP_NUM_THREADS"] = "1"
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    truth = load_truth(job.truth, folder)
    began = time.process_time()
    sampler = SAMPLERS[job.sampler][1](truth.space, job.seed, job.trials)
    regrets = search(truth, sampler, job.trials)
    record = {
        "truth": job.truth,
        "sampler": job.sampler,
        "settings": SAMPLERS[job.sampler][0],
        "seed": job.seed,
        "trials": job.trials,
        "optimum": truth.optimum,
        "units": truth.units,
        "regret": [round(value, 6) for value in regrets],
        "processor_seconds": round(time.process_time() - began, 2),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps(record))
    temporary.replace(file)
    return record


def run_all(jobs: list[Job], folder: Path, out: Path, side_by_side: int) -> list[dict[str, Any]]:
    """Run what is not there yet, and tell how long it will take."""
    records = [run(job, folder, out) for job in jobs if job.file(out).exists()]
    missing = [job for job in jobs if not job.file(out).exists()]
    print(f"{len(jobs)} searches, {len(records)} of them are there", flush=True)
    began = time.monotonic()
    found: Iterable[dict[str, Any]] = (
        (run(job, folder, out) for job in missing)
        if side_by_side == 1
        else joblib.Parallel(side_by_side, return_as="generator_unordered", batch_size=1)(
            joblib.delayed(run)(job, folder, out) for job in missing
        )
    )
    for done, record in enumerate(found, 1):
        records.append(record)
        left = (time.monotonic() - began) / done * (len(missing) - done)
        print(
            f"[{len(records)}/{len(jobs)}] {record['truth']} {record['sampler']} "
            f"seed {record['seed']}: regret {record['regret'][-1]:.3f} after "
            f"{len(record['regret'])}, {record['processor_seconds']:.1f} s; "
            f"about {left / 60:.0f} min left",
            flush=True,
        )
    return records


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data-dir", type=Path, default=os.environ.get("DAGSMITH_DATA", "../shared/data")
    )
    parser.add_argument("--out", type=Path, default=Path("runs/samplers"))
    parser.add_argument("--truths", default="nasbench201-cifar100")
    parser.add_argument("--samplers", default=",".join(SAMPLERS))
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=150)
    parser.add_argument("--jobs", type=int, default=1, help="side by side")
    parser.add_argument("--report", action="store_true", help="only report what is there")
    arguments = parser.parse_args()
    truths, samplers = arguments.truths.split(","), arguments.samplers.split(",")
    for given, known in ((truths, TRUTHS), (samplers, tuple(SAMPLERS))):
        for name in given:
            if name not in known:
                parser.error(f"unknown name {name!r}; expected some of {', '.join(known)}")
    # Seed by seed, so that an interrupted run has all samplers of some seeds.
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    jobs = [
        Job(truth, sampler, seed, arguments.trials)
        for truth in truths
        for seed in seeds
        for sampler in samplers
    ]
    if arguments.report:
        jobs = [job for job in jobs if job.file(arguments.out).exists()]
    folder = Path(arguments.data_dir) / "nas"
    records = run_all(jobs, folder, arguments.out, arguments.jobs)
    for file in sampler_report.write(records, arguments.out):
        print(file)


if __name__ == "__main__":
    main()
