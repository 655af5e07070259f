"""The conformance suite of predictors: run it on your own in one test."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.prediction import Predictor
from dagsmith.space import Population


def check_predictor(make: Callable[[], Predictor], population: Population) -> None:
    """Hold a predictor to what `Predictor` promises.

    Args:
        make: makes a new predictor over the population's component kinds, always the same one.
        population: at least 12 architectures, not all alike.

    Raises:
        AssertionError: the promise that is not kept.
    """
    known, unseen = population[: len(population) // 2], population
    targets = known.present.sum(axis=1) + 0.01 * np.arange(len(known))
    _check_refusals(make, known, targets)

    predictor = make()
    assert isinstance(predictor, Predictor), "it lacks fit or predict"
    assert predictor.fit(known, targets) is predictor, "fit does not return the predictor"
    prediction = predictor.predict(unseen)
    batch = len(unseen)
    assert prediction.mean.shape == prediction.std.shape == (batch,), "mean and std are not [batch]"
    assert prediction.samples.ndim == 2, "samples are not [members, batch]"
    assert prediction.samples.shape[1] == batch, "samples are not [members, batch]"
    for name in ("mean", "std", "samples"):
        assert np.isfinite(getattr(prediction, name)).all(), f"{name} is not finite"
    assert (prediction.std >= 0).all(), "std is below 0"
    assert np.allclose(prediction.samples.mean(axis=0), prediction.mean), "mean is not of samples"
    assert len(predictor.predict(unseen[:0])) == 0, "an empty population does not get no answers"

    scale = float(np.ptp(targets))

    def same(other: NDArray[np.float64], expected: NDArray[np.float64]) -> bool:
        return bool(np.allclose(other, expected, rtol=0, atol=1e-4 * scale))

    rows = np.arange(batch)[::-1]
    again = predictor.predict(unseen[rows]).mean
    assert same(again, prediction.mean[rows]), "an answer depends on its place in the batch"
    single = [unseen.architecture(row) for row in range(batch)]
    assert same(predictor.predict(single).mean, prediction.mean), (
        "architectures and the population of them get different answers"
    )
    anew = predictor.fit(known, targets).predict(unseen).mean
    assert same(anew, prediction.mean), "fitting again does not start anew"
    # Degrees Celsius or Fahrenheit: the unit of the target must not matter.
    converted = make().fit(known, 1.8 * targets + 32.0).predict(unseen).mean
    assert np.allclose(converted, 1.8 * prediction.mean + 32.0, rtol=0, atol=1e-2 * scale), (
        "the answer is not in the unit of the targets"
    )


def _check_refusals(
    make: Callable[[], Predictor], known: Population, targets: NDArray[np.float64]
) -> None:
    refused: Mapping[str, Callable[[], object]] = {
        "predict before fit": lambda: make().predict(known),
        "one target too few": lambda: make().fit(known, targets[:-1]),
        "a NaN target": lambda: make().fit(known, np.where(targets == targets[1], np.nan, targets)),
        "constant targets": lambda: make().fit(known, np.ones(len(known))),
        "two distinct targets": lambda: make().fit(known, np.arange(len(known)) % 2),
    }
    for what, attempt in refused.items():
        try:
            attempt()
        except PredictorError:
            continue
        raise AssertionError(f"no PredictorError for {what}")
