"""Truth tables of recommender architectures, as ``benchmarks/truth_table.py`` writes them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from dagsmith.data.column_mapping import TableMapping
from dagsmith.data.errors import DatasetError
from dagsmith.data.mapped_table import read_genotypes
from dagsmith.data.table_evaluator import TableEvaluator
from dagsmith.data.table_files import load_table
from dagsmith.data.tables import EvaluatedTable
from dagsmith.space import SPACES, ClickSpace, Genotypes, SampledSpace
from dagsmith.space.errors import nearest

FORMAT = "dagsmith.truth/1"
TRUTH_TABLES = Path(__file__).parent / "truth_tables"
"""The folder of the tables that come with dagsmith."""


@dataclass(frozen=True)
class TruthTable:
    """Architectures that were trained from scratch, and every cheaper opinion of them.

    Metrics: ``valid_logloss``, ``valid_auc``, ``test_logloss``, ``test_auc``, means over the seeds,
    and with ``_0``, ``_1``, ... each seed's. Costs: ``parameters``, ``flops``, ``seconds`` of a
    training. Fidelities: of a supernet, of a short training, and the zero-cost scores.

    Args:
        space: what the architectures are of.
        genotypes: of the rows, ``[architectures, slots]``.
        table: graphs and measurements.
        card: how they came about: data, recipe, seeds, how well two seeds agree, versions.
    """

    space: ClickSpace
    genotypes: Genotypes
    table: EvaluatedTable
    card: Mapping[str, Any]

    @property
    def sampled(self) -> SampledSpace:
        """The space of the rows alone: whatever a sampler proposes there was measured."""
        return SampledSpace(self.space, self.genotypes)

    @property
    def evaluator(self) -> TableEvaluator:
        """Answers with the metrics and costs of training from scratch."""
        return TableEvaluator(self.table, fidelity="scratch")


def shipped_truth_tables(space: str | None = None) -> tuple[str, ...]:
    """Names of the tables that come with dagsmith.

    Args:
        space: name of the space that they are to be of; None is any.
    """
    names = sorted(file.stem for file in TRUTH_TABLES.glob("*.parquet"))
    if space is None:
        return tuple(names)
    cards = {name: _card(TRUTH_TABLES / f"{name}.parquet") for name in names}
    return tuple(name for name in names if cards[name]["space"]["name"] == space)


def truth_table(name: str | Path) -> TruthTable:
    """Read architectures that were trained from scratch.

    Args:
        name: One of `shipped_truth_tables`, or the path of a parquet file, beside which its data
            card, with the space and the recipe, lies under the same name with the suffix ``.json``.

    Raises:
        DatasetError: If there is no such table, the file or its card is missing, damaged, or of
            another format, or its architectures are others than the space makes of its choices
            today.
    """
    path = Path(name)
    if not path.suffix:
        path = TRUTH_TABLES / f"{name}.parquet"
        if not path.exists():
            known = shipped_truth_tables()
            raise DatasetError(
                f"no truth table is called {str(name)!r}; {nearest(str(name), known)}"
            )
    card = _card(path)
    try:
        facts, columns = card["space"], card["columns"]
        if facts["name"] not in SPACES:
            raise DatasetError(
                f"{path.with_suffix('.json')}: unknown space {facts['name']!r}; "
                f"{nearest(str(facts['name']), SPACES)}"
            )
        space = SPACES[facts["name"]](
            int(facts["dense_features"]),
            int(facts["sparse_fields"]),
            blocks=int(facts["blocks"]),
            embedding_dim=int(facts["embedding_dim"]),
        )
        mapping = TableMapping(columns["metrics"], columns["costs"], columns["fidelities"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DatasetError):
            raise
        file = path.with_suffix(".json")
        raise DatasetError(f"{file}: damaged data card: {error!r}") from None
    table = load_table(path, space, mapping)
    _check_keys(path, table)
    return TruthTable(space, read_genotypes(path, space), table, card)


def _card(path: Path) -> dict[str, Any]:
    file = path.with_suffix(".json")
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(f"{file}: missing; expected the data card of {path.name}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DatasetError(f"{file}: not JSON: {error}") from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise DatasetError(f"{file}: not a data card of format {FORMAT!r}")
    return card


def _check_keys(path: Path, table: EvaluatedTable) -> None:
    """A space that decodes its choices in another way would give the figures to other networks."""
    if "key" not in pl.read_parquet_schema(path):
        raise DatasetError(f"{path}: column 'key' is missing; expected the architectures' keys")
    for row, key in enumerate(pl.read_parquet(path, columns=["key"])["key"]):
        if table.population.architecture(row).key != key:
            raise DatasetError(
                f"{path}: row {row}: the space makes another architecture of these choices than "
                "was trained; expected a table of this version of dagsmith"
            )
