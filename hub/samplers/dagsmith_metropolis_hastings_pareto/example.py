"""An example: run it where dagsmith is installed."""

import optuna
import optunahub
from optuna.distributions import CategoricalDistribution, IntDistribution

module = optunahub.load_module(package="samplers/dagsmith_metropolis_hastings_pareto")


def objective(trial: optuna.Trial) -> tuple[float, float]:
    layers = trial.suggest_int("layers", 1, 6)
    width = trial.suggest_categorical("width", (16, 32, 64, 128))
    return 1.0 / (layers * width), float(layers * width**2)


space = module.ParameterSpace(
    {"layers": IntDistribution(1, 6), "width": CategoricalDistribution((16, 32, 64, 128))}
)
study = optuna.create_study(
    sampler=module.ParetoMetropolisHastingsSampler(space, seed=0),
    directions=["minimize", "minimize"],
)
study.optimize(objective, n_trials=20)
print([trial.values for trial in study.best_trials])
