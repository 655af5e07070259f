"""The whole way as library calls: the stages of `dagsmith search`, one after another.

Each stage is a call of its own room, and any of them can be replaced: another data set, another
space, another evaluator, another sampler. Settings here are small, so that it ends in seconds.
"""

import tempfile
from pathlib import Path

from dagsmith.data import prepare_synthetic
from dagsmith.hardware import Flops, Parameters, costs
from dagsmith.search import (
    RankTracker,
    make_sampler,
    open_study,
    parse_objectives,
    run_search,
    select_finalists,
)
from dagsmith.space import nasrec_small
from dagsmith.supernet import (
    RECIPES,
    Network,
    Supernet,
    SupernetEvaluator,
    SupernetRecipe,
    train_scratch,
    train_supernet,
)


def main(folder: Path) -> None:
    # 1. A click log becomes a columnar store. `prepare` does it for files of yours.
    dataset = prepare_synthetic(folder / "data", rows=6_000)
    print(dataset)

    # 2. A search space over its features; two blocks instead of seven.
    space = nasrec_small(
        len(dataset.dense_features), len(dataset.fields), blocks=2, widths=(16, 32, 64)
    )
    print(space.describe())

    # 3. One supernet, trained once, holds the weights of every architecture of the space.
    supernet = Supernet(space, dataset.fields, seed=0)
    training = train_supernet(supernet, dataset, SupernetRecipe(batch_size=128, seed=0))
    print(f"supernet: {training.steps} steps, training loss {training.loss:.4f}")

    # 4. The search: MH-ES proposes with a GNN predictor inside, the supernet evaluates.
    objectives = parse_objectives("logloss,flops")
    study = open_study(folder / "study.db", "example", space, objectives)

    def known_costs(population):
        return costs(population, [Parameters(), Flops()])

    summary = run_search(
        study,
        space,
        SupernetEvaluator(supernet, dataset),
        sampler=lambda seed: make_sampler(
            "mh", space, seed, initial=8, objectives=objectives, costs=known_costs
        ),
        trials=16,
        initial=8,
        costs=known_costs,
    )
    print(f"search: {summary.evaluated} architectures in {summary.rounds} rounds")

    # 5. How well did the predictor rank what it had not seen?
    tau = RankTracker.from_study(study).overall()
    print(f"predictor against supernet: Kendall's tau {tau.value} from {tau.low} to {tau.high}")

    # 6. The best are trained from scratch.
    for finalist in select_finalists(study, space, 2):
        model = Network(finalist.architecture, dataset.fields, seed=0)
        trained = train_scratch(model, dataset, RECIPES["nasrec"], seed=0)
        test = trained.metrics["test"]
        print(f"{finalist.key[:12]}: test log loss {test['logloss']:.4f}, AUC {test['auc']:.4f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        main(Path(name))
