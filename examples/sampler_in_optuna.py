"""Only the sampler: MH-ES inside an Optuna study of your own.

The study, its storage, its pruners, its dashboard and the loop stay Optuna's; the sampler proposes
whole architectures, and the objective asks the space for the one of its trial.
"""

import optuna

from dagsmith.hardware import Flops, Parameters, costs
from dagsmith.search import MetropolisHastingsSampler, MetropolisHastingsSettings
from dagsmith.space import Population, nasrec_small

SPACE = nasrec_small(dense_features=13, sparse_fields=26, blocks=3)


def objective(trial: optuna.Trial) -> float:
    architecture = SPACE.suggest(trial)
    # Stands for a training of yours: close to 1 M multiply-accumulates with few parameters.
    population = Population.from_architectures([architecture], SPACE.kinds)
    cost = {name: float(v[0]) for name, v in costs(population, [Flops(), Parameters()]).items()}
    trial.set_user_attr("flops", cost["flops"])
    return abs(cost["flops"] - 1e6) / 1e6 + cost["parameters"] / 1e6


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = MetropolisHastingsSampler(
        SPACE, settings=MetropolisHastingsSettings(initial=16), seed=0, batch=8
    )
    study = optuna.create_study(sampler=sampler, direction="minimize")
    study.optimize(objective, n_trials=32)
    best = study.best_trial
    print(f"best of {len(study.trials)}: {best.value:.3f} at {best.user_attrs['flops']:.3g} FLOPs")
    print(", ".join(f"{name}={value}" for name, value in best.params.items() if "width" in name))


if __name__ == "__main__":
    main()
