"""The protocols of `predictor.py`: which table, which target, how many labels, what is measured."""

import hashlib
import inspect
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dagsmith.data.public_tables import (
    HW_NASBENCH_ENERGIES,
    HW_NASBENCH_LATENCIES,
    NASBENCH201_LATENCIES,
    nasbench101,
    nasbench201,
    nasbench_macro,
)
from dagsmith.data.tables import EvaluatedTable
from dagsmith.predictor import (
    BoostingPredictor,
    ForestPredictor,
    GCNPredictor,
    GNNPredictor,
    GNNSettings,
    LinearPredictor,
    MLPPredictor,
    TransferPredictor,
    reliability,
)
from dagsmith.predictor.metrics import kendall_tau, spearman
from dagsmith.space import NASBench201Space, Vocabulary
from dagsmith.space.isomorphism import isomorphism_fingerprint

POOL = 900
"""Architectures that were measured on all other devices, in the transfer protocol."""
LEVEL = 0.9
"""Of the intervals whose coverage is measured."""

PREDICTORS: dict[str, Callable[[Vocabulary, int], Any]] = {
    "gnn": lambda kinds, seed: GNNPredictor(kinds, seed=seed, unknown="mean"),
    "network": lambda kinds, seed: GNNPredictor(
        kinds, GNNSettings(linear_part=False), seed=seed, unknown="mean"
    ),
    "boosting": lambda kinds, seed: BoostingPredictor(kinds, seed=seed),
    "forest": lambda kinds, seed: ForestPredictor(kinds, seed=seed),
    "mlp": lambda kinds, seed: MLPPredictor(kinds, seed=seed),
    "gcn": lambda kinds, seed: GCNPredictor(kinds, seed=seed),
    "linear": lambda kinds, seed: LinearPredictor(kinds, seed=seed),
    "linear-graph": lambda kinds, seed: LinearPredictor(kinds, seed=seed, encoding="graph"),
    "transfer": lambda kinds, seed: TransferPredictor(kinds, seed=seed),
}
"""Every one with its defaults; `network` is `gnn` without its linear part."""
ONLY = {"transfer": ("transfer",), "network": ("hardware", "hardware-together")}
"""The protocols that a predictor has a part in, where these are not all."""
SEVERAL = ("gnn", "network", "linear", "linear-graph")
"""Those that learn several targets at once."""

TABLES: dict[str, Callable[[Path], EvaluatedTable]] = {
    "nasbench201": nasbench201,
    "nasbench201-whole": lambda folder: nasbench201(folder, NASBench201Space("whole")),
    "nasbench101": nasbench101,
    "nasbench_macro": nasbench_macro,
}


@dataclass(frozen=True)
class Protocol:
    """One experiment: labels are drawn at random, all other architectures are ranked.

    Args:
        title: for the report.
        table: name in `TABLES`.
        targets: columns, each learned alone; a seed's result is the mean over them.
        labels: how many are spent, checkpoint selection and calibration included.
        metric: what the report shows.
        goals: what it must reach, by labels.
        extras: columns that are known of every architecture, before it is evaluated too.
        transfer: whether the other targets are known of `POOL` architectures.
        together: whether one predictor learns all targets; the result is the mean over them.
    """

    title: str
    table: str
    targets: tuple[str, ...]
    labels: tuple[int, ...]
    metric: str = "kendall_tau"
    goals: Mapping[int, float] = field(default_factory=dict)
    extras: tuple[str, ...] = ()
    transfer: bool = False
    together: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """What there is a job for: each target, or all of them."""
        return ("all",) if self.together else self.targets


_LABELS_201 = (78, 156, 469, 781, 1563)
_LABELS_101 = (100, 172, 424, 4236)
_GOALS_201 = dict(zip(_LABELS_201, (0.75, 0.80, 0.88, 0.90, 0.92), strict=True))
_GOALS_101 = dict(zip(_LABELS_101, (0.72, 0.76, 0.82, 0.87), strict=True))

