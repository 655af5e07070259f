import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dagsmith.data import DatasetError, shipped_truth_tables, truth_table
from dagsmith.space import ctr_plus


@pytest.fixture
def card() -> dict[str, Any]:
    return {
        "format": "dagsmith.truth/1",
        "space": {
            "name": "ctr-plus",
            "dense_features": 3,
            "sparse_fields": 4,
            "blocks": 2,
            "embedding_dim": 8,
        },
        "columns": {
            "metrics": ["valid_logloss"],
            "costs": ["flops"],
            "fidelities": ["supernet_logloss"],
        },
    }


@pytest.fixture
def file(tmp_path: Path, card: dict[str, Any]) -> Path:
    space = ctr_plus(3, 4, blocks=2, embedding_dim=8)
    genotypes = space.sample(5, np.random.default_rng(2))
    columns: dict[str, Any] = {
        slot.name: [slot.choices[gene] for gene in genotypes[:, place]]
        for place, slot in enumerate(space.slots)
    }
    columns |= {
        "key": [space.decode(genotype).key for genotype in genotypes],
        "valid_logloss": [0.1, 0.2, None, 0.4, 0.5],
        "flops": [1.0] * 5,
        "supernet_logloss": [0.3] * 5,
    }
    path = tmp_path / "truth.parquet"
    pl.DataFrame(columns).write_parquet(path)
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


def test_the_table_has_the_architectures_of_its_space(file: Path) -> None:
    truth = truth_table(file)
    genotypes = truth.space.sample(5, np.random.default_rng(2))
    assert (truth.genotypes == genotypes).all()
    for row, genotype in enumerate(genotypes):
        assert truth.table.population.architecture(row).key == truth.space.decode(genotype).key
    assert truth.table.names == ("valid_logloss", "flops", "supernet_logloss")
    found = truth.evaluator.evaluate([truth.space.decode(genotypes[1])])[0]
    assert found.metrics == {"valid_logloss": 0.2}
    assert found.fidelity == "scratch"


def test_samplers_find_only_what_was_trained(file: Path) -> None:
    truth, rng = truth_table(file), np.random.default_rng(0)
    proposed = truth.sampled.mutate(truth.space.sample(20, rng), rng)
    nets = [truth.sampled.decode(genotype) for genotype in proposed]
    assert not any(found.failure for found in truth.evaluator.evaluate(nets))


def test_shipped_tables_are_found_by_their_space() -> None:
    assert shipped_truth_tables("ctr-plus") == ("frappe-ctr-plus", "synthetic-ctr-plus")
    assert shipped_truth_tables("nasrec-small") == ()


@pytest.mark.parametrize("name", shipped_truth_tables())
def test_tables_that_come_with_dagsmith(name: str) -> None:
    truth = truth_table(name)
    known = truth.table.measured("valid_logloss_0", "valid_logloss_1", "supernet_logloss")
    assert len(truth.table) >= 400
    assert len(known) >= 0.95 * len(truth.table)
    assert truth.card["seeds"] == 2
    means = np.mean([known.column(f"valid_logloss_{seed}") for seed in (0, 1)], axis=0)
    np.testing.assert_allclose(known.column("valid_logloss"), means, rtol=1e-6)


def test_some_tables_come_with_dagsmith() -> None:
    assert shipped_truth_tables() == ("frappe-ctr-plus", "synthetic-ctr-plus")
    with pytest.raises(DatasetError, match="no truth table is called 'frape-ctr-plus'; did you"):
        truth_table("frape-ctr-plus")


def test_a_table_of_another_version_of_the_space_is_refused(file: Path) -> None:
    frame = pl.read_parquet(file)
    frame.with_columns(key=frame["key"].reverse()).write_parquet(file)
    with pytest.raises(DatasetError, match=r"row 0: the space makes another architecture"):
        truth_table(file)
    frame.drop("key").write_parquet(file)
    with pytest.raises(DatasetError, match="column 'key' is missing"):
        truth_table(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "else"}, "not a data card of format 'dagsmith.truth/1'"),
        ({"space": {"name": "ctr-pluss"}}, "unknown space 'ctr-pluss'; did you mean 'ctr-plus'"),
        ({"space": {"name": "ctr-plus"}}, "damaged data card: KeyError"),
        ({"columns": {"metrics": ["valid"], "costs": [], "fidelities": []}}, "'valid'"),
    ],
)
def test_a_wrong_card_is_refused(
    file: Path, card: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    file.with_suffix(".json").write_text(json.dumps(card | change))
    with pytest.raises(DatasetError, match=message):
        truth_table(file)


def test_a_missing_card_is_named(file: Path) -> None:
    file.with_suffix(".json").unlink()
    with pytest.raises(DatasetError, match=r"truth\.json: missing; expected the data card"):
        truth_table(file)
