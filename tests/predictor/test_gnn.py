from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.predictor import (
    GNNPredictor,
    GNNSettings,
    PredictorError,
    TrainingSettings,
    gnn,
    rank_correlation,
)
from dagsmith.predictor.principal_components import principal_components
from dagsmith.predictor.settings import Order
from dagsmith.predictor.testing import check_predictor
from dagsmith.space import (
    Architecture,
    ArchitectureError,
    Edge,
    NASBench201Space,
    NASRecSpace,
    Node,
    Population,
    Vocabulary,
    isomorphism_fingerprint,
    nasrec_full,
)


def depth_like(population: Population) -> np.ndarray:
    """A made-up cost: wide operators cost more, crossing ones twice, edges a little."""
    kind = population.vocabulary.index["dense_op"]
    width = np.where(population.kind == kind, population.attributes[:, :, 1], 0.0)
    crossing = np.where(population.attributes[:, :, 0] == 1, 2.0, 1.0)
    edges = (population.edges > 0).sum((1, 2))
    return np.asarray(np.log((width * crossing).sum(axis=1) + 1.0) + 0.05 * edges)


def test_conformance(population: Population, quick: GNNSettings) -> None:
    check_predictor(lambda: GNNPredictor(population.vocabulary, quick, seed=3), population)


def test_it_ranks_architectures_that_it_has_not_seen(space: NASRecSpace) -> None:
    population = space.decode_many(space.sample(400, np.random.default_rng(5)))
    targets = depth_like(population)
    small = GNNSettings(members=2, dim=16, rounds=2, training=TrainingSettings(epochs=40))
    predictor = GNNPredictor(space.kinds, small).fit(population[:150], targets[:150])
    prediction = predictor.predict(population[150:])
    tau = rank_correlation(targets[150:], prediction.mean, resamples=0).value
    assert tau is not None
    assert tau > 0.7
    # In units of the target, too: better than its spread.
    error = np.abs(prediction.mean - targets[150:]).mean()
    assert error < 0.5 * np.abs(targets[150:] - targets[:150].mean()).mean()


def test_the_seed_decides(population: Population, quick: GNNSettings) -> None:
    targets = depth_like(population)
    first, again, other = (
        GNNPredictor(population.vocabulary, quick, seed)
        .fit(population, targets)
        .predict(population)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.samples, again.samples)
    assert (first.samples != other.samples).mean() > 0.9


def test_members_differ(population: Population, quick: GNNSettings) -> None:
    predictor = GNNPredictor(population.vocabulary, quick)
    prediction = predictor.fit(population, depth_like(population)).predict(population)
    assert (prediction.std > 0).all()


