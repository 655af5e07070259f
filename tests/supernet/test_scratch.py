from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pytest
import torch

from dagsmith.data import Dataset, Split
from dagsmith.space import HANDMADE, Architecture, Block, NASRecSpace, named_architecture
from dagsmith.supernet import (
    RECIPES,
    ClickModel,
    MetricError,
    Network,
    Recipe,
    TrainingError,
    click_metrics,
    predict,
    train_scratch,
)
from dagsmith.supernet.estimated_statistics import estimate_statistics

CPU = torch.device("cpu")
QUICK = replace(RECIPES["nasrec"], epochs=3, batch_size=200, lr=0.05)
MONITORED = replace(QUICK, schedule="constant", monitor="logloss", patience=2)


@dataclass(frozen=True)
class Splits:
    """Splits that stand in for a data set."""

    splits: dict[str, Split]

    @property
    def train(self) -> Split:
        return self.splits["train"]

    @property
    def valid(self) -> Split:
        return self.splits["valid"]


@pytest.fixture(scope="module")
def architecture(small_space: NASRecSpace) -> Architecture:
    first = Block(("fc",), ("efc",), 16, 8, fm=True)
    last = Block(("dot_product",), ("efc",), 16, 8, (0, 1), (0, 1))
    return small_space.assemble([first, first, last])


@pytest.fixture
def network(architecture: Architecture, dataset: Dataset) -> Network:
    return Network(architecture, dataset.fields, seed=1)