PROTOCOLS: dict[str, Protocol] = {
    "nasbench201": Protocol(
        "NAS-Bench-201, CIFAR-10 validation accuracy",
        *("nasbench201", ("cifar10_val_acc",), _LABELS_201),
        goals=_GOALS_201,
    ),
    "nasbench201-cifar100": Protocol(
        "NAS-Bench-201, CIFAR-100 test accuracy",
        *("nasbench201", ("cifar100_test_acc_200",), _LABELS_201),
    ),
    "nasbench201-imagenet16": Protocol(
        "NAS-Bench-201, ImageNet16-120 test accuracy",
        *("nasbench201", ("imagenet16_test_acc_200",), _LABELS_201),
    ),
    "nasbench101": Protocol(
        "NAS-Bench-101 (30,001 cells), validation accuracy after 108 epochs",
        *("nasbench101", ("val_acc_108",), _LABELS_101),
        goals=_GOALS_101,
    ),
    "nasbench101-epochs": Protocol(
        "NAS-Bench-101, with the accuracies after 4 and 12 epochs as extra inputs",
        *("nasbench101", ("val_acc_108",), _LABELS_101),
        extras=("val_acc_4", "val_acc_12"),
    ),
    "hardware": Protocol(
        "HW-NAS-Bench, latency and energy, mean of nine columns",
        "nasbench201-whole",
        (*HW_NASBENCH_LATENCIES, *HW_NASBENCH_ENERGIES),
        (128, 900),
        goals={128: 0.92, 900: 0.97},
    ),
    "hardware-together": Protocol(
        "HW-NAS-Bench, all nine columns learned by one predictor, mean over them",
        "nasbench201-whole",
        (*HW_NASBENCH_LATENCIES, *HW_NASBENCH_ENERGIES),
        (128, 900),
        goals={128: 0.92, 900: 0.97},
        together=True,
    ),
    "macro": Protocol(
        "NAS-Bench-Macro, mean test accuracy of three seeds",
        *("nasbench_macro", ("mean_acc",), (50, 200)),
        goals={50: 0.85, 200: 0.92},
    ),
    "transfer": Protocol(
        f"NAS-Bench-201, latency on a new device ({POOL} cells known on 26 others)",
        *("nasbench201-whole", NASBENCH201_LATENCIES, (10,)),
        metric="spearman",
        goals={10: 0.95},
        transfer=True,
    ),
}


@dataclass(frozen=True)
class Job:
    """One predictor, fitted once."""

    protocol: str
    target: str
    labels: int
    predictor: str
    seed: int

    def __str__(self) -> str:
        return f"{self.protocol} {self.target} {self.labels} {self.predictor} seed {self.seed}"

    def record_file(self, out: Path) -> Path:
        """Where the result is kept: other settings of the predictor have another file."""
        maker = PREDICTORS[self.predictor](Vocabulary(()), 0)
        settings = repr(getattr(maker, "settings", None))
        digest = hashlib.sha256(settings.encode()).hexdigest()[:8]
        name = (self.protocol, self.target, self.labels, self.predictor, digest, self.seed)
        return out / "records" / ("-".join(map(str, name)) + ".json")


def jobs(
    protocols: Sequence[str], predictors: Sequence[str], seeds: int, labels: Sequence[int] = ()
) -> list[Job]:
    """All jobs, seed after seed: what is interrupted has fewer seeds of everything.

    Args:
        protocols: names in `PROTOCOLS`.
        predictors: names in `PREDICTORS`; those that take no extras are left out where they must.
        seeds: how many.
        labels: only these budgets; empty for all.
    """
    return [
        Job(name, target, budget, predictor, seed)
        for seed in range(seeds)
        for name in protocols
        for target in PROTOCOLS[name].parts
        for budget in PROTOCOLS[name].labels
        for predictor in predictors
        if not labels or budget in labels
        if not PROTOCOLS[name].extras or _takes_extras(predictor)
        if name in ONLY.get(predictor, PROTOCOLS)
        if not PROTOCOLS[name].together or predictor in SEVERAL
    ]


