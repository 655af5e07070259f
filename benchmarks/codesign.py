r"""Model and hardware searched together, against one after the other: AutoRAC's comparison.

    python benchmarks/codesign.py --data synthetic --rows 120000 --out runs/codesign-synthetic
    python benchmarks/codesign.py --data frappe_x1_train.parquet --valid frappe_x1_valid.parquet \
        --test frappe_x1_test.parquet --label label --drop redrawn_negative \
        --out runs/codesign-frappe

Four arms, per search seed, each trained from scratch with quantised weights and activations and
measured on its crossbars (ADCs, cells that vary):

(a) hand-made DLRM and DCNv2 on the default hardware (ISAAC at 8 bits);
(b) the best model of a search for log loss alone, mapped on the default hardware as it is;
(c) the same model, its hardware searched afterwards;
(d) model and hardware searched together (`nasrec-pim-small`, or `--space nasrec-pim`).

Of (c) and (d) the candidates are members of the front of supernet log loss against the worse of
energy and latency, each as a share of (b)'s. Of those whose validation log loss from scratch is at
most (b)'s plus its standard deviation over the training seeds, the one with the least such share
stands for its arm ("at equal log loss"); where none is, the one with the best log loss does, and
the table says so.

Everything lies below ``--out`` and is resumable: the same command goes on. It leaves
``codesign.json`` and ``codesign.html`` there and prints the table.
"""

import argparse
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
from plotly import graph_objects as go

from dagsmith.files import write_text
from dagsmith.hardware import Flops
from dagsmith.hardware.pim import Hardware, pim_costs
from dagsmith.job import Job
from dagsmith.pipeline import search_models
from dagsmith.progress import reporter
from dagsmith.run_directory import RunDirectory
from dagsmith.search import make_sampler, open_study, pareto_front, parse_objectives, run_search
from dagsmith.search.trials import Trials
from dagsmith.settings import SearchSettings
from dagsmith.space import (
    Architecture,
    NASRecPIMSpace,
    Population,
    RestrictedSpace,
)
from dagsmith.space.ctr import PLUS_KINDS
from dagsmith.space.pim import PIM_KINDS
from dagsmith.stages import train_models
from dagsmith.training import baseline, subnet_evaluator, training_of

COSTS = ("flops", "energy_pj", "latency_ns", "area_mm2", "power_mw")
TITLES = {
    "a": "hand-made, default hardware",
    "b": "searched model, default hardware",
    "c": "searched model, hardware after",
    "d": "searched together",
}
TOGETHER = "logloss,flops,energy_pj,latency_ns"
AFTER = "logloss,energy_pj,latency_ns"
"""Objectives of (d) and (c); the FLOPs of one model are what they are."""


def settings_of(options: argparse.Namespace, seed: int, **changes: Any) -> SearchSettings:
    """Settings of one search of the comparison."""
    values: dict[str, Any] = {
        "data": options.data,
        "valid": options.valid,
        "test": options.test,
        "label": options.label,
        "drop": tuple(options.drop),
        "rows": options.rows if options.data == "synthetic" else None,
        "blocks": options.blocks,
        "widths": tuple(options.widths),
        "embedding_l2": options.embedding_l2,
        "trials": options.trials,
        "supernet_epochs": options.supernet_epochs,
        "scratch_epochs": options.scratch_epochs,
        "sampler": options.sampler,
        "top": options.top,
        "scratch_seeds": options.scratch_seeds,
        "truth": 0,
        "no_baselines": True,
        "seed": seed,
        "jobs": options.jobs,
    }
    return SearchSettings(**(values | changes))


def opened(settings: SearchSettings, out: Path) -> Job:
    """The job of a finished search."""
    return Job(settings, RunDirectory(out, settings.to_dict()), reporter())


def costs_of(job: Job, net: Architecture) -> dict[str, float]:
    """Costs on the hardware that the architecture names, else on the default hardware."""
    kinds = PIM_KINDS if any(node.kind == "crossbar" for node in net.nodes) else PLUS_KINDS
    population = Population.from_architectures([net], kinds)
    found = pim_costs(population, table_rows=float(job.table_rows))
    found["flops"] = Flops().cost(population)
    return {name: float(found[name][0]) for name in COSTS}


