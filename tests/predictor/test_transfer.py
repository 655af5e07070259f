from collections.abc import Mapping
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from dagsmith.predictor import (
    GraphFeatures,
    LinearPredictor,
    PredictorError,
    TransferPredictor,
)
from dagsmith.predictor.baselines import Encoding
from dagsmith.predictor.testing import check_predictor
from dagsmith.space import NASBench101Space, NASBench201Space, Population
from dagsmith.space.cells import CELL_OPERATIONS

SPACE = NASBench201Space("whole")
CELLS = SPACE.decode_many(SPACE.every_cell()[::31])


def devices(cells: Population) -> Mapping[str, NDArray[np.float64]]:
    """Latencies that are sums over the operations, as on three devices."""
    costs = {
        "phone": (1, 9, 2, 2, 0.2, 0),
        "server": (2, 5, 1, 1, 0.1, 0),
        "edge": (1, 3, 4, 4, 2, 0),
    }
    counts = np.stack(
        [(cells.attributes[:, :, 0] == op).sum(axis=1) for op in range(len(CELL_OPERATIONS))], 1
    )
    return {name: counts @ cost + 3.0 for name, cost in costs.items()}


def pretrained(cells: Population = CELLS) -> TransferPredictor:
    return TransferPredictor(cells.vocabulary).pretrain(cells, devices(cells))


def test_conformance() -> None:
    check_predictor(pretrained, CELLS)


def test_a_mixture_of_the_studies_needs_few_labels() -> None:
    known = devices(CELLS)
    target = 2.0 * known["phone"] + known["edge"]
    rows = np.random.default_rng(0).permutation(len(CELLS))
    few, rest = rows[:6], rows[6:]
    transferred = pretrained().fit(CELLS[few], target[few]).predict(CELLS[rest])
    alone = LinearPredictor(SPACE.kinds).fit(CELLS[few], target[few]).predict(CELLS[rest])
    errors = [np.abs(each.mean - target[rest]).mean() for each in (transferred, alone)]
    assert errors[0] < 0.1 * target.std()
    assert errors[0] < 0.3 * errors[1]


def test_what_no_study_knows_is_learned_from_enough_labels() -> None:
    skips = (CELLS.attributes[:, :, 0] == CELL_OPERATIONS.index("skip")).sum(axis=1)
    nones = (CELLS.attributes[:, :, 0] == CELL_OPERATIONS.index("none")).sum(axis=1)
    predictor = TransferPredictor(SPACE.kinds).pretrain(CELLS, {"skips": skips})
    rows = np.random.default_rng(0).permutation(len(CELLS))
    few, rest = rows[:100], rows[100:]
    mean = predictor.fit(CELLS[few], nones[few]).predict(CELLS[rest]).mean
    assert np.abs(mean - nones[rest]).max() < 0.1


def test_studies_of_another_space_count() -> None:
    other = NASBench101Space()
    cells = other.decode_many(other.sample(300, np.random.default_rng(1)))
    known = devices(CELLS)["server"]
    few = np.random.default_rng(2).permutation(len(CELLS))[:8]
    predicted = pretrained(cells).fit(CELLS[few], known[few]).predict(CELLS).mean
    alone = LinearPredictor(SPACE.kinds).fit(CELLS[few], known[few]).predict(CELLS).mean
    transferred, without = (np.corrcoef(known, each)[0, 1] for each in (predicted, alone))
    assert transferred > 0.95 > without


def test_calls_of_pretrain_add_up() -> None:
    known = devices(CELLS)
    rows = np.arange(10)
    together = pretrained().fit(CELLS[rows], known["phone"][rows])
    one_by_one = TransferPredictor(SPACE.kinds)
    for name, values in known.items():
        one_by_one.pretrain(CELLS, {name: values})
    one_by_one.fit(CELLS[rows], known["phone"][rows])
    np.testing.assert_allclose(one_by_one.predict(CELLS).mean, together.predict(CELLS).mean)


def test_any_predictor_can_be_the_study() -> None:
    # What paths tell of a cell, which a linear function of counts can only guess.
    rows = GraphFeatures.fit(CELLS).transform(CELLS)
    study = rows @ np.random.default_rng(0).normal(size=rows.shape[1])

    def predicted(encoding: Encoding) -> NDArray[np.float64]:
        predictor = TransferPredictor(
            SPACE.kinds,
            study=lambda kinds, seed: LinearPredictor(kinds, seed=seed, encoding=encoding),
        )
        predictor.pretrain(CELLS, {"study": study})
        return predictor.fit(CELLS[:20], study[:20]).predict(CELLS).mean

    errors = [np.abs(predicted(encoding) - study).mean() for encoding in get_args(Encoding)]
    assert errors[1] < 0.1 * errors[0]


def test_intervals_hold_what_they_say() -> None:
    """Labels with noise, of another device each time: the normal model is right, and covers."""
    rng = np.random.default_rng(3)
    costs = devices(CELLS)
    predictor = pretrained()
    covered = []
    for _ in range(30):
        weights = rng.normal(size=3)
        clean = np.stack([*costs.values()], axis=1) @ weights
        truth = clean + 0.2 * clean.std() * rng.normal(size=len(clean))
        rows = rng.permutation(len(CELLS))
        low, high = predictor.fit(CELLS[rows[:12]], truth[rows[:12]]).predict(CELLS).interval(0.9)
        covered.append(((low <= truth) & (truth <= high))[rows[12:]].mean())
    assert 0.85 < np.mean(covered) < 0.95


def test_samples_spread_as_far_as_the_posterior() -> None:
    target = devices(CELLS)["phone"] + np.random.default_rng(4).normal(size=len(CELLS))
    predictor = TransferPredictor(SPACE.kinds, members=400).pretrain(CELLS, devices(CELLS))
    prediction = predictor.fit(CELLS[:12], target[:12]).predict(CELLS)
    assert prediction.samples.shape == (400, len(CELLS))
    low, high = prediction.interval(0.5)
    # The interval has the noise of the evaluation beside what is not known of the mean.
    assert (prediction.std < (high - low)).all()
    assert (prediction.std > 0).all()


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: TransferPredictor(SPACE.kinds, members=1), "members is 1"),
        (lambda: TransferPredictor(SPACE.kinds).pretrain(CELLS, {}), "at least one cost"),
        (lambda: TransferPredictor(SPACE.kinds).fit(CELLS[:5], range(5)), "call pretrain"),
        (lambda: pretrained().predict(CELLS), "call fit first"),
        (
            lambda: TransferPredictor(SPACE.kinds).pretrain(CELLS, {"a": np.ones(len(CELLS))}),
            "a have 1 distinct",
        ),
    ],
)
def test_refusals(attempt: object, message: str) -> None:
    assert callable(attempt)
    with pytest.raises(PredictorError, match=message):
        attempt()
