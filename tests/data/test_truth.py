import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dagsmith.data import DatasetError, TableEvaluator, truth_table
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
        "valid_logloss": [0.1, 0.2, None, 0.4, 0.5],
        "flops": [1.0] * 5,
        "supernet_logloss": [0.3] * 5,
    }
    path = tmp_path / "truth.parquet"
    pl.DataFrame(columns).write_parquet(path)
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


def test_the_table_has_the_architectures_of_its_space(file: Path) -> None:
    space, table = truth_table(file)
    genotypes = space.sample(5, np.random.default_rng(2))
    for row, genotype in enumerate(genotypes):
        assert table.population.architecture(row).key == space.decode(genotype).key
    assert table.names == ("valid_logloss", "flops", "supernet_logloss")
    found = TableEvaluator(table).evaluate([space.decode(genotypes[1])])[0]
    assert found.metrics == {"valid_logloss": 0.2}


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
