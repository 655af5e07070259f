"""An Optuna script as it was, and the three lines that make it search with MH-ES.

Only the lines marked NEW were added: the objective, the loop and the storage are the script's own.
The space says what the script asks its trials for; lists of choices and Optuna's distributions do.
"""

import math

import optuna

from dagsmith.search import MetropolisHastingsSampler  # NEW
from dagsmith.space import ParameterSpace  # NEW

DISTRIBUTIONS = {
    "layers": optuna.distributions.IntDistribution(1, 6),
    "width": optuna.distributions.CategoricalDistribution((16, 32, 64, 128, 256)),
    "activation": optuna.distributions.CategoricalDistribution(("relu", "gelu", "tanh")),
    "dropout": optuna.distributions.FloatDistribution(0.0, 0.5, step=0.1),
    "residual": optuna.distributions.CategoricalDistribution((False, True)),
}


def objective(trial: optuna.Trial) -> float:
    layers = trial.suggest_int("layers", 1, 6)
    width = trial.suggest_categorical("width", (16, 32, 64, 128, 256))
    activation = trial.suggest_categorical("activation", ("relu", "gelu", "tanh"))
    dropout = trial.suggest_float("dropout", 0.0, 0.5, step=0.1)
    residual = trial.suggest_categorical("residual", (False, True))
    # Stands for a training of yours: deep nets want residuals, wide ones dropout.
    loss = 0.3 + 0.02 * (math.log2(width) - 7.0) ** 2 + 0.3 * abs(dropout - width / 512)
    loss += 0.05 * layers if not residual else 0.02 * abs(layers - 5)
    return loss + {"relu": 0.02, "gelu": 0.0, "tanh": 0.06}[activation]


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=MetropolisHastingsSampler(ParameterSpace(DISTRIBUTIONS), seed=0),  # NEW
        direction="minimize",
    )
    study.optimize(objective, n_trials=30)
    print(f"best of {len(study.trials)}: {study.best_value:.3f} with {study.best_params}")


if __name__ == "__main__":
    main()
