"""An example: run it where dagsmith is installed."""

import optuna
import optunahub
from optuna.distributions import CategoricalDistribution, IntDistribution

module = optunahub.load_module(package="samplers/dagsmith_metropolis_hastings")


def objective(trial: optuna.Trial) -> float:
    layers = trial.suggest_int("layers", 1, 6)
    width = trial.suggest_categorical("width", (16, 32, 64, 128))
    activation = trial.suggest_categorical("activation", ("relu", "gelu"))
    return abs(layers - 4) + abs(width - 64) / 32 + (activation == "relu")


space = module.ParameterSpace(
    {
        "layers": IntDistribution(1, 6),
        "width": CategoricalDistribution((16, 32, 64, 128)),
        "activation": CategoricalDistribution(("relu", "gelu")),
    }
)
study = optuna.create_study(sampler=module.MetropolisHastingsSampler(space, seed=0))
study.optimize(objective, n_trials=20)
print(study.best_value, study.best_params)