def trained(
    job: Job, nets: Mapping[str, tuple[Architecture, Architecture]]
) -> list[dict[str, Any]]:
    """Train from scratch, by name what to train and what to cost; keep means over the seeds."""
    seeds = [job.settings.seed + index for index in range(job.settings.scratch_seeds)]
    work = {
        name: [training_of(job, "codesign", net, seed) for seed in seeds]
        for name, (net, _) in nets.items()
    }
    job.progress.begin("codesign")
    try:
        train_models(job, [training for runs in work.values() for training in runs])
    finally:
        job.progress.end()
    entries = []
    for name, runs in work.items():
        outcomes = [run.outcome() or {} for run in runs]
        valid = [o["valid"]["logloss"] for o in outcomes if "valid" in o]
        test = [o["test"]["logloss"] for o in outcomes if "test" in o]
        auc = [o["test"]["auc"] for o in outcomes if "test" in o]
        if valid:
            entries.append(
                {
                    "name": name,
                    "valid": fmean(valid),
                    "noise": stdev(valid) if len(valid) > 1 else 0.0,
                    "test": fmean(test),
                    "auc": fmean(auc),
                    "costs": costs_of(job, nets[name][1]),
                    "architecture": nets[name][0].to_dict(),
                }
            )
    return entries


def share(costs: Mapping[str, float], of: Mapping[str, float]) -> float:
    """The worse of energy and latency, as a share of those of (b): what members are chosen by."""
    return max(costs[name] / of[name] for name in ("energy_pj", "latency_ns"))


def candidates(trials: Trials, count: int, of: Mapping[str, float]) -> list[Architecture]:
    """The front of log loss against `share`, from the best log loss on."""
    done = trials.complete
    values = [[trials.metrics(trial)["logloss"], share(trials.costs(trial), of)] for trial in done]
    front = pareto_front(np.array(values), ["minimize", "minimize"])[:count]
    return [trials.architecture(done[int(index)]) for index in front]


def chosen(
    entries: Sequence[dict[str, Any]], limit: float, of: Mapping[str, float]
) -> dict[str, Any]:
    """The cheapest of those that lose nothing, or the best."""
    equal = [entry for entry in entries if entry["valid"] <= limit]
    if equal:
        return min(equal, key=lambda e: share(e["costs"], of)) | {"equal": True}
    return min(entries, key=lambda e: float(e["valid"])) | {"equal": False}


def one_seed(options: argparse.Namespace, seed: int) -> dict[str, dict[str, Any]]:
    """All arms of one search seed; hand-made models come as (a) with their names."""
    out = Path(options.out) / f"seed{seed}"
    model_settings = settings_of(options, seed, space="nasrec-small", objectives="logloss")
    if options.space == "nasrec-pim":
        model_settings = dataclasses.replace(model_settings, space="nasrec-full")
    best = search_models(model_settings, out / "model", reporter())["models"][0]
    alone = opened(model_settings, out / "model")
    joint_settings = settings_of(options, seed, space=options.space, objectives=TOGETHER)
    search_models(joint_settings, out / "joint", reporter())
    joint = opened(joint_settings, out / "joint")

    default = Hardware()
    searched = Architecture.from_dict(best["architecture"])
    hand_made = {name: baseline(alone, name) for name in ("dlrm", "dcnv2")}
    arm_a = trained(alone, {n: (default.equip(net), net) for n, net in hand_made.items()})
    arm_b = trained(alone, {"searched": (default.equip(searched), default.equip(searched))})[0]
    limit = arm_b["valid"] + arm_b["noise"]
    of = arm_b["costs"]
    after = hardware_after(options, joint, alone, best, out / "after")
    arm_c = trained(joint, _named(candidates(after, options.candidates, of)))
    arm_d = trained(joint, _named(candidates(joint.trials, options.candidates, of)))
    arms = {f"a, {entry['name']}": entry | {"equal": entry["valid"] <= limit} for entry in arm_a}
    arms["b"] = arm_b | {"equal": True}
    arms["c"] = chosen(arm_c, limit, of)
    arms["d"] = chosen(arm_d, limit, of)
    return arms


def _named(nets: Sequence[Architecture]) -> dict[str, tuple[Architecture, Architecture]]:
    return {net.key: (net, net) for net in nets}


