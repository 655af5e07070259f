from dataclasses import dataclass

import numpy as np
import pytest
import torch

from dagsmith.data import Dataset, Split
from dagsmith.data.testing import check_evaluator
from dagsmith.space import Architecture, ArchitectureError, NASRecSpace, SpaceError, nasrec_small
from dagsmith.supernet import (
    SubnetScoring,
    Supernet,
    SupernetEvaluator,
    SupernetRecipe,
    click_metrics,
    predict,
    train_supernet,
)

REFITS = ("newton", "sgd", "none")


@pytest.fixture(scope="module")
def supernet(small_space: NASRecSpace, dataset: Dataset) -> Supernet:
    torch.set_num_threads(1)
    trained = Supernet(small_space, dataset.fields, seed=1)
    train_supernet(trained, dataset, SupernetRecipe(epochs=3, batch_size=128))
    return trained


@pytest.fixture(scope="module")
def architectures(small_space: NASRecSpace) -> list[Architecture]:
    genotypes = small_space.sample(4, np.random.default_rng(2))
    return [small_space.decode(genotype) for genotype in genotypes]


@dataclass(frozen=True)
class Seen:
    """A data set that is scored on the rows it is fitted on."""

    train: Split
    valid: Split


def losses(
    supernet: Supernet, data: object, architectures: list[Architecture], **scoring: object
) -> list[float]:
    evaluator = SupernetEvaluator(supernet, data, SubnetScoring(**scoring))  # type: ignore[arg-type]
    return [found.metrics["logloss"] for found in evaluator.evaluate(architectures)]


def test_it_is_an_evaluator(
    supernet: Supernet, dataset: Dataset, architectures: list[Architecture]
) -> None:
    evaluator = SupernetEvaluator(supernet, dataset, SubnetScoring(seed=4))
    check_evaluator(evaluator, architectures)
    evaluations = evaluator.evaluate(architectures)
    assert [found.architecture for found in evaluations] == architectures
    for found in evaluations:
        assert (found.fidelity, found.seed, found.failure) == ("supernet", 4, "")
        assert set(found.metrics) == {"logloss", "auc", "normalised_entropy", "calibration_error"}
        assert found.seconds > 0
    assert evaluator.evaluate([]) == []


def test_without_refit_the_score_is_that_of_the_extracted_network(
    supernet: Supernet, dataset: Dataset, architectures: list[Architecture]
) -> None:
    scoring = SubnetScoring("none", score_rows=None, batch_size=97)
    for found in SupernetEvaluator(supernet, dataset, scoring).evaluate(architectures):
        alone = predict(supernet.extract(found.architecture), dataset.valid, supernet.device)
        expected = click_metrics(dataset.valid.label, alone)
        assert found.metrics == pytest.approx(dict(expected), abs=1e-5)


@pytest.mark.parametrize("refit", REFITS)
def test_scores_repeat_and_do_not_depend_on_each_other(
    supernet: Supernet, dataset: Dataset, architectures: list[Architecture], refit: str
) -> None:
    before = {name: tensor.clone() for name, tensor in supernet.state().items()}
    first = losses(supernet, dataset, architectures, refit=refit)
    assert losses(supernet, dataset, architectures[::-1], refit=refit) == first[::-1]
    assert len(set(first)) == len(first)
    for name, tensor in supernet.state().items():
        assert torch.equal(tensor, before[name]), f"scoring changed {name}"


def test_both_refits_lower_the_training_loss(
    supernet: Supernet, dataset: Dataset, architectures: list[Architecture]
) -> None:
    data = Seen(dataset.train, dataset.train)
    found = {
        refit: losses(supernet, data, architectures, refit=refit, score_rows=None, ridge=1e-4)
        for refit in REFITS
    }
    for newton, sgd, none in zip(*(found[refit] for refit in REFITS), strict=True):
        assert newton < none - 0.01
        assert sgd < none - 0.01
        assert newton < sgd + 1e-3


def test_a_heavy_ridge_keeps_the_supernets_head(
    supernet: Supernet, dataset: Dataset, architectures: list[Architecture]
) -> None:
    heavy = losses(supernet, dataset, architectures, ridge=1e6)
    assert heavy == pytest.approx(losses(supernet, dataset, architectures, refit="none"), abs=1e-3)


def test_the_seed_draws_the_rows(
    supernet: Supernet, dataset: Dataset, architectures: list[Architecture]
) -> None:
    first, again, other = (
        losses(supernet, dataset, architectures, seed=seed, score_rows=100, refit_rows=200)
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_more_rows_than_there_are_is_all_of_them(
    supernet: Supernet, dataset: Dataset, architectures: list[Architecture]
) -> None:
    everything = losses(supernet, dataset, architectures, score_rows=None, refit_rows=1400)
    assert (
        losses(supernet, dataset, architectures, score_rows=10**6, refit_rows=10**6) == everything
    )


def test_bfloat16_scores_near_float32(
    supernet: Supernet, dataset: Dataset, architectures: list[Architecture]
) -> None:
    full, half = (
        losses(supernet, dataset, architectures, precision=precision)
        for precision in ("float32", "bfloat16")
    )
    assert half != full
    assert half == pytest.approx(full, abs=0.02)


@pytest.mark.parametrize("refit", REFITS)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["head/bias", "everywhere"])
def test_scores_that_are_not_finite_are_a_failure(
    small_space: NASRecSpace,
    dataset: Dataset,
    architectures: list[Architecture],
    refit: str,
    value: float,
    where: str,
) -> None:
    broken = Supernet(small_space, dataset.fields)
    for name, tensor in broken.bank.tensors.items():
        if where in (name, "everywhere"):
            tensor.fill_(value)
    scoring = SubnetScoring(refit)  # type: ignore[arg-type]
    for found in SupernetEvaluator(broken, dataset, scoring).evaluate(architectures):
        assert found.failure == "the subnet's scores are not finite"
        assert not found.metrics


def test_an_architecture_of_another_space_is_refused(supernet: Supernet, dataset: Dataset) -> None:
    other = nasrec_small(3, 5)
    architecture = other.decode(other.sample(1, np.random.default_rng(0))[0])
    with pytest.raises(ArchitectureError, match="nasrec-full"):
        SupernetEvaluator(supernet, dataset).evaluate([architecture])


def test_an_unknown_refit_is_told_the_nearest() -> None:
    with pytest.raises(SpaceError, match="did you mean 'newton'"):
        SubnetScoring("newtom")  # type: ignore[arg-type]
