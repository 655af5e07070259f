r"""Model and hardware searched together, against one after the other: AutoRAC's comparison.

    python benchmarks/codesign.py --data synthetic --out runs/codesign-synthetic
    python benchmarks/codesign.py --data frappe --data-dir ../shared/data --out runs/codesign-frappe

Four arms, each trained from scratch with quantised weights and activations and measured on its
crossbars (ADCs, cells that vary), by one recipe, that of the model search:

(a) hand-made DLRM and DCNv2 on the default hardware (ISAAC at 8 bits), each with the embedding
    penalty that is best for it (all others have one penalty);
(b) the best model of a search for log loss alone with no more than ``--flops`` (about DCNv2's),
    mapped on the default hardware as it is: of its ``--top`` best, that with the best validation
    log loss from scratch;
(c) the same model, its hardware searched afterwards;
(d) model and hardware searched together.

All searches score by short trainings from the embeddings of one hand-made model that was trained in
full, with the bits of the hardware in the training and its crossbars in the scoring (or, with
``--evaluator supernet``, by a supernet). What is counted are evaluations: (b) has ``--trials`` of
models. (c) and (d) take these up, on the default hardware, which is what one would do who has a
model: (c) goes on with ``--more`` of hardware for the best model, (d) with ``--joint`` of model and
hardware, first with neighbours of the ``--starts`` best models that keep to the budget. These
minimize log loss under a budget, shares of (b)'s costs (`codesign_budgets.py`). Trainings from
scratch are not counted: (b) has ``--top`` of one seed, (d) ``--candidates`` in each of
``--rounds``, (c) half of these.

Of (c) and (d) candidates within the budget are raced (`codesign_race.py`): the most accurate
of each band of sizes; then cheaper ones than what passed or, where nothing did, more of the largest
band. Of those whose validation log loss from scratch is at most (b)'s plus its standard deviation
over the training seeds, the one that costs least stands for its arm ("at equal log loss"); where
none is, the one with the best log loss does, and the table says so. What it costs is the worst of
energy, latency and, in (d), FLOPs, each as a share of (b)'s.

Hypervolume, at equal numbers of evaluations by the same evaluator (``--trials`` and the lesser of
``--more`` and ``--joint``): a joint search for the hypervolume itself, (d)'s under its budget, one
after the other, and random architectures of the joint space. The first and the last are searched
when all arms are finished.

Everything lies below ``--out`` and is resumable: the same command goes on. It leaves
``codesign.json`` and ``codesign.html`` there and prints the table.
"""

import argparse
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from codesign_budgets import AFTER, TOGETHER
from codesign_figures import (
    arm_title,
    figure_gains,
    figure_hypervolume,
    figure_quality,
    figure_table,
)
from codesign_jobs import DEFAULTS, MODELS, SHARED, finished, settings_of
from codesign_race import (
    Candidate,
    Entry,
    Race,
    fastest_equal,
    fitted_recipe,
    most_accurate,
    trained,
)
from codesign_report import UNDER_BUDGET, Curves, compared, hypervolumes, table
from codesign_search import NoWorseThan, Searches, most_accurate_of

from dagsmith.files import write_text
from dagsmith.hardware.pim import Hardware
from dagsmith.training import baseline, candidate_evaluator