def hardware_after(
    options: argparse.Namespace, joint: Job, alone: Job, best: Mapping[str, Any], out: Path
) -> Trials:
    """Search the hardware of one model, scored by the joint supernet."""
    space = joint.space
    if not isinstance(space, NASRecPIMSpace):
        raise TypeError(f"{space.name} has no hardware")
    trial = alone.trials.complete
    params = next(
        dict(t.params)
        for t in trial
        if alone.trials.architecture(t).key == Architecture.from_dict(best["architecture"]).key
    )
    narrow = RestrictedSpace(space, params)
    out.mkdir(parents=True, exist_ok=True)
    objectives = parse_objectives(AFTER)
    study = open_study(out / "study.db", "after", narrow, objectives)
    run_search(
        study,
        narrow,
        subnet_evaluator(joint),
        sampler=lambda seed: make_sampler(
            options.sampler, narrow, seed, objectives=objectives, costs=joint.costs
        ),
        trials=options.trials,
        initial=min(32, max(4, options.trials // 4)),
        seed=joint.settings.seed,
        costs=joint.costs,
    )
    return Trials(study, objectives)


def table(seeds: Sequence[Mapping[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Means over search seeds, and how many times better than (b) each arm is."""
    rows = []
    for name in seeds[0]:
        row: dict[str, Any] = {"arm": name}
        for key in ("valid", "test", "auc", "noise"):
            row[key] = fmean(float(arms[name][key]) for arms in seeds)
        row["equal"] = sum(bool(arms[name]["equal"]) for arms in seeds)
        for cost in COSTS:
            row[cost] = fmean(arms[name]["costs"][cost] for arms in seeds)
            ratios = [arms["b"]["costs"][cost] / arms[name]["costs"][cost] for arms in seeds]
            # The geometric mean: half of the seeds at 2 and half at 1/2 is no gain.
            row[f"{cost}_gain"] = float(np.exp(np.mean(np.log(ratios))))
            row[f"{cost}_gains"] = ratios
        rows.append(row)
    return rows


def figure(rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    """How many times less than (b) each arm costs, one group of bars per cost."""
    drawn = go.Figure()
    for row in rows:
        drawn.add_bar(
            x=list(COSTS),
            y=[row[f"{cost}_gain"] for cost in COSTS],
            name=f"({row['arm']}) log loss {row['test']:.4f}, equal in {row['equal']} seeds",
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [max(row[f"{c}_gains"]) - row[f"{c}_gain"] for c in COSTS],
                "arrayminus": [row[f"{c}_gain"] - min(row[f"{c}_gains"]) for c in COSTS],
            },
        )
    drawn.add_hline(y=1, line={"dash": "dash", "width": 1})
    drawn.update_yaxes(type="log", title="times less than (b)")
    drawn.update_layout(
        title="Costs against (b); error bars span the search seeds", barmode="group"
    )
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="synthetic")
    parser.add_argument("--valid")
    parser.add_argument("--test")
    parser.add_argument("--label")
    parser.add_argument("--drop", nargs="*", default=[])
    parser.add_argument("--rows", type=int, default=120_000)
    parser.add_argument("--out", required=True)
    parser.add_argument(
        "--space", default="nasrec-pim-small", choices=("nasrec-pim-small", "nasrec-pim")
    )
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--widths", nargs="*", type=int, default=[16, 32, 64, 128, 256])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--sampler", default="mh")
    parser.add_argument("--top", type=int, default=2)
    parser.add_argument("--candidates", type=int, default=4)
    parser.add_argument("--scratch-seeds", type=int, default=3)
    parser.add_argument("--embedding-l2", type=float)
    parser.add_argument("--supernet-epochs", type=int)
    parser.add_argument("--scratch-epochs", type=int)
    parser.add_argument("--jobs", type=int)
    options = parser.parse_args()
    seeds = [one_seed(options, seed) for seed in range(options.seeds)]
    rows = table(seeds)
    out = Path(options.out)
    document = {"options": vars(options), "seeds": seeds, "table": rows}
    write_text(out / "codesign.json", json.dumps(document, indent=1) + "\n")
    figure(rows).write_html(out / "codesign.html", include_plotlyjs=True)
    for row in rows:
        title = TITLES[row["arm"][0]]
        gains = ", ".join(f"{cost} {row[f'{cost}_gain']:.2f}x" for cost in COSTS)
        print(
            f"({row['arm']}) {title}: test log loss {row['test']:.4f} (equal in {row['equal']} of "
            f"{len(seeds)}), less than (b): {gains}"
        )


if __name__ == "__main__":
    main()
