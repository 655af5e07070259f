"""A predictor that has learned truth tables before it sees the labels of a search."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dagsmith.data import DatasetError
from dagsmith.errors import RunError
from dagsmith.job import Job
from dagsmith.pipeline import search_models
from dagsmith.predictor import GNNPredictor, GNNSettings, PredictorError, TrainingSettings
from dagsmith.predictor_start import predictor_start, tables_to_learn
from dagsmith.progress import SilentReporter
from dagsmith.run_directory import RunDirectory
from dagsmith.settings import SearchSettings
from dagsmith.space import ctr_plus, nasrec_small
from dagsmith.truth_start import TruthStart, tables_of

QUICK = GNNSettings(training=TrainingSettings(epochs=4))
SPACE = ctr_plus(3, 4, blocks=1, embedding_dim=8)


def write_table(folder: Path, name: str, seed: int, losses: Any) -> str:
    """A truth table of random architectures, whose log losses a function of them says."""
    genotypes = SPACE.sample(40, np.random.default_rng(seed))
    columns: dict[str, Any] = {
        slot.name: [slot.choices[gene] for gene in genotypes[:, place]]
        for place, slot in enumerate(SPACE.slots)
    }
    columns["key"] = [SPACE.decode(genotype).key for genotype in genotypes]
    columns["valid_logloss"] = losses(genotypes)
    path = folder / f"{name}.parquet"
    pl.DataFrame(columns).write_parquet(path)
    card = {
        "format": "dagsmith.truth/1",
        "space": {
            "name": "ctr-plus",
            "dense_features": 3,
            "sparse_fields": 4,
            "blocks": 1,
            "embedding_dim": 8,
        },
        "columns": {"metrics": ["valid_logloss"], "costs": [], "fidelities": []},
    }
    path.with_suffix(".json").write_text(json.dumps(card))
    return str(path)


def small_first(genotypes: Any) -> list[float]:
    """Log losses that are the better the fewer components there are."""
    nodes = SPACE.decode_many(genotypes).present.sum(axis=1)
    return [0.3 + 0.02 * float(count) for count in nodes]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_table(tmp_path_factory.mktemp("tables"), "small-first", 1, small_first)


def test_a_few_labels_go_farther_after_a_table_that_teaches_the_same(
    table: str, tmp_path: Path
) -> None:
    told: list[tuple[str, int, int | None]] = []
    start = TruthStart(
        [table],
        tmp_path / "kept.safetensors",
        settings=GNNSettings(training=TrainingSettings(epochs=30)),
        progress=lambda *how_far: told.append(how_far),
    )
    rng = np.random.default_rng(5)
    genotypes = SPACE.sample(60, rng)
    truth = np.array(small_first(genotypes))
    nets = SPACE.decode_many(genotypes)
    errors = []
    for predictor in (start(SPACE.kinds, 0), GNNPredictor(SPACE.kinds, seed=0, unknown="mean")):
        # Another log: half the spread, and all of it better.
        predictor.fit(nets[:6], 0.1 + 0.5 * truth[:6])
        found = predictor.predict(nets[6:]).mean
        errors.append(1 - np.corrcoef(found, truth[6:])[0, 1])
    assert errors[0] < 0.5 * errors[1]
    assert {step for step, _, _ in told} == {"predictor"}
    assert told[-1][1] == told[-1][2]
    # What was learned is kept, and is read instead of learned again.
    again = TruthStart(["not there"], tmp_path / "kept.safetensors")
    np.testing.assert_array_equal(
        again.learned.predict(nets).mean, start.learned.predict(nets).mean
    )


def test_the_last_table_weighs_most(table: str, tmp_path: Path) -> None:
    against = write_table(tmp_path, "against", 1, lambda g: [1.0 - loss for loss in small_first(g)])
    nets = SPACE.decode_many(SPACE.sample(50, np.random.default_rng(6)))
    first, second = (
        TruthStart(tables, settings=QUICK).learned.predict(nets).mean
        for tables in ([against, table], [table, against])
    )
    assert np.corrcoef(first, second)[0, 1] < -0.5


def test_tables_that_cannot_be_learned_are_named(table: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected at least one"):
        TruthStart([])
    with pytest.raises(DatasetError, match="no truth table is called 'frappe'"):
        _ = TruthStart(["frappe"]).learned
    start = TruthStart([table], settings=QUICK)
    with pytest.raises(PredictorError, match="the predictor to start from knows"):
        start(nasrec_small(3, 4).kinds, 0)


def job(settings: SearchSettings, path: Path) -> Job:
    return Job(settings, RunDirectory(path, settings.to_dict()), SilentReporter())


def test_a_search_learns_the_tables_of_its_space_unless_it_is_told_otherwise(
    tmp_path: Path,
) -> None:
    plus = SearchSettings(space="ctr-plus")
    assert tables_of("ctr-plus") == ("frappe-ctr-plus",)
    assert tables_to_learn(job(plus, tmp_path / "a")) == ("frappe-ctr-plus",)
    others = (
        replace(plus, space="nasrec-small"),
        replace(plus, sampler="random"),
        replace(plus, predictor_store="store"),
        replace(plus, transfer=("none",)),
        replace(plus, transfer=("none",), sampler="tpe"),
        replace(plus, transfer=("none",), predictor_store="store"),
    )
    for number, settings in enumerate(others):
        assert not tables_to_learn(job(settings, tmp_path / str(number)))
    asked = replace(plus, transfer=("synthetic-ctr-plus", "frappe-ctr-plus"))
    start = predictor_start(job(asked, tmp_path / "b"))
    assert isinstance(start, TruthStart)
    assert start.tables == asked.transfer


def test_a_table_of_another_space_is_refused_before_anything_is_trained(
    tiny: SearchSettings, table: str, tmp_path: Path
) -> None:
    settings = replace(tiny, transfer=(table,))
    with pytest.raises(RunError, match=r"small-first.parquet: its architectures are of other comp"):
        search_models(settings, tmp_path / "run")
    assert not (tmp_path / "run" / "stages" / "recipe.json").exists()
    with pytest.raises(DatasetError, match="no truth table is called 'frape-ctr-plus'; did you"):
        search_models(replace(tiny, transfer=("frape-ctr-plus",)), tmp_path / "other")