def weights_of(model: ClickModel) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def test_a_seed_repeats_the_training(architecture: Architecture, dataset: Dataset) -> None:
    recipe = replace(QUICK, dropout=0.3)
    first, again, other = (
        train_scratch(Network(architecture, dataset.fields, seed=1), dataset, recipe, seed=seed)
        for seed in (1, 1, 2)
    )
    assert first.metrics == again.metrics
    assert first.metrics != other.metrics
    kept = weights_of(again.model)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in weights_of(first.model).items())


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_architectures(network: Network, dataset: Dataset, name: str) -> None:
    recipe = replace(RECIPES[name], epochs=min(2, RECIPES[name].epochs))
    steps: list[int] = []
    before = weights_of(network)
    trained = train_scratch(
        network, dataset, recipe, progress=lambda stage, done, total: steps.append(done)
    )
    per_epoch = -(-len(dataset.train) // recipe.batch_size)
    assert steps == list(range(1, recipe.epochs * per_epoch + 1))
    assert (trained.steps, trained.epochs) == (steps[-1], recipe.epochs)
    after = weights_of(trained.model)
    assert not torch.equal(before["embedding.weight"], after["embedding.weight"])
    assert not torch.equal(before["weights.head/bias"], after["weights.head/bias"])
    assert set(trained.metrics) == {"valid", "test"}
    assert not trained.model.training


def hand_made(name: str, dataset: Dataset) -> Network:
    dense, fields = len(dataset.dense_features), len(dataset.fields)
    architecture = named_architecture(name, dense, fields, embedding_dim=4, hidden=(8,))
    return Network(architecture, dataset.fields, std=1e-2)


@pytest.mark.parametrize("name", HANDMADE)
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_trains_the_handmade_models(dataset: Dataset, name: str, recipe: str) -> None:
    model = hand_made(name, dataset)
    trained = train_scratch(model, dataset, replace(RECIPES[recipe], epochs=1), splits=("test",))
    assert set(trained.metrics) == {"test"}
    assert 0 < trained.metrics["test"]["logloss"] < 2


def test_training_fits_the_rows_it_sees(network: Network, dataset: Dataset) -> None:
    before = click_metrics(dataset.train.label, predict(network, dataset.train, CPU))
    trained = train_scratch(network, dataset, replace(QUICK, epochs=6), splits=("train",))
    assert trained.metrics["train"]["logloss"] < before["logloss"] - 0.1
    assert trained.metrics["train"]["auc"] > 0.75


def test_a_step_is_the_step_of_the_plain_optimizers(
    architecture: Architecture, dataset: Dataset
) -> None:
    """One Adam step of the whole batch, written out, with clipping and embedding L2."""
    recipe = Recipe(
        "one", 1, len(dataset.train), "adam", 1e-2, 1e-8, "constant", False, 0.05, clip=0.5
    )
    model, reference = (Network(architecture, dataset.fields, seed=1) for _ in range(2))
    train_scratch(model, dataset, recipe, splits=())
    dense = torch.from_numpy(np.array(dataset.train.dense))
    ids = torch.from_numpy(np.array(dataset.train.sparse)).long()
    label = torch.from_numpy(np.array(dataset.train.label))
    assert reference.embedding is not None
    optimizer = torch.optim.Adam(reference.parameters(), lr=1e-2, eps=1e-8)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(reference(dense, ids), label)
    penalty = 0.05 / 2 * reference.embedding.weight.square().sum()
    (loss + penalty).backward()
    torch.nn.utils.clip_grad_norm_(reference.parameters(), 0.5)
    optimizer.step()
    # Adam divides by the gradient's own size, so rounding shows where that is nearly nothing.
    expected = weights_of(reference)
    for name, tensor in weights_of(model).items():
        near = (tensor - expected[name]).abs() < 1e-4
        assert float(near.float().mean()) > 0.99, name


def test_monitor_keeps_the_best_epoch(architecture: Architecture, dataset: Dataset) -> None:
    """At a rate that overfits, the kept weights are those of a shorter training."""
    recipe = replace(MONITORED, epochs=30, lr=0.5)
    trained = train_scratch(Network(architecture, dataset.fields, seed=1), dataset, recipe)
    assert trained.best_epoch < trained.epochs < recipe.epochs
    assert trained.epochs - trained.best_epoch == recipe.patience
    shorter = train_scratch(
        Network(architecture, dataset.fields, seed=1),
        dataset,
        replace(recipe, epochs=trained.best_epoch, monitor=None),
    )
    assert shorter.metrics == trained.metrics
    found = click_metrics(dataset.valid.label, predict(trained.model, dataset.valid, CPU))
    assert found == trained.metrics["valid"]


def test_without_monitor_the_last_epoch_is_kept(network: Network, dataset: Dataset) -> None:
    trained = train_scratch(network, dataset, QUICK)
    assert trained.best_epoch == trained.epochs == 3


def test_plateau_lowers_the_rate_tenfold(architecture: Architecture, dataset: Dataset) -> None:
    """Nothing improves upon a first epoch at an absurd rate; the second drop comes too."""
    rates: list[float] = []
    step = torch.optim.Adagrad.step

    def recorded(self: torch.optim.Adagrad, closure: None = None) -> object:
        rates.append(self.param_groups[0]["lr"])
        return step(self, closure)

    recipe = replace(MONITORED, schedule="plateau", epochs=40, patience=3, lr=0.5, batch_size=1400)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adagrad, "step", recorded)
        trained = train_scratch(Network(architecture, dataset.fields), dataset, recipe)
    assert rates[0] == 0.5
    assert rates[-1] == pytest.approx(0.5 * 0.1 ** (recipe.patience - 1), rel=1e-6)
    assert trained.epochs == len(rates)


def test_the_average_is_what_is_kept(architecture: Architecture, dataset: Dataset) -> None:
    """Followed step by step: decay min(d, (1 + n) / (10 + n)) after step n."""
    recipe = replace(QUICK, average=0.9, epochs=1, batch_size=350)
    model = Network(architecture, dataset.fields, seed=1)
    average = {name: tensor.detach().clone() for name, tensor in model.named_parameters()}

    def follow(stage: str, done: int, total: int | None) -> None:
        decay = min(0.9, (1 + done) / (10 + done))
        for name, tensor in model.named_parameters():
            average[name] = decay * average[name] + (1 - decay) * tensor.detach()

    trained = train_scratch(model, dataset, recipe, progress=follow)
    assert trained.steps == 4
    for name, tensor in trained.model.named_parameters():
        torch.testing.assert_close(tensor.detach(), average[name])