def run(job: Job, data_dir: Path, out: Path) -> dict[str, Any]:
    """Do a job, or read what it gave; the record is written all at once."""
    file = job.record_file(out)
    if file.exists():
        return dict(json.loads(file.read_text()))
    torch.set_num_threads(1)
    record = asdict(job) | measure(job, data_dir)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(record) + "\n")
    temporary.replace(file)
    return record


def measure(job: Job, data_dir: Path) -> dict[str, Any]:
    """Fit on the drawn labels, rank the rest."""
    protocol = PROTOCOLS[job.protocol]
    table = _table(protocol.table, data_dir)
    names = protocol.targets if protocol.together else (job.target,)
    truth = np.stack([table.column(name) for name in names], axis=1)
    needed = [*truth.T, *(table.column(name) for name in protocol.extras)]
    order = np.random.default_rng(job.seed).permutation(
        np.flatnonzero(~np.isnan(needed).any(axis=0))
    )
    known, unseen = order[: job.labels], order[POOL if protocol.transfer else job.labels :]
    predictor = PREDICTORS[job.predictor](table.kinds, job.seed)

    begin, spent = time.perf_counter(), time.process_time()
    if protocol.transfer and hasattr(predictor, "pretrain"):
        others = [name for name in protocol.targets if name != job.target]
        pool = order[:POOL]
        costs = {name: table.column(name)[pool] for name in others}
        predictor.pretrain(table.population[pool], costs)
    labels = truth[known] if protocol.together else truth[known, 0]
    predictor.fit(table.population[known], labels, **_extras(table, protocol, known))
    fitted, fitted_spent = time.perf_counter(), time.process_time()
    prediction = predictor.predict(table.population[unseen], **_extras(table, protocol, unseen))
    predicted = time.perf_counter()

    marks = _fingerprints(protocol.table, data_dir)
    new = ~np.isin(marks[unseen], marks[known])
    single = (
        [prediction.target(i) for i in range(len(names))] if protocol.together else [prediction]
    )
    figures = [
        _figures(column, each, new) for column, each in zip(truth[unseen].T, single, strict=True)
    ]
    return {
        **{name: float(np.mean([each[name] for each in figures])) for name in figures[0]},
        "each": {name: each[protocol.metric] for name, each in zip(names, figures, strict=True)},
        "ranked": len(unseen),
        "ranked_new": int(new.sum()),
        "fit_seconds": fitted - begin,
        "fit_processor_seconds": fitted_spent - spent,
        "predict_seconds": predicted - fitted,
    }


def _figures(
    truth: NDArray[np.float64], prediction: Any, new: NDArray[np.bool_]
) -> dict[str, float]:
    """Rank correlations of a target, over all that is ranked and over what is `new`; intervals."""
    return {
        "kendall_tau": kendall_tau(truth, prediction.mean),
        "spearman": spearman(truth, prediction.mean),
        "kendall_tau_new": kendall_tau(truth[new], prediction.mean[new]),
        **_intervals(prediction, truth),
    }


def _intervals(prediction: Any, truth: NDArray[np.float64]) -> dict[str, float]:
    """Coverage and mean width of the intervals, and their calibration error, if there are any."""
    if getattr(prediction, "quantile", None) is None:
        return {}
    one, every = reliability(truth, prediction, (LEVEL,)), reliability(truth, prediction)
    return {
        "coverage": float(one.coverage[0]),
        "width": float(one.width[0]),
        "calibration_error": every.calibration_error,
    }


def _extras(
    table: EvaluatedTable, protocol: Protocol, rows: NDArray[np.int64]
) -> dict[str, dict[str, NDArray[np.float64]]]:
    if not protocol.extras:
        return {}
    return {"extras": {name: table.column(name)[rows] for name in protocol.extras}}


@cache
def _table(name: str, data_dir: Path) -> EvaluatedTable:
    """Read once per process."""
    return TABLES[name](data_dir / "nas")


@cache
def _fingerprints(name: str, data_dir: Path) -> NDArray[np.uint64]:
    return isomorphism_fingerprint(_table(name, data_dir).population)


@cache
def _takes_extras(predictor: str) -> bool:
    maker = PREDICTORS[predictor](Vocabulary(()), 0)
    return "extras" in inspect.signature(maker.fit).parameters
