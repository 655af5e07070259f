"""Networks that are mapped to crossbars: what they compute, and what their hardware costs them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dagsmith.data import Dataset, prepare_synthetic
from dagsmith.hardware.pim import Hardware
from dagsmith.space import Architecture, Block, NASRecPIMSpace, Node, nasrec_pim
from dagsmith.supernet import (
    Analog,
    Network,
    PathSampler,
    ShortTraining,
    ShortTrainingEvaluator,
    SubnetScoring,
    Supernet,
    SupernetEvaluator,
    SupernetRecipe,
    click_metrics,
    predict,
    train_scratch,
    train_supernet,
)
from dagsmith.supernet.inputs import to_tensors
from dagsmith.supernet.plan import compile_plan
from dagsmith.supernet.recipes import DEFAULT


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """More rows than elsewhere: a model must have learnt what its hardware can take away."""
    return prepare_synthetic(tmp_path_factory.mktemp("synthetic") / "data", rows=8000)


@pytest.fixture(scope="module")
def joint(dataset: Dataset) -> NASRecPIMSpace:
    dense, fields = dataset.train.dense.shape[1], len(dataset.fields)
    return nasrec_pim(dense, fields, blocks=2, widths=(8, 16), rows=(4, 8))


@pytest.fixture(scope="module")
def trained(joint: NASRecPIMSpace, dataset: Dataset) -> Supernet:
    supernet = Supernet(joint, dataset.fields, seed=1, std=1e-2, device="cpu")
    recipe = SupernetRecipe(epochs=3, batch_size=128, lr=3e-3, embedding_l2=0.01, mode="given")
    train_supernet(supernet, dataset, recipe, given=[Hardware().equip(model(joint))])
    return supernet


def model(joint: NASRecPIMSpace) -> Architecture:
    blocks = [
        Block(("fc",), ("efc",), 16, 8, dense_to_sparse=True),
        Block(("dot_product",), ("attention",), 16, 8, (0, 1), (0, 1), fm=True),
    ]
    return joint.model.assemble(blocks)


def test_plans_know_their_hardware(joint: NASRecPIMSpace) -> None:
    net = Hardware(weight_bits=4, adc_bits=6, embedding_bits=5).equip(model(joint))
    plan = compile_plan(net)
    assert plan.embedding_bits == 5
    assert plan.head_mapping is not None
    assert all(step.mapping == plan.head_mapping for _, step in plan.steps)
    assert (plan.head_mapping.weight_bits, plan.head_mapping.adc_bits) == (4, 6)
    # Hardware needs no weights of its own.
    assert dict(plan.weights) == dict(compile_plan(model(joint)).weights)


def test_paths_of_a_joint_space_have_hardware(joint: NASRecPIMSpace) -> None:
    sampler = PathSampler(joint, warmup_steps=10, seed=3)
    drawn = [sampler.draw(step) for step in range(12)]
    for net in drawn:
        net.validate(joint.kinds)
        assert compile_plan(net).head_mapping is not None
    assert len({compile_plan(net).head_mapping for net in drawn}) > 4
    assert drawn[5] == PathSampler(joint, warmup_steps=10, seed=3).draw(5)


def test_many_bits_compute_what_no_hardware_does(
    joint: NASRecPIMSpace, trained: Supernet, dataset: Dataset
) -> None:
    plain = model(joint)
    fine = Hardware(weight_bits=16, activation_bits=16, embedding_bits=16).equip(plain)
    coarse = Hardware(weight_bits=3, activation_bits=3, embedding_bits=3).equip(plain)
    dense, ids, _ = to_tensors(dataset.valid.take(np.arange(64)), torch.device("cpu"))
    logits = []
    for net in (plain, fine, coarse):
        plan = trained.plan(net)
        with torch.no_grad():
            logits.append(trained.forward(plan, trained.bank.slices(plan), dense, ids))
    torch.testing.assert_close(logits[0], logits[1], atol=2e-2, rtol=1e-2)
    assert (logits[0] - logits[2]).abs().mean() > 10 * (logits[0] - logits[1]).abs().mean()


def test_log_loss_rises_as_adc_bits_fall_below_lossless(
    joint: NASRecPIMSpace, trained: Supernet, dataset: Dataset
) -> None:
    scoring = SubnetScoring(refit="none", analog=Analog(variation=0.0))
    evaluator = SupernetEvaluator(trained, dataset, scoring)
    hardware = Hardware(size=64, cell_bits=2, dac_bits=1)
    nets = [replace(hardware, adc_bits=bits).equip(model(joint)) for bits in (10, 7, 5, 4)]
    loss = [evaluation.metrics["logloss"] for evaluation in evaluator.evaluate(nets)]
    # 64 rows of 2-bit cells driven by 1 bit need 7: from there on more bits change nothing.
    assert loss[0] == loss[1]
    assert loss[1] < loss[2] < loss[3]


def test_varying_cells_cost_accuracy(
    joint: NASRecPIMSpace, trained: Supernet, dataset: Dataset
) -> None:
    net = Hardware().equip(model(joint))
    loss = []
    for share in (0.0, 0.2):
        scoring = SubnetScoring(refit="none", analog=Analog(variation=share, seed=4))
        evaluation = SupernetEvaluator(trained, dataset, scoring).evaluate([net])[0]
        loss.append(evaluation.metrics["logloss"])
    assert loss[0] < loss[1]


def test_a_network_sees_its_crossbars_in_evaluation_only(
    joint: NASRecPIMSpace, dataset: Dataset
) -> None:
    net = Hardware(adc_bits=4).equip(model(joint))
    dense, ids, _ = to_tensors(dataset.valid.take(np.arange(32)), torch.device("cpu"))
    ideal, real = (Network(net, dataset.fields, analog=a) for a in (None, Analog()))
    assert torch.equal(ideal.train()(dense, ids), real.train()(dense, ids))
    assert not torch.allclose(ideal.eval()(dense, ids), real.eval()(dense, ids))
    assert torch.equal(real(dense, ids), real(dense, ids))


def test_an_ideal_network_has_no_chip(joint: NASRecPIMSpace, dataset: Dataset) -> None:
    net = Hardware(adc_bits=4).equip(model(joint))
    dense, ids, _ = to_tensors(dataset.valid.take(np.arange(32)), torch.device("cpu"))
    bits, real = (Network(net, dataset.fields, analog=a).eval() for a in (None, Analog()))
    real.ideal = True
    assert torch.equal(bits(dense, ids), real(dense, ids))
    trained = train_scratch(real, dataset, replace(DEFAULT, epochs=1), device="cpu", splits=())
    assert not trained.model.ideal


def test_mapped_subnets_are_scored_on_their_share_of_the_rows(
    joint: NASRecPIMSpace, trained: Supernet, dataset: Dataset
) -> None:
    scoring = SubnetScoring(refit="none", score_rows=None)
    plain, mapped = model(joint), Hardware().equip(model(joint))

    def losses(rows: int | None) -> list[float]:
        evaluator = SupernetEvaluator(trained, dataset, replace(scoring, mapped_rows=rows))
        return [e.metrics["logloss"] for e in evaluator.evaluate([plain, mapped])]

    whole, few = losses(None), losses(200)
    assert whole[0] == few[0]
    assert whole[1] != few[1]
    assert losses(len(dataset.valid)) == losses(10**6) == whole


def test_quantised_networks_learn(joint: NASRecPIMSpace, dataset: Dataset) -> None:
    net = Hardware(weight_bits=4, activation_bits=4, embedding_bits=4).equip(model(joint))
    recipe = replace(DEFAULT, epochs=2, batch_size=128, lr=5e-3, average=0.0)
    before = Network(net, dataset.fields, std=1e-2, seed=1)
    found = train_scratch(before, dataset, recipe, device="cpu", splits=("valid",))
    rate = float(dataset.valid.label.mean())
    entropy = -rate * np.log(rate) - (1 - rate) * np.log(1 - rate)
    assert found.metrics["valid"]["logloss"] < entropy - 0.01


SHORT = ShortTraining(rows=8000, score_rows=None, mapped_rows=None, seed=1)
RECIPE = replace(DEFAULT, epochs=2, batch_size=128, lr=5e-3, embedding_l2=0.01, embedding_std=1e-2)


def short_losses(dataset: Dataset, nets: list[Architecture], short: ShortTraining) -> list[float]:
    evaluator = ShortTrainingEvaluator(dataset, RECIPE, short)
    return [evaluation.metrics["logloss"] for evaluation in evaluator.evaluate(nets)]


def test_short_trainings_pay_for_adc_bits_below_lossless(
    joint: NASRecPIMSpace, dataset: Dataset
) -> None:
    hardware = Hardware(size=64, cell_bits=2, dac_bits=1)
    nets = [replace(hardware, adc_bits=bits).equip(model(joint)) for bits in (10, 7, 5, 4)]
    loss = short_losses(dataset, nets, SHORT)
    # All four are the same training, which sees the bits alone: what differs is the read-out.
    assert loss[0] == loss[1]
    assert loss[1] < loss[2] < loss[3]


def test_short_trainings_learn_with_the_bits_that_they_have(
    joint: NASRecPIMSpace, dataset: Dataset
) -> None:
    plain = model(joint)
    coarse = Hardware(weight_bits=3, activation_bits=3, embedding_bits=3, adc_bits=10).equip(plain)
    recipe = ShortTrainingEvaluator(dataset, RECIPE, SHORT).recipe
    seen = dataset.drawn({"train": SHORT.rows}, seed=SHORT.seed)
    ignorant = train_scratch(
        Network.untrained(plain, dataset.fields, recipe, seed=1), seen, recipe, seed=1
    )
    mapped = Network(coarse, dataset.fields, analog=Analog())
    mapped.load_state_dict(ignorant.model.state_dict())
    scores = predict(mapped, dataset.valid, torch.device("cpu"))
    rounded = click_metrics(dataset.valid.label, scores)["logloss"]
    assert short_losses(dataset, [coarse], SHORT)[0] < rounded


def test_short_trainings_score_what_is_mapped_on_its_share_of_the_rows(
    joint: NASRecPIMSpace, dataset: Dataset
) -> None:
    short, plain = replace(SHORT, rows=256), model(joint)
    nets = [plain, Hardware().equip(plain)]
    whole = short_losses(dataset, nets, short)
    few = short_losses(dataset, nets, replace(short, mapped_rows=200))
    assert whole[0] == few[0]
    assert whole[1] != few[1]


def test_a_mapping_without_a_crossbar_is_named(joint: NASRecPIMSpace) -> None:
    net = Hardware().equip(model(joint))
    edges = tuple(edge for edge in net.edges if edge.port != "crossbar")
    with pytest.raises(ValueError, match=r"'hardware.mapping' is not tied to a crossbar"):
        compile_plan(Architecture(net.nodes, edges).live())
    assert isinstance(net.nodes[0], Node)