@pytest.mark.parametrize("monitor", ["logloss", None])
def test_statistics_of_what_is_kept_are_those_of_its_weights(
    dataset: Dataset, monitor: Literal["logloss"] | None
) -> None:
    recipe = replace(QUICK, average=0.9, epochs=2, batch_size=350, monitor=monitor)
    trained = train_scratch(hand_made("dnn", dataset), dataset, recipe, seed=3)
    before = {name: tensor.clone() for name, tensor in trained.model.named_buffers()}
    assert any(name.endswith("variance") for name in before)
    estimate_statistics(trained.model, dataset.train, 350, seed=3)
    for name, tensor in trained.model.named_buffers():
        if not name.endswith("batches"):
            torch.testing.assert_close(tensor, before[name])


def test_a_monitored_average_is_measured(architecture: Architecture, dataset: Dataset) -> None:
    recipe = replace(MONITORED, average=0.9, epochs=4)
    trained = train_scratch(Network(architecture, dataset.fields, seed=1), dataset, recipe)
    found = click_metrics(dataset.valid.label, predict(trained.model, dataset.valid, CPU))
    assert found == trained.metrics["valid"]


def test_bfloat16_trains_to_nearly_the_same(architecture: Architecture, dataset: Dataset) -> None:
    full, half = (
        train_scratch(
            Network(architecture, dataset.fields, seed=1),
            dataset,
            replace(QUICK, precision=precision),
        ).metrics["valid"]["logloss"]
        for precision in ("float32", "bfloat16")
    )
    assert half != full
    assert half == pytest.approx(full, abs=0.03)


@pytest.mark.parametrize("name", ["dnn", "dcnv2"])
def test_a_last_batch_of_one_row_is_trained(dataset: Dataset, name: str) -> None:
    one_more = Splits({"train": dataset.train.part(0, 201), "valid": dataset.valid})
    model = hand_made(name, dataset)
    trained = train_scratch(model, one_more, replace(QUICK, epochs=1), splits=())  # type: ignore[arg-type]
    assert trained.steps == 2


def test_normalised_embeddings_are_trained_and_kept(
    architecture: Architecture, dataset: Dataset
) -> None:
    """A last batch of one row included."""
    recipe = replace(MONITORED, rowwise=False, embedding_l2=1e-3, lr=1e-2, batch_size=1399)
    network = Network(architecture, dataset.fields, seed=1, normalise=True, std=1e-2)
    trained = train_scratch(network, dataset, recipe)
    assert trained.steps == 2 * trained.epochs
    assert trained.model.embedding is not None
    assert trained.model.embedding.norm is not None
    found = click_metrics(dataset.valid.label, predict(trained.model, dataset.valid, CPU))
    assert found == trained.metrics["valid"]


def test_predictions_come_in_the_order_of_the_rows(network: Network, dataset: Dataset) -> None:
    small, large = (predict(network, dataset.valid, CPU, batch_size=size) for size in (7, 1000))
    assert small == pytest.approx(large, abs=1e-6)
    assert len(small) == len(dataset.valid)
    assert ((small > 0) & (small < 1)).all()
    middle = predict(network, dataset.valid.part(100, 110), CPU)
    assert middle == pytest.approx(large[100:110], abs=1e-6)


def test_a_loss_that_is_no_number_ends_training(network: Network, dataset: Dataset) -> None:
    network.weights["head/bias"].data.fill_(float("nan"))
    with pytest.raises(TrainingError, match="loss is nan at step 0"):
        train_scratch(network, dataset, QUICK)


def test_choosing_by_auc_needs_both_classes(network: Network, dataset: Dataset) -> None:
    clicked = np.flatnonzero(dataset.valid.label == 1)
    rows = dataset.valid.take(clicked)
    one_class = Splits(
        {"train": dataset.train, "valid": Split(rows.dense, rows.sparse, rows.label)}
    )
    with pytest.raises(MetricError, match=r"AUC is undefined: all .* rows are clicks"):
        train_scratch(network, one_class, replace(MONITORED, monitor="auc"))  # type: ignore[arg-type]
