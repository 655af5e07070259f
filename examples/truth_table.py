"""Recommender architectures whose truth is known: judge a predictor and a sampler in a minute.

Every row of the table was trained from scratch with two seeds; see its data card for how. The
predictor learns short trainings of a few rows and ranks all others; the sampler asks the table
instead of training.
"""

import os

import numpy as np
import optuna

from dagsmith.data import truth_table
from dagsmith.predictor import GNNPredictor, GNNSettings, TrainingSettings, rank_correlation
from dagsmith.search import MetropolisHastingsSampler

SMALL = "DAGSMITH_SMALL" in os.environ
LABELS, TRIALS = (30, 12) if SMALL else (100, 40)


def main() -> None:
    truth = truth_table("frappe-ctr-plus")
    table = truth.table.measured("valid_logloss", "short_logloss")
    ceiling = truth.card["noise"]["tau of two seeds"]["value"]
    print(f"{len(table)} architectures; two seeds agree with tau {ceiling:.2f}")

    known, rest = table.split(train=LABELS, seed=0)
    quick = GNNSettings(members=2, training=TrainingSettings(epochs=20)) if SMALL else None
    # Few labels lack some kinds: what is unknown is predicted as the mean, not refused.
    predictor = GNNPredictor(known.kinds, quick, unknown="mean")
    predictor.fit(known.population, known.column("short_logloss"))
    said = predictor.predict(rest.population).mean
    for name in ("short_logloss", "valid_logloss"):
        tau = rank_correlation(rest.column(name), said)
        print(f"{LABELS} labels, {name}: tau {tau.value:.2f} [{tau.low:.2f}, {tau.high:.2f}]")

    space, evaluator = truth.sampled, truth.evaluator

    def objective(trial: optuna.Trial) -> float:
        found = evaluator.evaluate([space.suggest(trial)])[0]
        return found.metrics.get("valid_logloss", np.inf)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=MetropolisHastingsSampler(space, seed=0, batch=4))
    study.optimize(objective, n_trials=TRIALS)
    better = int((table.column("valid_logloss") < study.best_value).sum())
    print(f"best of {TRIALS}: log loss {study.best_value:.4f}; {better} of {len(table)} are better")


if __name__ == "__main__":
    main()
