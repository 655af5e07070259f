"""Only the predictor: learn from a table of evaluated architectures, rank new ones.

The table here is made up by a formula; yours may come from any file, as long as each row is an
architecture (a typed DAG) and a number.
"""

import os

import numpy as np

from dagsmith.hardware import Flops, Parameters, costs
from dagsmith.predictor import GNNPredictor, GNNSettings, rank_correlation
from dagsmith.predictor.training import TrainingSettings
from dagsmith.space import nasrec_full

SMALL = "DAGSMITH_SMALL" in os.environ
EVALUATED, NEW, EPOCHS = (60, 200, 20) if SMALL else (200, 2_000, 60)


def main() -> None:
    rng = np.random.default_rng(0)
    space = nasrec_full(dense_features=13, sparse_fields=26)

    def truth(population):
        # Bigger is better, with diminishing returns and some luck.
        flops = costs(population, [Flops()])["flops"]
        return 0.45 - 0.004 * np.log10(flops) + 0.001 * rng.normal(size=len(population))

    evaluated = space.decode_many(space.sample(EVALUATED, rng))
    settings = GNNSettings(
        members=2, training=TrainingSettings(epochs=EPOCHS), pretraining=TrainingSettings(epochs=2)
    )
    predictor = GNNPredictor(space.kinds, settings, seed=0)

    # What is known of every architecture for free is learned first, on unevaluated ones.
    unevaluated = space.decode_many(space.sample(EVALUATED, rng))
    predictor.pretrain(unevaluated, costs(unevaluated, [Flops(), Parameters()]))
    predictor.fit(evaluated, truth(evaluated))

    new = space.decode_many(space.sample(NEW, rng))
    prediction = predictor.predict(new)
    best = int(np.argmin(prediction.mean))
    print(f"best of {NEW} new: {prediction.mean[best]:.4f} +- {prediction.std[best]:.4f}")
    found = rank_correlation(truth(new), prediction.mean)
    print(f"Kendall's tau on them: {found.value:.2f} [{found.low:.2f}, {found.high:.2f}]")


if __name__ == "__main__":
    main()