def test_chunks_do_not_show(
    population: Population, quick: GNNSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = GNNPredictor(population.vocabulary, quick).fit(population, depth_like(population))
    whole = predictor.predict(population)
    monkeypatch.setattr(gnn, "_CHUNK", 7)
    np.testing.assert_allclose(predictor.predict(population).samples, whole.samples, atol=1e-5)


SMALL = nasrec_full(dense_features=4, sparse_fields=5, blocks=3)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_isomorphic_architectures_are_predicted_alike(seed: int) -> None:
    genotypes = SMALL.sample(20, np.random.default_rng(seed))
    population = SMALL.decode_many(genotypes)
    tiny = GNNSettings(members=2, dim=4, rounds=1, training=TrainingSettings(epochs=1))
    predictor = GNNPredictor(SMALL.kinds, tiny).fit(population, np.arange(20.0))
    canonical = [SMALL.decode(row).canonical() for row in genotypes]
    np.testing.assert_allclose(
        predictor.predict(canonical).mean, predictor.predict(population).mean, atol=1e-3
    )


def test_dead_genes_redrawn_are_predicted_alike() -> None:
    rng = np.random.default_rng(0)
    genotypes = SMALL.sample(200, rng)
    redrawn = genotypes.copy()
    row, gene = np.arange(200), rng.integers(0, genotypes.shape[1], 200)
    redrawn[row, gene] = SMALL.sample(200, rng)[row, gene]
    # Dead is what the architecture does not depend on.
    keys = [isomorphism_fingerprint(SMALL.decode_many(each)) for each in (genotypes, redrawn)]
    alike = (keys[0] == keys[1]) & (genotypes != redrawn).any(axis=1)
    assert 3 < alike.sum() < 200
    before, after = SMALL.decode_many(genotypes[alike]), SMALL.decode_many(redrawn[alike])
    tiny = GNNSettings(members=2, dim=4, rounds=1, training=TrainingSettings(epochs=1))
    predictor = GNNPredictor(SMALL.kinds, tiny).fit(SMALL.decode_many(genotypes), np.arange(200.0))
    np.testing.assert_allclose(
        predictor.predict(after).mean, predictor.predict(before).mean, atol=1e-3
    )


def test_progress_counts_the_steps(population: Population, quick: GNNSettings) -> None:
    seen: list[tuple[int, int]] = []
    GNNPredictor(population.vocabulary, quick).fit(
        population, depth_like(population), progress=lambda done, total: seen.append((done, total))
    )
    # 60 architectures in 4 batches of 15, for 4 epochs.
    assert seen == [(done, 16) for done in range(1, 17)]


def test_any_vocabulary(cells: Vocabulary, quick: GNNSettings) -> None:
    architectures = [
        Architecture(
            (Node.of("source"), Node.of("conv", activation="relu", width=width, bias=bias)), ()
        )
        for width in (1, 2, 4, 8)
        for bias in (False, True)
    ]
    predictor = GNNPredictor(cells, quick).fit(architectures, np.arange(8.0))
    assert np.isfinite(predictor.predict(architectures).mean).all()
    with pytest.raises(ArchitectureError, match="'gelu'"):
        predictor.predict(
            [Architecture((Node.of("conv", activation="gelu", width=1, bias=True),), ())]
        )


def test_pretraining_on_free_labels_helps_where_they_tell_something(space: NASRecSpace) -> None:
    population = space.decode_many(space.sample(400, np.random.default_rng(6)))
    targets = depth_like(population)
    size = population.present.sum(axis=1)
    few, rest = population[:12], population[12:]
    little = TrainingSettings(epochs=10, batch=12)
    small = GNNSettings(
        members=2,
        dim=16,
        rounds=2,
        training=little,
        pretraining=TrainingSettings(epochs=30, leave_out=False),
    )
    plain = GNNPredictor(space.kinds, small)
    taught = GNNPredictor(space.kinds, small)
    taught.pretrain(rest, {"cost": 2.0 * targets[12:], "nodes": size[12:]})
    taus = []
    for predictor in (plain, taught):
        mean = predictor.fit(few, targets[:12]).predict(rest).mean
        taus.append(rank_correlation(targets[12:], mean, resamples=0).value or 0.0)
    assert taus[1] > taus[0] + 0.1


def test_pretraining_on_architectures_without_labels(quick: GNNSettings) -> None:
    space = NASBench201Space()
    cells = space.decode_many(space.every_cell()[::41])
    component = principal_components(cells, 3)
    settings = replace(quick, graph_features=False, pretraining=TrainingSettings(epochs=20))
    predictor = GNNPredictor(space.kinds, settings).pretrain(cells[:300], components=3)
    # The network alone has made out what the graph features say, also of other cells.
    assert predictor._pretrained is not None
    answers = predictor._pretrained.score(cells[300:], torch.zeros(len(cells) - 300, 0)).mean(0)
    ranking = rank_correlation(component["component 0"][300:], answers[:, 0], resamples=0).value
    assert ranking is not None
    # The sign of a component is open.
    assert abs(ranking) > 0.7


def test_components_are_learned_beside_costs(population: Population, quick: GNNSettings) -> None:
    costs = {"cost": depth_like(population)}
    predictor = GNNPredictor(population.vocabulary, quick)
    predictor.pretrain(population, costs, components=2)
    assert predictor._pretrained is not None
    assert len(predictor._pretrained.scales) == 3
    with pytest.raises(PredictorError, match="components is -1; expected at least 1"):
        predictor.pretrain(population, costs, components=-1)


def test_pretraining_names_the_cost_that_is_off(population: Population, quick: GNNSettings) -> None:
    predictor = GNNPredictor(population.vocabulary, quick)
    with pytest.raises(PredictorError, match="at least one cost, or components"):
        predictor.pretrain(population, {})
    with pytest.raises(PredictorError, match="flops have 1 distinct"):
        predictor.pretrain(population, {"flops": np.ones(len(population))})


def test_targets_are_refused_by_row(population: Population, quick: GNNSettings) -> None:
    predictor = GNNPredictor(population.vocabulary, quick)
    targets = depth_like(population)
    targets[[4, 17]] = np.nan, np.inf
    with pytest.raises(PredictorError, match="not finite in 2 rows: 4, 17"):
        predictor.fit(population, targets)
    with pytest.raises(PredictorError, match=r"shape \(59,\); expected \[60\]"):
        predictor.fit(population, targets[:-1])
    with pytest.raises(PredictorError, match="2 distinct"):
        predictor.fit(population, np.arange(60) % 2)
    with pytest.raises(PredictorError, match="not fitted"):
        predictor.predict(population)


def test_another_vocabulary_is_refused(
    population: Population, cells: Vocabulary, quick: GNNSettings
) -> None:
    with pytest.raises(PredictorError, match="source, conv, pool"):
        GNNPredictor(cells, quick).fit(population, depth_like(population))


def test_divergence_is_said(population: Population, quick: GNNSettings) -> None:
    wild = GNNSettings(members=1, dim=4, training=TrainingSettings(epochs=3, learning_rate=1e30))
    with pytest.raises(PredictorError, match="diverged"):
        GNNPredictor(population.vocabulary, wild).fit(population, depth_like(population))


def test_a_failed_fit_leaves_the_earlier_one(population: Population, quick: GNNSettings) -> None:
    predictor = GNNPredictor(population.vocabulary, quick).fit(population, depth_like(population))
    before = predictor.predict(population).mean
    with pytest.raises(PredictorError):
        predictor.fit(population, np.ones(len(population)))
    np.testing.assert_array_equal(predictor.predict(population).mean, before)


def test_saved_and_loaded(tmp_path: Path, population: Population, quick: GNNSettings) -> None:
    targets = depth_like(population)
    predictor = GNNPredictor(population.vocabulary, quick, seed=4)
    predictor.pretrain(population, {"cost": targets}).fit(population, targets)
    path = tmp_path / "deep" / "predictor.safetensors"
    predictor.save(path)
    loaded = GNNPredictor.load(path)
    assert (loaded.kinds, loaded.settings, loaded.seed) == (population.vocabulary, quick, 4)
    np.testing.assert_array_equal(
        loaded.predict(population).samples, predictor.predict(population).samples
    )
    # What was pretrained came along: both learn the same from new labels.
    new = targets[::-1]
    np.testing.assert_array_equal(
        loaded.fit(population, new).predict(population).samples,
        predictor.fit(population, new).predict(population).samples,
    )
    assert [file.name for file in path.parent.iterdir()] == ["predictor.safetensors"]


def test_nothing_to_save(tmp_path: Path, cells: Vocabulary) -> None:
    with pytest.raises(PredictorError, match="nothing to save"):
        GNNPredictor(cells).save(tmp_path / "predictor.safetensors")
    assert not list(tmp_path.iterdir())


def test_extras_are_read(population: Population) -> None:
    rng = np.random.default_rng(0)
    hint = rng.normal(size=len(population))
    settings = GNNSettings(members=2, dim=8, rounds=1, training=TrainingSettings(epochs=60))
    known, unseen = slice(0, 40), slice(40, None)
    predictor = GNNPredictor(population.vocabulary, settings).fit(
        population[known], hint[known] + 3.0, {"hint": np.exp(hint[known])}
    )
    found = predictor.predict(population[unseen], {"hint": np.exp(hint[unseen])}).mean
    assert np.corrcoef(found, hint[unseen])[0, 1] > 0.8
    for extras, message in (
        (None, r"extras are \[\]; this predictor was fitted with \['hint'\]"),
        ({"hint": hint[unseen], "more": hint[unseen]}, "fitted with"),
        ({"hint": hint[known]}, "expected \\[20\\]"),
        ({"hint": np.full(20, np.nan)}, "not finite in 20 rows"),
    ):
        with pytest.raises(PredictorError, match=message):
            predictor.predict(population[unseen], extras)
    with pytest.raises(PredictorError, match=r"extra 'hint' is 1\.0 everywhere"):
        predictor.fit(population[known], hint[known], {"hint": np.ones(40)})


def test_extras_survive_saving_and_pretraining(
    tmp_path: Path, population: Population, quick: GNNSettings
) -> None:
    targets = depth_like(population)
    extras = {"b": np.arange(len(population)), "a": targets**2}
    predictor = GNNPredictor(population.vocabulary, quick, unknown="mean")
    predictor.pretrain(population, {"cost": targets}).fit(population, targets, extras)
    predictor.save(tmp_path / "p.safetensors")
    loaded = GNNPredictor.load(tmp_path / "p.safetensors")
    assert loaded.unknown == "mean"
    first, second = (p.predict(population, extras) for p in (predictor, loaded))
    np.testing.assert_array_equal(first.samples, second.samples)
    np.testing.assert_array_equal(first.interval(0.8), second.interval(0.8))


def test_a_start_keeps_what_it_knows_of_an_extra_by_its_name(
    population: Population, quick: GNNSettings
) -> None:
    rng = np.random.default_rng(0)
    hint, noise = rng.normal(size=(2, len(population)))
    taught = replace(quick, linear_part=False, training=replace(quick.training, epochs=60))
    first = GNNPredictor(population.vocabulary, taught).fit(population, hint, {"hint": hint})
    untaught = replace(taught, training=replace(taught.training, epochs=1, learning_rate=1e-9))
    later = GNNPredictor(population.vocabulary, untaught).start_from(first)
    later.fit(population, hint, {"before": noise, "hint": hint})
    before = first.predict(population, {"hint": hint}).mean
    after = later.predict(population, {"before": noise, "hint": hint}).mean
    assert np.corrcoef(before, after)[0, 1] > 0.95


def test_equal_architectures_are_averaged(
    population: Population, quick: GNNSettings, caplog: pytest.LogCaptureFixture
) -> None:
    targets = np.linspace(0.0, 1.0, len(population))
    twice = population[np.r_[0 : len(population), 0:3]]
    with caplog.at_level("INFO", logger="dagsmith.predictor"):
        predictor = GNNPredictor(population.vocabulary, quick).fit(
            twice, np.r_[targets, targets[:2] + 0.5, targets[2]]
        )
    assert "3 of 60 architectures occur more than once; 2 had different targets" in caplog.text
    # Said without any set-up of logging: Python shows warnings by itself.
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    scale = predictor._fitted.scales[0].values if predictor._fitted else np.zeros(0)
    assert len(scale) == len(population)
    assert targets[0] + 0.25 in scale


def test_what_was_never_fitted_is_said(cells: Vocabulary, quick: GNNSettings) -> None:
    def chain(activation: str, width: int, pool: bool) -> Architecture:
        nodes = [
            Node.of("source"),
            Node.of("conv", activation=activation, width=width, bias=False),
            *([Node.of("pool", stride=2)] if pool else []),
        ]
        edges = [Edge(at, at + 1, "left") for at in range(len(nodes) - 1)]
        return Architecture(tuple(nodes), tuple(edges))

    known = [chain("relu", width, False) for width in range(1, 31)]
    targets = np.arange(30.0)
    strange = [chain("relu", 5, False), chain("tanh", 5, False), chain("relu", 5, True)]
    with pytest.raises(PredictorError, match=r"2 architectures, the first in row 1.*=tanh, pool"):
        GNNPredictor(cells, quick).fit(known, targets).predict(strange)
    prediction = GNNPredictor(cells, quick, unknown="mean").fit(known, targets).predict(strange)
    low, high = prediction.interval(0.9)
    assert (np.abs(prediction.mean[1:] - targets.mean()) < 1.0).all()
    assert (prediction.std[1:] > 5.0).all()
    # As wide as the fitted targets are spread, and far wider than for what was fitted.
    assert (high - low)[1:].min() > 2 * targets.std()
    assert (high - low)[1:].min() > 1.2 * (high - low)[0]
    with pytest.raises(PredictorError, match="unknown is 'median'; expected one of"):
        GNNPredictor(cells, unknown="median")  # type: ignore[arg-type]


def test_intervals_hold_what_they_promise() -> None:
    space = nasrec_full(dense_features=13, sparse_fields=26)
    population = space.decode_many(space.sample(900, np.random.default_rng(5)))
    noise = np.random.default_rng(1).normal(0, 0.3, 900)
    targets = depth_like(population) + noise
    settings = GNNSettings(members=4, dim=16, rounds=2, training=TrainingSettings(epochs=30))
    prediction = (
        GNNPredictor(space.kinds, settings, unknown="mean")
        .fit(population[:200], targets[:200])
        .predict(population[200:])
    )
    for level in (0.5, 0.9):
        low, high = prediction.interval(level)
        inside = np.mean((targets[200:] >= low) & (targets[200:] <= high))
        assert abs(inside - level) < 0.1
    with pytest.raises(PredictorError, match=r"level is 1\.5"):
        prediction.interval(1.5)


def test_a_latency_is_learned_from_few_labels() -> None:
    space = NASBench201Space("whole")
    cells = space.decode_many(space.every_cell()[::31])
    costs = np.array([1.0, 9.0, 2.0, 2.0, 0.3, 0.0])
    operation = np.nan_to_num(cells.attributes[:, :, 0], nan=5.0).astype(int)
    latency = costs[operation].sum(axis=1) + 3.0
    rows = np.random.default_rng(0).permutation(len(cells))
    few, rest = rows[:100], rows[100:]
    few_epochs = TrainingSettings(epochs=10)
    errors = {}
    for linear in (True, False):
        settings = GNNSettings(dim=16, linear_part=linear, training=few_epochs)
        predictor = GNNPredictor(space.kinds, settings).fit(cells[few], latency[few])
        prediction = predictor.predict(cells[rest])
        errors[linear] = np.abs(prediction.mean - latency[rest]).mean()
        low, high = prediction.interval(0.9)
        assert ((low <= latency[rest]) & (latency[rest] <= high)).mean() > 0.8
    assert errors[True] < 0.1 * errors[False]


def test_several_targets_at_once(
    tmp_path: Path, population: Population, quick: GNNSettings
) -> None:
    size = population.present.sum(axis=1) + 0.01 * np.arange(len(population))
    edges = 100.0 * population.edges.sum(axis=(1, 2)) + 0.1 * np.arange(len(population))
    both = np.stack([size, edges], axis=1)
    predictor = GNNPredictor(population.vocabulary, quick).fit(population, both)
    prediction = predictor.predict(population)
    assert prediction.mean.shape == prediction.std.shape == (len(population), 2)
    assert prediction.samples.shape == (2, len(population), 2)
    for column, values in enumerate((size, edges)):
        own = prediction.target(column)
        assert values.min() - np.ptp(values) < own.mean.mean() < values.max() + np.ptp(values)
        low, high = own.interval(0.9)
        np.testing.assert_array_equal(low, prediction.interval(0.9)[0][:, column])
        assert (low < high).all()
    path = tmp_path / "predictor.safetensors"
    predictor.save(path)
    again = GNNPredictor.load(path).predict(population)
    np.testing.assert_array_equal(again.mean, prediction.mean)
    np.testing.assert_array_equal(again.interval(0.5)[1], prediction.interval(0.5)[1])


def test_one_column_of_targets_is_one_target(population: Population, quick: GNNSettings) -> None:
    size = population.present.sum(axis=1) + 0.01 * np.arange(len(population))
    flat = GNNPredictor(population.vocabulary, quick).fit(population, size).predict(population)
    predictor = GNNPredictor(population.vocabulary, quick).fit(population, size[:, None])
    column = predictor.predict(population)
    np.testing.assert_array_equal(column.mean[:, 0], flat.mean)
    with pytest.raises(PredictorError, match="no target 0"):
        flat.target(0)
    with pytest.raises(PredictorError, match="no target 1"):
        column.target(1)


def test_of_several_targets_the_column_is_named(population: Population, quick: GNNSettings) -> None:
    size = population.present.sum(axis=1) + 0.01 * np.arange(len(population))
    with pytest.raises(PredictorError, match=r"targets\[:, 1\] have 1 distinct"):
        GNNPredictor(population.vocabulary, quick).fit(
            population, np.stack([size, np.ones(len(size))], axis=1)
        )
    with pytest.raises(PredictorError, match="no column"):
        GNNPredictor(population.vocabulary, quick).fit(population, np.zeros((len(size), 0)))


@pytest.mark.parametrize("order", ["pairwise", "listwise"])
def test_either_ranking_loss_alone_ranks(space: NASRecSpace, order: Order) -> None:
    population = space.decode_many(space.sample(120, np.random.default_rng(5)))
    size = population.present.sum(axis=1) + population.edges.sum(axis=(1, 2)) / 10
    training = TrainingSettings(epochs=30, regression=0.0, order=order)
    predictor = GNNPredictor(space.kinds, GNNSettings(members=2, dim=16, training=training))
    mean = predictor.fit(population[:80], size[:80]).predict(population[80:]).mean
    tau = rank_correlation(size[80:], mean, resamples=0).value
    assert tau is not None
    assert tau > 0.6