@dataclass(frozen=True)
class Compared:
    """The arms of one search seed.

    Args:
        arms: their figures; hand-made models come as (a) with their names.
        raced: all candidates that were trained from scratch, by arm.
        searches: of this seed.
        models: what was evaluated without hardware.
        ways: what was evaluated together and one after the other, in order.
        base: log loss of the base rate.
    """

    arms: dict[str, Entry]
    raced: dict[str, list[Entry]]
    searches: Searches
    models: list[Candidate]
    ways: dict[str, list[Candidate]]
    base: float

    def hypervolumes(self, trials: int, starts: int, *, all_ways: bool) -> Curves:
        """Of so many evaluations each way; those that are no arms are searched only if wanted."""
        ways = dict(self.ways)
        if all_ways:
            ways["joint"] = self.searches.for_the_front(self.models, starts, trials)
            ways["random"] = self.searches.at_random(trials)
        of, every = self.arms["b"]["costs"], max(1, trials // 20)
        return {
            way: hypervolumes(found[:trials], of, self.base, every) for way, found in ways.items()
        }


def compare(options: argparse.Namespace, seed: int) -> Compared:
    """All arms of one search seed."""
    out = Path(options.out) / f"seed{seed}"
    alone = finished(settings_of(options, seed, space=MODELS[options.space]), out / "model", SHARED)
    recipe = alone.directory.output("recipe") or {}
    # One recipe for all arms: a penalty chosen anew could flatter one of them.
    given: dict[str, Any] = {"data": str(alone.dataset.path), "valid": None, "test": None}
    given |= {"label": None, "drop": (), "rows": None}
    given |= {"embedding_l2": recipe["recipe"]["embedding_l2"]}
    supernet = options.evaluator == "supernet"
    joint = finished(
        settings_of(options, seed, space=options.space, **given),
        out / "joint",
        SHARED if supernet else SHARED[:-1],
    )
    rate = float(np.mean(joint.dataset.valid.label))
    base = float(-rate * np.log(rate) - (1 - rate) * np.log(1 - rate))
    # Short trainings begin with one table, whatever the hardware.
    plain = NoWorseThan(candidate_evaluator(alone), base)
    mapped = NoWorseThan(candidate_evaluator(joint), base) if supernet else plain
    searches = Searches(alone, joint, plain, mapped, options.sampler, options.flops, out)

    default = Hardware()
    found = searches.alone(options.trials)
    best = most_accurate_of(found, options.top, options.flops)
    nets = [default.equip(candidate.net) for candidate in best]
    arms: dict[str, Entry] = {}
    for name in ("dlrm", "dcnv2"):
        net = default.equip(baseline(alone, name))
        own = fitted_recipe(alone, net)
        arms[f"a, {name}"] = trained(alone, [net], options.scratch_seeds, own)[net.key]
    arms["b"] = most_accurate(alone, nets, options.scratch_seeds) | {"equal": True}
    limit, of = arms["b"]["valid"] + arms["b"]["noise"], arms["b"]["costs"]
    for name, entry in arms.items():
        entry["equal"] = name == "b" or entry["valid"] <= limit
    chosen = next(
        c for c, net in zip(best, nets, strict=True) if net.to_dict() == arms["b"]["architecture"]
    )

    together = searches.together(found, options.starts, options.joint, of)
    after = searches.hardware_after(chosen, options.more, of)
    few = max(1, options.candidates // 2)
    race = Race(few, options.rounds, options.finalists, options.scratch_seeds, AFTER)
    arms["c"], raced_after = fastest_equal(joint, after, limit, of, race)
    race = replace(race, width=options.candidates, budget=TOGETHER)
    arms["d"], raced_together = fastest_equal(joint, together, limit, of, race)

    ways = {UNDER_BUDGET: together, "one after the other": [*together[: len(found)], *after]}
    return Compared(arms, {"c": raced_after, "d": raced_together}, searches, found, ways, base)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="synthetic", choices=tuple(DEFAULTS))
    parser.add_argument("--data-dir", default=os.environ.get("DAGSMITH_DATA", "../shared/data"))
    parser.add_argument("--rows", type=int, default=120_000, help="of the synthetic log")
    parser.add_argument("--out", required=True)
    parser.add_argument("--space", default="ctr-plus-pim", choices=tuple(MODELS))
    parser.add_argument("--blocks", type=int, help="of NASRec; else 4")
    parser.add_argument("--widths", nargs="*", type=int, help="of NASRec's blocks, or of towers")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--which", type=int, nargs="+", help="search seeds; else the first ones")
    parser.add_argument("--trials", type=int, default=100, help="evaluations of (b)")
    parser.add_argument("--more", type=int, default=36, help="evaluations of (c) beside (b)'s")
    parser.add_argument("--joint", type=int, default=60, help="evaluations of (d) beside (b)'s")
    parser.add_argument(
        "--evaluator", default="short-training", choices=("supernet", "short-training")
    )
    parser.add_argument("--short-rows", type=int, help="training rows that a short training sees")
    parser.add_argument("--flops", type=float, default=500_000, help="most of a model in (b)")
    parser.add_argument("--starts", type=int, default=5, help="models that (d) starts from")
    parser.add_argument("--sampler", default="mh")
    parser.add_argument("--top", type=int, default=4, help="models of (b) that are raced")
    parser.add_argument("--candidates", type=int, default=6, help="of (d) per round; half for (c)")
    parser.add_argument("--rounds", type=int, default=2, help="of the race of (d)")
    parser.add_argument("--finalists", type=int, default=3, help="that get all training seeds")
    parser.add_argument("--scratch-seeds", type=int, default=3)
    parser.add_argument("--embedding-l2", type=float)
    parser.add_argument("--supernet-epochs", type=int)
    parser.add_argument("--scratch-epochs", type=int)
    parser.add_argument("--jobs", type=int)
    options = parser.parse_args()
    for name, value in DEFAULTS[options.data].items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    out = Path(options.out)
    done: list[Compared] = []
    seeds: list[dict[str, Entry]] = []
    curves: list[Curves] = []
    trials = options.trials + min(options.more, options.joint)
    for seed in options.which or range(options.seeds):
        done.append(compare(options, seed))
        seeds.append(done[-1].arms)
        curves.append(done[-1].hypervolumes(trials, options.starts, all_ways=False))
        _write(out, options, seeds, curves, [each.raced for each in done])
    for place, each in enumerate(done):
        curves[place] = each.hypervolumes(trials, options.starts, all_ways=True)
        _write(out, options, seeds, curves, [each.raced for each in done])
    rows = table(seeds)
    for row in rows:
        gains = ", ".join(
            f"{name.removesuffix('_gain')} {value:.2f}x"
            for name, value in row.items()
            if name.endswith("_gain")
        )
        print(
            f"{arm_title(row['arm'])}: test log loss {row['test']:.4f} (equal in "
            f"{row['equal']} of {len(seeds)}), less than (b): {gains}"
        )
    for way, found in compared(curves).items():
        (low, high), (least, most) = found["interval"], found["ahead_interval"]
        print(
            f"hypervolume, {way}: {found['mean']:.4f} [{low:.4f}, {high:.4f}]; joint is ahead by "
            f"{found['ahead']:.4f} [{least:.4f}, {most:.4f}]"
        )


def _write(
    out: Path,
    options: argparse.Namespace,
    seeds: list[dict[str, Entry]],
    curves: list[Curves],
    raced: list[dict[str, list[Entry]]],
) -> None:
    document: dict[str, Any] = {
        "options": vars(options),
        "table": table(seeds),
        "hypervolume": compared(curves),
        "curves": curves,
        "seeds": seeds,
        "raced": raced,
    }
    write_text(out / "codesign.json", json.dumps(document, indent=1) + "\n")
    pages = [
        figure_table(document["table"], len(seeds)),
        figure_quality(seeds, raced),
        figure_gains(document["table"], len(seeds)),
        figure_hypervolume(curves),
    ]
    parts = [
        page.to_html(
            full_html=False,
            include_plotlyjs="inline" if not index else False,
            config={"displayModeBar": False},
        )
        for index, page in enumerate(pages)
    ]
    head = '<!doctype html><html><head><meta charset="utf-8"><title>Co-design</title></head><body>'
    write_text(out / "codesign.html", head + "\n".join(parts) + "</body></html>\n")


if __name__ == "__main__":
    main()
